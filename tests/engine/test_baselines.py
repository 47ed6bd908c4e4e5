"""The processor baseline of some systems, as an operator asks for it."""

from dataclasses import replace

import pytest

from engine.conftest import Stand
from fakes.processors import guest_cpu, named, xml_of
from openlpm.model.baseline import Baseline, Fit
from openlpm.model.errors import BadRequest, Conflict, NotFound, ServerUnreachable
from openlpm.model.sight import Place, Sight, Why


@pytest.fixture
def narrow(stand: Stand) -> Stand:
    """s2 gives less than s1."""
    stand.world.server("s2").cpu = named("Nehalem", "aes")
    return stand


def fits(found: Baseline) -> dict[str, Fit]:
    return {each.partition: each.fit for each in found.partitions}


def test_the_baseline_is_what_all_of_them_give(narrow: Stand):
    found = narrow.console.baseline(["s1", "s2"])
    assert (found.systems, found.hypervisor) == (("s1", "s2"), "qemu")
    assert (found.cpu.model, found.cpu.features) == ("Nehalem", ("aes",))
    assert found.cpu.xml == xml_of({"aes", "sse2", "sse4.2"})
    assert found.models == ("Nehalem", "qemu64")
    assert found.partitions == ()


def test_each_partition_is_told_what_it_needs(narrow: Stand):
    world = narrow.world
    world.add_partition("fine", on="s1")
    world.add_partition("rich", on="s1").cpu = guest_cpu("Haswell")
    mended = world.add_partition("mended", on="s1")
    mended.cpu, mended.stored_cpu = guest_cpu("Haswell"), guest_cpu("qemu64")
    world.add_partition("elsewhere", on="s3").cpu = guest_cpu("Haswell")
    found = narrow.console.baseline(["s1", "s2"])
    assert fits(found) == {"fine": Fit.FITS, "mended": Fit.RESTART, "rich": Fit.CHANGE}
    fine, mend, rich = found.partitions
    assert (fine.reason, fine.remedy) == ("", "")
    assert mend.reason == rich.reason == "s2: avx avx2"
    assert mend.remedy == "lpm partition shutdown mended && lpm partition activate mended"
    assert "virsh -c 'qemu+ssh://s1/system' edit rich" in rich.remedy
    assert rich.remedy.startswith("Put what lpm system baseline s1 s2 --xml prints")


def test_a_partition_that_gets_the_baseline_fits_after_its_next_activation(narrow: Stand):
    rich = narrow.world.add_partition("rich", on="s1")
    rich.cpu = guest_cpu("Haswell")
    rich.stored_cpu = guest_cpu(narrow.console.baseline(["s1", "s2"]).cpu.model)
    assert fits(narrow.console.baseline(["s1", "s2"])) == {"rich": Fit.RESTART}
    narrow.console.shutdown("rich", force=True)
    assert fits(narrow.console.baseline(["s1", "s2"])) == {"rich": Fit.FITS}


def test_a_partition_that_moves_is_counted_once_where_it_runs(narrow: Stand):
    rich = narrow.world.add_partition("rich", on="s1")
    shell = narrow.world.server("s1").domains[rich.uuid]
    narrow.world.server("s2").add(
        type(shell)(rich, Place(Sight.PAUSED, Why.MIGRATION), shell.mark, persistent=False)
    )
    (told,) = narrow.console.baseline(["s2", "s1"]).partitions
    assert (told.system, told.state) == ("s1", Sight.RUNNING)


def test_one_system_has_a_baseline_of_its_own(stand: Stand):
    stand.world.add_partition("web1", on="s1").cpu = guest_cpu("", "host-passthrough")
    found = stand.console.baseline(["s1", "s1"])
    assert found.systems == ("s1",)
    assert (found.cpu.model, found.cpu.features) == ("Haswell", ("aes",))
    assert fits(found) == {"web1": Fit.FITS}


def test_an_old_libvirt_that_does_not_know_a_model_is_no_obstacle(narrow: Stand):
    """The old one cannot read what the new one offers, the new one can read both."""
    narrow.world.server("s2").unknown_models = {"Haswell"}
    for order in (["s1", "s2"], ["s2", "s1"]):
        assert narrow.console.baseline(order).cpu.model == "Nehalem"


def test_a_model_that_one_of_them_does_not_know_is_no_baseline(narrow: Stand):
    narrow.world.server("s2").unknown_models = {"Haswell", "Nehalem"}
    with pytest.raises(Conflict) as none:
        narrow.console.baseline(["s1", "s2"])
    assert none.value.code == "no-common-baseline"
    assert "s2: Unknown CPU model Nehalem." in none.value.cause


def test_processors_of_two_makers_have_none(stand: Stand):
    stand.world.server("s2").cpu = named("EPYC")
    with pytest.raises(Conflict) as none:
        stand.console.baseline(["s1", "s2"])
    assert none.value.code == "no-common-baseline"
    assert none.value.message == "s1, s2 have no processor baseline in common."
    assert "CPU vendors do not match." in none.value.cause
    assert "makers" in none.value.remedy


def test_kvm_is_taken_where_all_have_it(stand: Stand):
    for name in ("s1", "s2"):
        stand.world.server(name).accelerators = ("kvm", "qemu")
    assert stand.console.baseline(["s1", "s2"]).hypervisor == "kvm"
    stand.world.server("s2").accelerators = ("qemu",)
    assert stand.console.baseline(["s1", "s2"]).hypervisor == "qemu"
    stand.world.server("s1").accelerators = ("kvm",)
    with pytest.raises(Conflict) as none:
        stand.console.baseline(["s1", "s2"])
    assert none.value.code == "no-common-hypervisor"
    assert none.value.cause.endswith("s1: kvm; s2: qemu.")


def test_what_cannot_be_asked_is_refused_by_name(stand: Stand):
    with pytest.raises(NotFound, match="s9"):
        stand.console.baseline(["s1", "s9"])
    with pytest.raises(BadRequest) as nothing:
        stand.console.baseline([])
    assert nothing.value.code == "no-system-given"
    stand.world.server("s2").reachable = False
    with pytest.raises(ServerUnreachable, match="s2"):
        stand.console.baseline(["s1", "s2"])


def test_a_power_system_has_no_baseline(stand: Stand):
    server = stand.world.server("s2")
    server.facts = replace(server.facts, arch="ppc64le")
    with pytest.raises(BadRequest) as refused:
        stand.console.baseline(["s1", "s2"])
    assert refused.value.code == "not-x86-64"
    assert refused.value.message == "s2 has no baseline: it is a ppc64le system."


def test_a_definition_that_cannot_be_read_hides_no_other(stand: Stand):
    stand.world.add_partition("fine", on="s1")
    stand.world.add_partition("odd", on="s2").unreadable = "It has a document type declaration."
    found = stand.console.baseline(["s1", "s2"])
    assert fits(found) == {"fine": Fit.FITS, "odd": Fit.UNKNOWN}
    assert "virsh -c 'qemu+ssh://s2/system' dumpxml" in found.partitions[1].remedy
