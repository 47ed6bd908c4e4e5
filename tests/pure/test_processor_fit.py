"""Who fits a processor baseline, and what the others need: the decision, without any server."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.decide.baseline import Chosen, as_guest, no_baseline, require_x86, shared
from openlpm.decide.fit import Question, asked, judged, once
from openlpm.model.baseline import Fit, PartitionFit
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.hardware import Hardware
from openlpm.model.processor import GuestCpu, NamedCpu, OfferedCpu, PartitionCpu
from openlpm.model.sight import Sight
from openlpm.model.system import System, SystemFacts
from openlpm.model.verdict import CpuVerdict

NAMES = ("s1", "s2", "s3")
HAS = {"s1": "abc", "s2": "ab", "s3": "abcd"}
"""The features of each system, a letter each; those of a processor are its XML."""
MODES = ("custom", "host-model", "host-passthrough", "maximum")


def chosen_of(*names: str, hypervisor: str = "kvm") -> Chosen:
    offers = {n: OfferedCpu(hypervisor, NamedCpu(f"m-{n}", xml=HAS[n])) for n in names}
    uri = "qemu+tls://{}/system?no_verify=0"
    systems = tuple(System(n, uri.format(n), "") for n in names)
    return Chosen(systems, offers)


def cpu(features: str, mode: str = "custom", hypervisor: str = "kvm") -> GuestCpu:
    return GuestCpu("x86_64", "q35", hypervisor, features, mode, "m" if mode == "custom" else "")


def compared(question: Question) -> CpuVerdict:
    """libvirt's answer: each letter that the system lacks."""
    system, processor = question
    missing = "".join(sorted(set(processor.xml) - set(HAS[system])))
    return CpuVerdict(compatible=not missing, missing=missing)


def judge(partition: PartitionCpu, chosen: Chosen) -> PartitionFit:
    return judged(partition, chosen, {q: compared(q) for q in asked(partition, chosen)})


def of(
    present: GuestCpu | None, stored: GuestCpu | None, *, system: str = "s1", name: str = "web1"
) -> PartitionCpu:
    state = Sight.RUNNING if present else Sight.OFF
    return PartitionCpu("u-1", name, system, state, present, stored)


WIDE, NARROW = cpu("abc"), cpu("a")
HOST_MODEL, PASSTHROUGH = cpu("", "host-model"), cpu("", "host-passthrough")
EMULATED = cpu("abc", hypervisor="qemu")
TWO = chosen_of("s1", "s2")


@pytest.mark.parametrize(
    ("present", "stored", "fit"),
    [
        (NARROW, NARROW, Fit.FITS),
        (None, NARROW, Fit.FITS),
        (NARROW, None, Fit.FITS),
        (WIDE, NARROW, Fit.RESTART),
        (PASSTHROUGH, NARROW, Fit.RESTART),
        (EMULATED, cpu("a", hypervisor="qemu"), Fit.RESTART),
        (WIDE, WIDE, Fit.CHANGE),
        (None, WIDE, Fit.CHANGE),
        (WIDE, None, Fit.CHANGE),
        (WIDE, HOST_MODEL, Fit.CHANGE),
        (None, HOST_MODEL, Fit.CHANGE),
        (PASSTHROUGH, PASSTHROUGH, Fit.CHANGE),
        (None, PASSTHROUGH, Fit.CHANGE),
        (EMULATED, EMULATED, Fit.OTHER),
        (None, cpu("", "host-model", "qemu"), Fit.OTHER),
        (replace(WIDE, arch="ppc64le"), WIDE, Fit.OTHER),
        (GuestCpu("x86_64", "q35", "kvm"), GuestCpu("x86_64", "q35", "kvm"), Fit.FITS),
    ],
)
def test_what_a_partition_needs(present: GuestCpu | None, stored: GuestCpu | None, fit: Fit):
    found = judge(of(present, stored), TWO)
    assert found.fit is fit
    assert bool(found.reason) == (fit is not Fit.FITS)
    assert bool(found.remedy) == (fit not in (Fit.FITS, Fit.OTHER))


def test_the_reason_names_each_system_and_what_it_lacks():
    found = judge(of(cpu("abd"), None, system="s3"), chosen_of("s1", "s2", "s3"))
    assert found.reason == "s1, s2: d"
    found = judge(of(cpu("cd"), None, system="s3"), chosen_of("s1", "s2", "s3"))
    assert found.reason == "s1: d s2: cd"
    assert "passthrough" in judge(of(PASSTHROUGH, PASSTHROUGH), TWO).reason


def test_a_host_model_is_what_its_own_system_offers():
    assert judge(of(None, HOST_MODEL, system="s2"), TWO).fit is Fit.FITS
    assert judge(of(None, HOST_MODEL, system="s1"), TWO).reason == "s2: c"


def test_what_fits_only_until_it_is_activated_anew_is_told_so():
    found = judge(of(NARROW, WIDE), TWO)
    assert found.fit is Fit.FITS
    assert found.reason.startswith("Only until it is activated anew")
    assert "virsh -c 'qemu+tls://s1/system?no_verify=0' edit web1; then lpm" in found.remedy
    emulated = judge(of(NARROW, EMULATED), TWO)
    assert (emulated.fit, emulated.remedy) == (Fit.FITS, "")


def test_the_remedy_names_a_partition_as_a_shell_takes_it():
    found = judge(of(None, WIDE, name="web1; reboot"), TWO)
    assert "reboot" not in found.remedy
    assert found.remedy.endswith("edit u-1; it takes effect at its next activation.")


def test_what_cannot_be_read_is_not_judged():
    odd = PartitionCpu("u-1", "web1", "s2", Sight.OFF, trouble="It is no XML.")
    found = judge(odd, TWO)
    assert (found.fit, found.reason, found.processor) == (Fit.UNKNOWN, "It is no XML.", "")
    assert found.remedy.endswith("virsh -c 'qemu+tls://s2/system?no_verify=0' dumpxml u-1")


@pytest.mark.parametrize(
    ("processor", "spoken"),
    [(WIDE, "m"), (PASSTHROUGH, "host-passthrough"), (GuestCpu("x86_64", "", "kvm"), "default")],
)
def test_a_processor_is_called_by_its_model_or_its_mode(processor: GuestCpu, spoken: str):
    assert judge(of(processor, None), TWO).processor == spoken


def test_a_partition_on_two_systems_counts_where_it_runs():
    runs, waits, off = (
        replace(of(NARROW, NARROW, system=name), state=state)
        for name, state in (("s1", Sight.RUNNING), ("s2", Sight.PAUSED), ("s3", Sight.OFF))
    )
    assert once([off, waits, runs]) == [runs]
    assert once([off, waits]) == [waits]
    other = replace(off, uuid="u-2", name="db")
    assert once([waits, other]) == [other, waits]


def test_the_first_hypervisor_that_all_have_is_taken():
    kvm, qemu = (OfferedCpu(name, NamedCpu("m")) for name in ("kvm", "qemu"))
    assert shared({"s1": [kvm, qemu], "s2": [qemu]}) == {"s1": qemu, "s2": qemu}
    assert shared({"s1": [kvm, qemu], "s2": [kvm]}) == {"s1": kvm, "s2": kvm}
    with pytest.raises(Conflict, match="s1: kvm; s2: none"):
        shared({"s1": [kvm], "s2": []})


def test_the_models_are_those_that_each_system_can_give():
    told = {"s1": ["Nehalem", "qemu64", "Haswell"], "s2": ["qemu64", "Nehalem"]}
    offers = {n: OfferedCpu("kvm", NamedCpu("m"), frozenset(each)) for n, each in told.items()}
    assert Chosen((), offers).models == ("Nehalem", "qemu64")


def test_only_x86_64_systems_have_a_baseline():
    x86 = SystemFacts("", "", "QEMU", 0, 0, "x86_64", 1, 1)
    require_x86({"s1": x86})
    with pytest.raises(BadRequest, match="p1 has no baseline: it is a ppc64le system") as refused:
        require_x86({"s1": x86, "p1": replace(x86, arch="ppc64le")})
    assert refused.value.remedy.startswith("Leave p1 out")


def test_systems_without_a_baseline_are_named_with_libvirts_words():
    error = no_baseline(TWO, ["s1: CPU vendors do not match.", "s2: The same."])
    assert error.message.startswith("s1, s2 have no")
    assert error.cause == "s1: CPU vendors do not match. s2: The same."


def test_each_system_is_asked_for_the_baseline_as_for_a_partition_that_has_it():
    assert as_guest(NamedCpu("m", xml="ab"), "kvm") == GuestCpu(
        "x86_64", "", "kvm", "ab", "custom", "m"
    )


def test_a_partitions_processor_is_compared_as_its_hardware_has_it():
    hardware = Hardware("x86_64", "q35", "kvm", 1, 1, cpu_xml="<cpu/>", cpu_mode="custom")
    assert hardware.cpu == GuestCpu("x86_64", "q35", "kvm", "<cpu/>", "custom")


cpus = st.builds(
    cpu,
    st.text("abcde", max_size=4),
    st.sampled_from(MODES),
    st.sampled_from(("kvm", "qemu")),
)
partitions = st.builds(
    lambda present, stored, system: of(present, stored, system=system),
    st.none() | cpus.filter(lambda each: each.mode != "host-model"),
    cpus,
    st.sampled_from(NAMES),
)


@given(partition=partitions, others=st.sets(st.sampled_from(NAMES)))
def test_who_fits_can_be_given_its_processor_by_each_system(
    partition: PartitionCpu, others: set[str]
):
    chosen = chosen_of(*sorted(others | {partition.system}))
    found = judge(partition, chosen)
    has = partition.present or partition.stored
    assert has is not None
    elsewhere = [name for name in chosen.names if name != partition.system]
    if has.mode == "custom":
        needed = elsewhere if partition.present else chosen.names
        runs = all(set(has.xml) <= set(HAS[name]) for name in needed)
        assert (found.fit is Fit.FITS) == runs
    elif found.fit is Fit.FITS:
        assert not elsewhere or has.mode == "host-model"
    if found.fit is Fit.RESTART:
        then = judge(replace(partition, present=None, state=Sight.OFF), chosen)
        assert then.fit is Fit.FITS, "an activation would not help"
    if found.fit in (Fit.RESTART, Fit.CHANGE):
        assert found.reason
        assert found.remedy


@given(partition=partitions)
def test_more_systems_never_make_a_partition_fit(partition: PartitionCpu):
    alone = judge(partition, chosen_of(partition.system))
    if judge(partition, chosen_of(*NAMES)).fit is Fit.FITS:
        assert alone.fit is Fit.FITS
