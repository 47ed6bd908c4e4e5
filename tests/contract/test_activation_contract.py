"""What `ports.Host` promises of profiles and activation, on the fake world and on libvirt alike."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from contract.conftest import Stand
from contract.test_host_contract import NOBODY, transfer
from openlpm.lab import Lab
from openlpm.lab.cgroups import groups_of
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Conflict, Gone, HypervisorRefused
from openlpm.model.partition import DiskSpec, EthernetSpec, Mark, PartitionSpec
from openlpm.model.profile import EthernetAdapter, Profile, Profiles, Sharing, Span
from openlpm.model.sight import Sight

NETWORK = EthernetAdapter("guest", "52:54:00:6c:77:01")
WEB = Profile("default", Span(32, 64, 128), Span(1, 2, 4), Span(0.1, 0.5, 2.0), adapters=(NETWORK,))
KEPT = Profiles("default", (WEB, replace(WEB, name="night")))
GIVEN = Assignment("default", 96, 2, 0.5, Sharing.CAPPED, 128)
MARK = Mark(1, processing_units=0.5)


@pytest.mark.parametrize("running", [False, True])
def test_profiles_are_kept_beside_the_mark(stand: Stand, running: bool):
    uuid = stand.started() if running else stand.create()
    host = stand.source
    assert host.profiles(uuid) is None
    host.write_profiles(uuid, KEPT)
    assert host.profiles(uuid) == KEPT
    host.write_mark(uuid, MARK)
    assert host.profiles(uuid) == KEPT
    host.write_profiles(uuid, KEPT.without("night"))
    assert host.profiles(uuid) == KEPT.without("night")
    seen = host.partition(uuid)
    assert seen is not None
    assert seen.mark == MARK
    with pytest.raises(Gone):
        host.profiles(NOBODY)


def test_a_partition_is_made_with_profiles(stand: Stand):
    made = stand.source.create(PartitionSpec("web1", "s1", 64), MARK, KEPT)
    assert stand.source.profiles(made.uuid) == KEPT


def test_activation_gives_what_was_assigned(stand: Stand):
    uuid = stand.create(processors=1)
    divides = stand.source.activate(uuid, GIVEN, MARK, KEPT)
    if stand.lab is not None:
        assert divides == bool(groups_of(stand.lab.folder))
    seen = stand.source.partition(uuid)
    assert seen is not None
    assert (seen.state, seen.memory_mib, seen.processors) == (Sight.RUNNING, 96, 2)
    assert (seen.mark, stand.source.profiles(uuid)) == (MARK, KEPT)
    with pytest.raises(Conflict, match="active"):
        stand.source.activate(uuid, replace(GIVEN, memory_mib=64), MARK, KEPT.without("night"))
    assert stand.source.profiles(uuid) == KEPT, "what runs has what it had"
    stand.source.destroy(uuid)
    seen = stand.source.partition(uuid)
    assert seen is not None
    assert (seen.memory_mib, stand.source.profiles(uuid)) == (96, KEPT)
    stand.source.activate(uuid, replace(GIVEN, memory_mib=64, sharing=Sharing.UNCAPPED), MARK, KEPT)
    seen = stand.source.partition(uuid)
    assert seen is not None
    assert seen.memory_mib == 64


def test_adapters_come_and_go_with_activation(stand: Stand):
    uuid = stand.create(ethernets=(EthernetSpec("guest", "52:54:00:6c:77:02"),))
    host = stand.source
    own = {each.mac for each in host.describe(uuid).ethernets}
    host.activate(uuid, replace(GIVEN, adapters=(NETWORK,)), MARK, KEPT)
    assert {each.mac for each in host.describe(uuid).ethernets} == {*own, NETWORK.mac}
    host.destroy(uuid)
    host.activate(uuid, replace(GIVEN, without=frozenset({NETWORK.key})), MARK, KEPT)
    assert {each.mac for each in host.describe(uuid).ethernets} == own


def test_profiles_and_amounts_move_with_it(stand: Stand):
    uuid = stand.create()
    stand.source.activate(uuid, GIVEN, MARK, KEPT)
    stand.source.start_transfer(transfer(stand, uuid, mark=replace(MARK, came_from="s1")))
    assert stand.target.profiles(uuid) == KEPT
    there = stand.target.partition(uuid)
    assert there is not None
    assert (there.memory_mib, there.processors, there.demand.processing_units) == (96, 2, 0.5)
    stand.target.destroy(uuid)
    assert stand.target.profiles(uuid) == KEPT, "its stored definition has them too"


def test_profiles_move_with_one_that_is_off(stand: Stand):
    uuid = stand.create()
    stand.source.write_profiles(uuid, KEPT)
    stand.target.define(stand.source.exported(uuid, replace(MARK, came_from="s1")))
    assert stand.target.profiles(uuid) == KEPT


def test_a_server_tells_whether_it_divides_processor_time(stand: Stand):
    verdict = stand.target.try_division()
    assert not verdict.refusal
    if stand.lab is not None:
        assert bool(verdict.trouble) != bool(groups_of(stand.lab.folder))


# Only libvirt fails so, or has such definitions


@contextmanager
def controllers(lab: Lab, server: str, named: str) -> Generator[None]:
    """libvirt uses these of the kernel's controllers meanwhile; libvirtd is killed for it."""

    def use(those: str) -> None:
        edit = f"s/^cgroup_controllers = .*/cgroup_controllers = [{those}]/"
        lab.run(["sed", "-i", edit, "/etc/libvirt/qemu.conf"], server)
        lab.kill_libvirtd(server)
        lab.start_libvirtd(server)

    use(named)
    try:
        yield
    finally:
        use('"cpu", "cpuacct"')


@pytest.mark.lab
@pytest.mark.contract
def test_a_target_without_the_cpu_controller_is_found_and_refuses_the_move(real: Stand):
    assert real.lab is not None
    if not groups_of(real.lab.folder):
        pytest.skip("this machine has no cpu controller for the lab")
    uuid = real.create()
    real.source.activate(uuid, GIVEN, MARK, KEPT)
    assert real.source.describe(uuid).entitled
    with controllers(real.lab, "s2", '"cpuacct"'):
        target = real.hypervisors.connect(real.s2)
        assert "CPU tuning is not available" in target.try_division().refusal
        with pytest.raises(HypervisorRefused) as refused:
            real.source.start_transfer(transfer(real, uuid))
        assert refused.value.code == "cpu-controller-missing"
        assert "cgroup_controllers" in refused.value.remedy
        made = target.create(PartitionSpec("web2", "s2", 64), MARK, KEPT)
        assert not target.activate(made.uuid, replace(GIVEN, memory_mib=64), MARK, KEPT)
        assert target.look(made.uuid).state is Sight.RUNNING
        target.destroy(made.uuid)
        target.delete(made.uuid)
        target.close()
    assert real.source.look(uuid).state is Sight.RUNNING


@pytest.mark.lab
@pytest.mark.contract
def test_a_target_without_control_groups_takes_it_and_is_found(real: Stand):
    assert real.lab is not None
    with controllers(real.lab, "s2", ""):
        target = real.hypervisors.connect(real.s2)
        verdict = target.try_division()
        assert not verdict.refusal
        assert "no control groups" in verdict.trouble
        target.close()


@pytest.mark.lab
@pytest.mark.contract
def test_one_that_does_not_start_has_its_definition_again(real: Stand):
    uuid = real.create(disks=(DiskSpec("nbd://198.18.2.1:10809/nosuch"),))
    assert real.lab is not None
    uri = real.s1.uri

    def definition() -> list[str]:
        assert real.lab is not None
        told = real.lab.run(["virsh", "-c", uri, "dumpxml", "--inactive", uuid]).stdout
        return sorted(told.splitlines())  # libvirt tells controllers in another order then

    before = definition()
    with pytest.raises(HypervisorRefused):
        real.source.activate(uuid, GIVEN, MARK, KEPT)
    assert definition() == before
    assert real.source.look(uuid).state is Sight.OFF


@pytest.mark.lab
@pytest.mark.contract
def test_libvirt_is_told_entitlement_and_cap_and_keeps_them_in_a_move(real: Stand):
    assert real.lab is not None
    if not groups_of(real.lab.folder):
        pytest.skip("this machine has no cpu controller for the lab")
    uuid = real.create()
    real.source.activate(uuid, GIVEN, MARK, KEPT)

    def told(server: str) -> dict[str, str]:
        assert real.lab is not None
        said = real.lab.run(["virsh", "schedinfo", uuid], server=server).stdout
        pairs = (line.split(":") for line in said.splitlines() if ":" in line)
        return {name.strip(): value.strip() for name, value in pairs}

    here = told("s1")
    assert (here["cpu_shares"], here["vcpu_period"], here["vcpu_quota"]) == ("50", "20000", "5000")
    assert here["emulator_quota"] == "-1", "disks, network and moves are the server's work"
    real.source.start_transfer(transfer(real, uuid))
    assert told("s2") == here


@pytest.mark.lab
@pytest.mark.contract
def test_profiles_that_a_hand_damaged_are_told(real: Stand):
    assert real.lab is not None
    uuid = real.create()
    real.source.write_profiles(uuid, KEPT)
    words = ["metadata", uuid, "urn:openlpm:profiles:1", "--config", "--key", "openlpm-profiles"]
    real.lab.run(["virsh", "-c", real.s1.uri, *words, "--set", "<profiles>{</profiles>"])
    with pytest.raises(Conflict) as damaged:
        real.source.profiles(uuid)
    assert damaged.value.code == "profiles-damaged"
    (seen,) = [p for p in real.source.partitions() if p.uuid == uuid]
    assert seen.mark == Mark(1)
    real.source.write_profiles(uuid, KEPT)
    assert real.source.profiles(uuid) == KEPT


@pytest.mark.lab
@pytest.mark.contract
def test_saved_memory_is_not_taken_for_an_activation(real: Stand):
    uuid = real.started()
    assert real.lab is not None
    real.lab.run(["virsh", "-c", real.s1.uri, "managedsave", uuid])
    with pytest.raises(Conflict) as refused:
        real.source.activate(uuid, GIVEN, MARK, KEPT)
    assert refused.value.code == "memory-saved"
    assert real.source.look(uuid).state is Sight.OFF
    real.lab.run(["virsh", "-c", real.s1.uri, "managedsave-remove", uuid])
    real.source.activate(uuid, GIVEN, MARK, KEPT)
