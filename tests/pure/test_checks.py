# ruff: noqa: E501 (a row of a table is a line)
"""Validation: each check makes its finding fire when that one thing is wrong, and only then."""

from dataclasses import replace

import pytest

from openlpm.decide.checks import CHECKS
from openlpm.decide.copy_plan import Copying
from openlpm.decide.examination import Examination, Side
from openlpm.decide.validate import require, validate
from openlpm.model.certificate import BadCertificate, Flaw
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.errors import Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import (
    DiskKind,
    Hardware,
    HostDevice,
    HostLocal,
    Lease,
    VirtualDisk,
    VirtualEthernet,
)
from openlpm.model.migration import Kind, Reservation
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight, Why
from openlpm.model.storage import Pool, PoolSource
from openlpm.model.system import Lockspace, Mover, Resources, System, SystemFacts, VirtualSwitch
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict

DISK = VirtualDisk("sda", "scsi", DiskKind.NETWORK, "nbd://store:10809/web1", cache="none")
ETHERNET = VirtualEthernet("52:54:00:00:00:01", "network", "guests", port_group="blue", mtu=1500)
SWITCH = VirtualSwitch("guests", "network", mtu=1500, vlans=(("blue", (7,)),))
HARDWARE = Hardware(
    "x86_64",
    "pc-q35-7.2",
    "qemu",
    1,
    512,
    disks=(DISK,),
    ethernets=(ETHERNET,),
    leases=(Lease("openlpm", "u-1"),),
    guarded_memory=True,
)
FACTS = SystemFacts(
    host_uuid="h-1",
    hostname="one",
    hypervisor="QEMU",
    hypervisor_version=7_002_000,
    libvirt_version=9_000_000,
    arch="x86_64",
    processors=4,
    memory_mib=4096,
    archs=frozenset({"x86_64"}),
    hypervisors=frozenset({"qemu"}),
    machines=frozenset({"pc-q35-7.2"}),
    switches=(SWITCH,),
    lockspace=Lockspace("openlpm", "/srv/leases", frozenset({"u-1"})),
)
FACTS_2 = replace(FACTS, host_uuid="h-2", hostname="two")
PARTITION = Partition(
    "u-1", "web1", "s1", Sight.RUNNING, Why.NONE, 1, 512, mark=Mark(1), rmc=Rmc.ACTIVE
)
OTHER = replace(PARTITION, uuid="u-2", name="db1", system="s2")
NFS_POOL = Pool("p", "netfs", path="/m", source=PoolSource(("nfs1",), folder="/srv"))


def system(name: str) -> System:
    return System(name, f"qemu+ssh://{name}/system", f"qemu+tls://{name}/system")


ALL_IS_WELL = Examination(
    PARTITION,
    Side(system("s1"), FACTS, partitions=(PARTITION,)),
    Side(system("s2"), FACTS_2, partitions=(OTHER,)),
    HARDWARE,
    CpuVerdict(compatible=True),
    PeerVerdict(),
)
WELL = ALL_IS_WELL


def partition(**changes: object) -> Examination:
    return replace(WELL, partition=replace(PARTITION, **changes))  # type: ignore[arg-type]


def hardware(**changes: object) -> Examination:
    return replace(WELL, hardware=replace(HARDWARE, **changes))  # type: ignore[arg-type]


def disk(**changes: object) -> Examination:
    return hardware(disks=(replace(DISK, **changes),))  # type: ignore[arg-type]


def ethernet(**changes: object) -> Examination:
    return hardware(ethernets=(replace(ETHERNET, **changes),))  # type: ignore[arg-type]


def source(**changes: object) -> Examination:
    return replace(WELL, source=replace(WELL.source, **changes))  # type: ignore[arg-type]


def target(**changes: object) -> Examination:
    return replace(WELL, target=replace(WELL.target, **changes))  # type: ignore[arg-type]


def target_facts(**changes: object) -> Examination:
    return target(facts=replace(FACTS_2, **changes))  # type: ignore[arg-type]


def switch(**changes: object) -> Examination:
    return target_facts(switches=(replace(SWITCH, **changes),))  # type: ignore[arg-type]


PROMISED = Reservation("m9", "s2", "u-9", "big", Resources(3.0, 3000))
TOO_SMALL = replace(WELL.target, system=replace(system("s2"), memory_mib=600, processors=0.75))
IDLE_MOVER = replace(system("s1"), mover=Mover(concurrent=0))

COPY = DiskCopy("sda", "own", "v", "own", "/own", "raw", 64)
NEEDED = Finding("pool-needed", Severity.ERROR, "s2", "its pools", "Which?", "Name one.")


def copied(**what: object) -> Examination:
    """Its disk is on its own server, and its policy allows post-copy."""
    e = replace(disk(kind=DiskKind.FILE, cache=""), policy=Policy(postcopy=True))
    return replace(e, copying=Copying(**what))  # type: ignore[arg-type]


FIRES: tuple[tuple[str, Examination], ...] = (
    ("same-system", replace(WELL, target=replace(WELL.source, partitions=()))),
    ("same-system", target_facts(host_uuid="h-1")),
    ("source-unreachable", source(facts=None, trouble="No route to host.")),
    ("target-unreachable", target(facts=None)),
    ("peer-daemon-unreachable", replace(WELL, peer=PeerVerdict(daemon="refused"))),
    ("migration-port-unreachable", replace(WELL, peer=PeerVerdict(port="timed out"))),
    *(
        (
            flaw.value,
            replace(
                WELL, peer=PeerVerdict(certificate=BadCertificate(flaw, "s2", "QEMU", "It is."))
            ),
        )
        for flaw in Flaw
    ),
    ("encryption-fails", replace(WELL, peer=PeerVerdict(channel="no such option"))),
    ("unencrypted", source(system=replace(system("s1"), insecure=True))),
    ("unencrypted", target(system=replace(system("s2"), insecure=True))),
    ("unencrypted", source(system=replace(system("s1"), uri="qemu+tcp://s1/system"))),
    ("unencrypted", target(system=replace(system("s2"), peer_uri="qemu+tcp://s2/system"))),
    ("hypervisor-objects", replace(WELL, peer=PeerVerdict(objection="has a vGPU"))),
    ("state-forbids", partition(state=Sight.UNKNOWN)),
    ("state-forbids", partition(state=Sight.PAUSED, why=Why.MIGRATION)),
    ("not-adopted", partition(mark=None)),
    ("paused-by-fault", partition(state=Sight.PAUSED, why=Why.FAULT)),
    (
        "not-run-since-arrival",
        replace(partition(state=Sight.PAUSED), hardware=replace(HARDWARE, not_run_here=True)),
    ),
    ("move-under-way", replace(WELL, move_under_way="m7", job_under_way=True)),
    ("job-under-way", replace(WELL, job_under_way=True)),
    ("mover-busy", source(system=IDLE_MOVER)),
    ("mover-busy", target(moves=4)),
    ("not-examined", replace(WELL, unanswered=("the disks: took more than 35 s",))),
    ("rmc-inactive", partition(rmc=Rmc.NONE)),
    ("architecture-unknown", hardware(arch="ppc64le")),
    ("hypervisor-differs", hardware(hypervisor="kvm")),
    ("writes-may-be-lost", hardware(guarded_memory=False)),
    ("hypervisor-older", target_facts(hypervisor_version=6_000_000)),
    ("machine-type-unknown", hardware(machine="pc-q35-9.9")),
    ("processor-incompatible", replace(WELL, cpu=CpuVerdict(compatible=False, missing="avx2"))),
    ("postcopy-unsupported", replace(WELL, no_postcopy="Postcopy is not supported.")),
    ("cpu-controller-missing", replace(WELL, time=TimeVerdict(refusal="CPU tuning is not."))),
    ("time-not-divided", replace(WELL, time=TimeVerdict(trouble="no control groups"))),
    (
        "time-not-divided",
        replace(partition(state=Sight.OFF), time=TimeVerdict(refusal="CPU tuning is not.")),
    ),
    ("time-not-divided", hardware(profiled=True)),
    ("memory-short", target(system=replace(system("s2"), memory_mib=600))),
    ("processors-short", target(system=replace(system("s2"), processors=0.75))),
    ("memory-short", target(reservations=(replace(PROMISED, resources=Resources(0.5, 3584)),))),
    (
        "processors-short",
        target(
            reservations=(
                PROMISED,
                replace(PROMISED, partition_uuid="u-8", resources=Resources(0.5, 0)),
            )
        ),
    ),
    ("huge-pages-short", hardware(huge_page_kib=2048)),
    ("uuid-taken", target(partitions=(replace(OTHER, uuid="u-1", state=Sight.OFF),))),
    ("name-taken", target(partitions=(replace(OTHER, name="web1"),))),
    ("disk-not-shareable", disk(kind=DiskKind.OTHER)),
    ("disk-host-local", disk(kind=DiskKind.FILE)),
    (
        "disk-host-local",
        replace(disk(kind=DiskKind.FILE), partition=replace(PARTITION, state=Sight.OFF)),
    ),
    ("pool-needed", copied(findings=(NEEDED,))),
    ("postcopy-not-with-copies", copied(copies=(COPY,))),
    ("disk-host-local", disk(kind=DiskKind.VOLUME, device="lun")),
    ("pool-differs", replace(disk(kind=DiskKind.FILE, on_shared_storage=True), pools=((), ()))),
    ("disk-cache-unsafe", disk(cache="writeback")),
    ("disk-cache-unsafe", disk(cache="")),
    ("disk-unreachable", replace(WELL, failing_disks={"sda": "connection refused"})),
    ("lease-none", hardware(leases=())),
    ("lockspace-missing", target_facts(lockspace=None)),
    ("lockspace-missing", hardware(leases=(Lease("other", "u-1"),))),
    ("lease-not-shared", target_facts(lockspace=Lockspace("openlpm", "/srv/leases"))),
    ("switch-missing", target_facts(switches=())),
    ("switch-missing", ethernet(kind="bridge")),
    ("switch-inactive", switch(active=False)),
    ("ethernet-host-only", ethernet(kind="direct")),
    ("vlan-differs", switch(vlans=(("blue", (8,)),))),
    ("vlan-differs", switch(vlans=())),
    ("mtu-smaller", ethernet(mtu=9000)),
    ("mtu-smaller", replace(switch(mtu=1400), hardware=ethernet(mtu=0).hardware)),
    ("physical-adapter", hardware(host_devices=(HostDevice("pci", "0000:03:00.0"),))),
    (
        "host-local-media",
        hardware(disks=(VirtualDisk("sdb", "sata", DiskKind.FILE, "/d.iso", device="cdrom"),)),
    ),
    ("host-local-file", hardware(host_local=(HostLocal("kernel", "/boot/vmlinuz"),))),
    ("snapshots", hardware(snapshots=2)),
    ("checkpoints", hardware(checkpoints=1)),
    ("block-job", hardware(block_jobs=("sda",))),
    ("managed-save", hardware(managed_save=True)),
)

INACTIVE = {"state": Sight.OFF, "why": Why.USER, "rmc": Rmc.INACTIVE}

SILENT: tuple[tuple[str, Examination], ...] = (
    ("all is well", WELL),
    ("a paused one", partition(state=Sight.PAUSED, why=Why.USER, rmc=Rmc.INACTIVE)),
    ("one that is off needs no room", replace(partition(**INACTIVE), target=TOO_SMALL)),
    ("one that is off needs no mover", replace(partition(**INACTIVE), source=source(moves=9).source)),
    (
        "one that is off needs no huge pages",
        replace(partition(**INACTIVE), hardware=hardware(huge_page_kib=2048).hardware),
    ),
    ("enough huge pages", replace(hardware(huge_page_kib=2048), target=target_facts(huge_pages_free=((2048, 256),)).target)),
    ("its own promise is not counted", target(reservations=(replace(PROMISED, partition_uuid="u-1"),))),
    ("nobody could ask the hypervisors", replace(WELL, cpu=None, peer=None)),
    (
        "a file in a pool that is the same storage",
        replace(
            disk(kind=DiskKind.FILE, source="/m/a", on_shared_storage=True),
            pools=((NFS_POOL,), (NFS_POOL,)),
        ),
    ),
    ("a file on shared storage", disk(kind=DiskKind.FILE, on_shared_storage=True)),
    ("a read-only disk may be cached", disk(cache="writeback", read_only=True)),
    ("an empty drive", hardware(disks=(VirtualDisk("sdb", "sata", DiskKind.EMPTY, "", device="cdrom"),))),
    ("an ISO on shared storage", hardware(disks=(VirtualDisk("sdb", "sata", DiskKind.FILE, "/d.iso", device="cdrom", on_shared_storage=True),))),
    ("the adapter has its own VLAN", replace(switch(vlans=()), hardware=ethernet(vlans=(7,)).hardware)),
    ("the switch does not tell its MTU", replace(switch(mtu=0), hardware=ethernet(mtu=9000).hardware)),
    (
        "one that is off has no memory to be read",
        replace(partition(**INACTIVE), target=target(system=replace(system("s2"), insecure=True)).target),
    ),
    ("the target divides time", replace(WELL, time=TimeVerdict())),
    ("it has its shares", hardware(profiled=True, entitled=True)),
    (
        "its next activation gives it shares",
        replace(partition(**INACTIVE), hardware=hardware(profiled=True).hardware),
    ),
    ("a newer target", target_facts(hypervisor_version=8_000_000)),
)  # fmt: skip


def findings(e: Examination) -> tuple[Finding, ...]:
    return tuple(found for check in CHECKS for found in check(e))


@pytest.mark.parametrize(("code", "e"), FIRES)
def test_every_check_fires(code: str, e: Examination) -> None:
    assert {f.code for f in findings(e)} == {code}


@pytest.mark.parametrize(("what", "e"), SILENT)
def test_nothing_is_found_where_nothing_is_wrong(what: str, e: Examination) -> None:
    assert findings(e) == ()


def test_a_finding_names_the_server_what_was_looked_at_and_a_remedy() -> None:
    for _, e in FIRES:
        for found in findings(e):
            assert found.system in ("s1", "s2")
            assert found.looked_at
            assert found.remedy.endswith(".")


def test_an_unsafe_cache_only_warns_when_no_memory_is_moved() -> None:
    e = replace(partition(**INACTIVE), hardware=disk(cache="writeback").hardware)
    assert [f.severity for f in findings(e)] == [Severity.WARNING]
    assert [f.severity for f in findings(disk(cache="writeback"))] == [Severity.ERROR]


def test_what_goes_in_the_clear_is_named() -> None:
    def told(e: Examination) -> str:
        (found,) = findings(e)
        assert found.severity is Severity.WARNING
        return found.message

    plain = replace(system("s2"), uri="qemu+tcp://s2/system", peer_uri="qemu+tcp://s2/system")
    assert "the partition's memory" in told(target(system=replace(system("s2"), insecure=True)))
    assert "memory" not in told(target(system=plain))
    assert "connection to s2, what the daemon of s1" in told(target(system=plain))
    off = replace(partition(**INACTIVE), target=target(system=plain).target)
    assert told(off).endswith("the console's connection to s2.")


def test_a_bad_certificate_is_found_at_its_owner() -> None:
    bad = BadCertificate(Flaw.EXPIRED, "s1", "libvirtd", "It has expired.")
    (found,) = findings(replace(WELL, peer=PeerVerdict(certificate=bad)))
    assert (found.system, found.message) == ("s1", bad.message)
    assert "libvirtd reads its own when it starts" in found.remedy
    assert "when it starts" not in replace(bad, program="QEMU").remedy


def test_servers_out_of_reach_are_the_only_thing_said_about_them() -> None:
    """A check that needs what could not be had stays silent: the reason has been named."""
    e = Examination(PARTITION, Side(system("s1"), None), Side(system("s2"), None))
    assert [f.code for f in findings(e)] == ["source-unreachable", "target-unreachable"]
    e = replace(WELL, source=replace(WELL.source, facts=None))
    assert [f.code for f in findings(e)] == ["source-unreachable"]


def test_the_kind_of_move_follows_from_the_state() -> None:
    kinds = {state: partition(state=state).kind for state in Sight}
    assert kinds == {
        Sight.RUNNING: Kind.ACTIVE,
        Sight.PAUSED: Kind.SUSPENDED,
        Sight.OFF: Kind.INACTIVE,
        Sight.ABSENT: None,
        Sight.UNKNOWN: None,
    }


class TestValidate:
    def test_a_warning_does_not_block(self) -> None:
        validation = validate(partition(rmc=Rmc.INACTIVE))
        assert validation.passed
        assert [f.code for f in validation.warnings] == ["rmc-inactive"]
        require(validation)

    def test_an_error_blocks_and_nothing_is_held_back(self) -> None:
        e = replace(hardware(snapshots=1, managed_save=True), job_under_way=True)
        validation = validate(replace(e, partition=replace(PARTITION, rmc=Rmc.INACTIVE)))
        with pytest.raises(Refused, match=r"job-under-way, snapshots, managed-save\.") as refused:
            require(validation)
        assert {f.code for f in refused.value.findings} == {
            "job-under-way",
            "rmc-inactive",
            "snapshots",
            "managed-save",
        }

    def test_it_says_how_much_was_looked_at(self) -> None:
        validation = validate(WELL)
        assert (validation.partition, validation.source, validation.target) == ("web1", "s1", "s2")
        assert validation.checks == len(CHECKS)
