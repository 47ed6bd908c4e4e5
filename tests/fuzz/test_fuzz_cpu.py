"""What servers say of processors: plain names or an error, and plain names only for the others."""

import re
import time
from dataclasses import replace

import pytest
from bounds import fuzzed, outcome
from fake_libvirt import FakeDaemon
from hostile_xml import attack, attacks, odd
from hypothesis import strategies as st
from samples import CPU, DOMAIN_9, DOMAIN_CAPABILITIES, UUID

from openlpm.adapters.libvirt import processor
from openlpm.adapters.libvirt.facts import Capabilities
from openlpm.adapters.libvirt.partition_cpus import partition_cpus
from openlpm.adapters.libvirt.xml import MOST_NAME
from openlpm.model.errors import HypervisorRefused, OpenLpmError
from openlpm.model.processor import NamedCpu, OfferedCpu
from openlpm.model.sight import Sight
from openlpm.model.spoken import PLAIN

OFFERED = NamedCpu("EPYC-Rome", "AMD", ("x2apic",), ("sse4.1",))
WRITTEN = """<cpu mode="custom" match="exact">
  <model fallback="forbid">EPYC-Rome</model>
  <vendor>AMD</vendor>
  <feature policy="require" name="x2apic"/>
  <feature policy="disable" name="sse4.1"/>
</cpu>"""
HOSTILE = "avx'/><feature name='x"


def offered(daemon: FakeDaemon) -> list[OfferedCpu]:
    connection = daemon.connection()
    return processor.offered(connection, Capabilities(connection))


def computed(daemon: FakeDaemon, cpu: NamedCpu = OFFERED) -> NamedCpu:
    return processor.baseline(daemon.connection(), "x86_64", "kvm", [cpu])


def is_plain(cpu: NamedCpu) -> None:
    names = [cpu.model, *cpu.features, *cpu.without, *filter(None, [cpu.vendor])]
    assert all(map(PLAIN.match, names))
    assert set(re.findall(r"name=\"([^\"]*)\"", cpu.xml)) == {*cpu.features, *cpu.without}


def test_what_a_server_offers_is_its_host_model_by_hypervisor():
    kvm, qemu = offered(FakeDaemon())
    assert (kvm.hypervisor, qemu.hypervisor) == ("kvm", "qemu")
    assert kvm.cpu == qemu.cpu
    assert (kvm.cpu.model, kvm.cpu.vendor) == (OFFERED.model, OFFERED.vendor)
    assert (kvm.cpu.features, kvm.cpu.without) == (OFFERED.features, OFFERED.without)
    assert kvm.cpu.xml == WRITTEN, "host-bound parts such as maxphysaddr are left out"
    assert kvm.models == {"Nehalem"}


def test_a_hypervisor_without_a_host_model_offers_nothing():
    bare = DOMAIN_CAPABILITIES.replace("host-model' supported='yes'", "host-model' supported='no'")
    assert offered(FakeDaemon(domain_capabilities=bare)) == []


def test_a_hypervisor_that_runs_no_usual_processor_offers_nothing():
    broken = DOMAIN_CAPABILITIES.replace("usable='yes'", "usable='no'")
    assert offered(FakeDaemon(domain_capabilities=broken)) == []


def test_a_baseline_is_asked_for_by_names_alone():
    daemon = FakeDaemon()
    found = computed(daemon, replace(OFFERED, xml="<evil/>"))
    assert daemon.asked_cpus == [WRITTEN]
    assert (found.model, found.features, found.without) == ("Nehalem", ("aes",), ("vme",))


@pytest.mark.parametrize("what", ["model", "vendor", "feature"])
def test_a_name_that_is_no_word_goes_to_no_other_server(what: str):
    escaped = HOSTILE.replace("'", "&apos;").replace("<", "&lt;").replace(">", "&gt;")
    told = {"model": "EPYC-Rome<", "vendor": "AMD<", "feature": "x2apic'"}[what]
    hostile = DOMAIN_CAPABILITIES.replace(told, escaped + told[-1])
    assert hostile != DOMAIN_CAPABILITIES
    with pytest.raises(HypervisorRefused) as refused:
        offered(FakeDaemon(domain_capabilities=hostile))
    assert refused.value.code == "answer-unreadable"
    assert "s1" in refused.value.message


@fuzzed(xml=odd(DOMAIN_CAPABILITIES))
def test_whatever_a_server_offers_is_names(xml: str) -> None:
    found, _ = outcome(OpenLpmError, offered, FakeDaemon(domain_capabilities=xml))
    for each in found or []:
        is_plain(each.cpu)


@fuzzed(xml=odd(CPU))
def test_whatever_a_server_computes_is_names(xml: str) -> None:
    found, _ = outcome(OpenLpmError, computed, FakeDaemon(cpu=xml))
    if found:
        is_plain(found)


@fuzzed(xml=st.just(DOMAIN_9).flatmap(odd))
def test_a_partitions_processors_are_told_or_why_not(xml: str) -> None:
    found, error = outcome(OpenLpmError, partition_cpus, FakeDaemon(domain=xml).connection())
    if found is None:
        assert error is not None
        assert error.code == "answer-unreadable"
        return
    (told,) = found
    assert (told.uuid, told.system, told.state) == (UUID, "s1", Sight.RUNNING)
    assert bool(told.trouble) == (told.present is None) == (told.stored is None)
    if told.present:
        assert len(told.present.spoken) <= MOST_NAME


def test_both_processors_of_a_running_partition_are_told():
    (told,) = partition_cpus(FakeDaemon().connection())
    assert told.present is not None
    assert told.present == told.stored
    assert (told.present.arch, told.present.hypervisor) == ("x86_64", "qemu")
    assert (told.present.mode, told.present.model) == ("custom", "Nehalem")
    assert 'policy="disable" name="svm"' in told.present.xml


@pytest.mark.parametrize("name", attacks("x", ""))
def test_an_attack_gets_nothing_and_takes_no_time(name: str) -> None:
    def hostile(answer: str, root: str) -> FakeDaemon:
        return FakeDaemon(**{answer: attack(name, root, "file:///etc/passwd")})

    began = time.process_time()
    told = [
        outcome(OpenLpmError, offered, hostile("domain_capabilities", "domainCapabilities")),
        outcome(OpenLpmError, partition_cpus, hostile("domain", "domain").connection()),
        outcome(OpenLpmError, computed, hostile("cpu", "cpu")),
    ]
    assert time.process_time() - began < 5
    assert "root:" not in str(told)
