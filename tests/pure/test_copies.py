"""Which disks are copied, where to, and which copy is superfluous at a move's end."""

from dataclasses import replace

import pytest

from openlpm.decide.advance import advance, apply
from openlpm.decide.converge import DISK_PATIENCE_MS, Advice, converge, first_course, why_given_up
from openlpm.decide.copies import at_source, at_target, left_at_lost, superfluous
from openlpm.decide.copy_plan import Ends, plan, pool_of
from openlpm.decide.invariants import broken
from openlpm.decide.predict import estimate
from openlpm.decide.recover import explain
from openlpm.decide.step import Effect, Step
from openlpm.model.disk_copy import DiskCopy, named
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.migration import Kind, Migration, Phase, Progress
from openlpm.model.policy import Policy
from openlpm.model.sight import ABSENT, CANNOT_SEE, Place, Sight, Sighting, Why
from openlpm.model.storage import LEASES, Pool, PoolSource, Volume

MIB = 2**20
FILE = VirtualDisk("vda", "virtio", DiskKind.FILE, "/own/web1", format="raw")
IN_POOL = replace(FILE, kind=DiskKind.VOLUME, source="own/web1")
WEB1 = Volume("web1", "/own/web1", format="raw", capacity_bytes=64 * MIB, allocation_bytes=MIB)
OWN = Pool("own", "dir", path="/own", available_bytes=100 * MIB)
FAST = replace(OWN, name="fast", path="/fast/")
NFS = Pool("nfs", "netfs", path="/own/nfs", source=PoolSource(("store",), folder="/srv"))
ENDS = Ends("s1", "s2", (OWN,), (OWN,), {"own": (WEB1,)})
COPY = DiskCopy("vda", "own", "web1", "own", "/own", "raw", 64 * MIB, MIB)
RUNS, OFF = Place(Sight.RUNNING), Place(Sight.OFF)
SHUT_DOWN, MIGRATED = Place(Sight.OFF, Why.USER), Place(Sight.OFF, Why.MIGRATED)
MOVE = Migration(
    *("m1", "u", "web1", "s1", "s2", Kind.ACTIVE, Phase.SEND),
    asked=True,
    copies=(named(COPY, "5f0c2a91"),),
)


@pytest.mark.parametrize("disk", [FILE, IN_POOL], ids=["file", "volume"])
def test_a_disk_is_copied_to_the_pool_of_that_name(disk: VirtualDisk):
    found = plan([disk], ENDS)
    assert found.copies == (COPY,)
    assert found.findings == ()


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        ((FAST,), "", "fast"),  # the only one
        ((FAST, OWN), "", "own"),
        ((FAST, OWN), "fast", "fast"),
        ((FAST, NFS, replace(OWN, name=LEASES), replace(OWN, active=False)), "", "fast"),
    ],
)
def test_the_pool_is_the_one_named_or_the_usual_one(
    there: tuple[Pool, ...], wanted: str, chosen: str
):
    (copy,) = plan([FILE], replace(ENDS, there=there, wanted=wanted)).copies
    assert copy.to_pool == chosen
    assert named(copy, "5f0c2a91").to_path == f"/{chosen}/web1-m5f0c2a91"


@pytest.mark.parametrize(
    ("code", "disk", "ends"),
    [
        ("disk-host-local", replace(FILE, read_only=True), ENDS),
        ("disk-host-local", replace(FILE, shareable=True), ENDS),
        ("disk-host-local", replace(FILE, device="lun"), ENDS),
        ("disk-host-local", replace(FILE, source="/home/web1"), ENDS),
        ("disk-host-local", replace(FILE, source="/own/other"), ENDS),
        ("disk-host-local", replace(FILE, format="qcow2"), ENDS),
        ("disk-host-local", replace(IN_POOL, source="other/web1"), ENDS),
        (
            "disk-host-local",
            FILE,
            replace(ENDS, volumes={"own": (replace(WEB1, backing="/own/base"),)}),
        ),
        ("disk-host-local", FILE, replace(ENDS, volumes={"own": (replace(WEB1, format="vmdk"),)})),
        ("disk-host-local", FILE, replace(ENDS, volumes={"own": (replace(WEB1, format=""),)})),
        ("pool-needed", FILE, replace(ENDS, there=())),
        ("pool-needed", FILE, replace(ENDS, there=(FAST, replace(FAST, name="slow")))),
        ("pool-needed", FILE, replace(ENDS, wanted="nosuch")),
        ("pool-full", FILE, replace(ENDS, there=(replace(OWN, available_bytes=63 * MIB),))),
        ("pool-full", FILE, replace(ENDS, promised={"own": 40 * MIB})),
    ],
)
def test_what_stands_in_the_way_is_a_finding(code: str, disk: VirtualDisk, ends: Ends):
    found = plan([disk], ends)
    assert [finding.code for finding in found.findings] == [code]
    assert found.copies == ()


def test_two_disks_share_the_room():
    other = replace(FILE, target="vdb", source="/own/web2")
    volumes = {"own": (WEB1, replace(WEB1, name="web2", capacity_bytes=32 * MIB))}
    assert len(plan([FILE, other], replace(ENDS, volumes=volumes)).copies) == 2
    volumes = {"own": (WEB1, replace(WEB1, name="web2"))}
    found = plan([FILE, other], replace(ENDS, volumes=volumes))
    assert [finding.code for finding in found.findings] == ["pool-full"]
    assert "128 MiB are needed" in found.findings[0].message


def test_a_file_lies_in_the_innermost_pool():
    disk = replace(FILE, source="/own/nfs/web1")
    assert pool_of(disk, (OWN, NFS)) == ("nfs", "web1")


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ("web1", "web1-m5f0c2a91"),
        ("web1.qcow2", "web1-m5f0c2a91.qcow2"),
        ("web1-m00000001.qcow2", "web1-m5f0c2a91.qcow2"),
        ("a.b-m00000001", "a-m5f0c2a91.b"),
        (".web1", ".web1-m5f0c2a91"),
        ("ü" * 300, "ü" * 100 + "-m5f0c2a91"),
    ],
)
def test_a_copy_is_named_after_its_move(volume: str, expected: str):
    assert named(replace(COPY, volume=volume), "5f0c2a91").to_volume == expected


ARRIVED = Sighting(ABSENT, RUNS)


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (ARRIVED, at_source(MOVE)),
        (Sighting(ABSENT, OFF), at_source(MOVE)),
        (Sighting(ABSENT, ABSENT), None),
        (Sighting(ABSENT, Place(Sight.PAUSED, Why.MIGRATION)), None),
        (Sighting(RUNS, ABSENT), at_target(MOVE)),
        (Sighting(SHUT_DOWN, ABSENT), at_target(MOVE)),
        (Sighting(MIGRATED, ABSENT), None),
        (Sighting(OFF, ABSENT), None),
        (Sighting(RUNS, OFF), None),
        (Sighting(RUNS, CANNOT_SEE), None),
        (Sighting(CANNOT_SEE, ABSENT), None),
    ],
)
def test_superfluous_is_what_lies_where_it_surely_is_not(seen: Sighting, what: object):
    assert superfluous(MOVE, seen) == what
    unsafe = broken(MOVE, seen, Step(MOVE.phase, Effect.REMOVE_COPIES))
    assert ("I11" in unsafe) == (what is None)


def test_old_disks_that_shall_stay_do():
    assert superfluous(replace(MOVE, keep_disks=True), ARRIVED) is None
    assert advance(replace(MOVE, keep_disks=True), ARRIVED) == Step(Phase.DONE)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (MIGRATED, False),
        (Place(Sight.PAUSED, Why.MIGRATION), False),
        (SHUT_DOWN, True),
        (OFF, True),
        (Place(Sight.PAUSED, Why.USER), True),
    ],
)
def test_disks_stay_where_it_may_have_run_since(source: Place, kept: bool):
    seen = Sighting(source, RUNS)
    step = advance(MOVE, seen)
    assert step.effect is Effect.CUT_SOURCE
    after = apply(MOVE, step, 0.0)
    assert (after.keep_disks, "are kept" in after.reason) == (kept, kept)
    assert advance(replace(MOVE, keep_disks=True), seen).reason == ""
    assert not apply(
        replace(MOVE, copies=()), advance(replace(MOVE, copies=()), seen), 0
    ).keep_disks


def test_a_move_ends_when_what_it_leaves_is_removed():
    assert advance(MOVE, ARRIVED) == Step(Phase.CUT_TIES, Effect.REMOVE_COPIES)
    assert advance(MOVE, replace(ARRIVED, cleared=True)) == Step(Phase.DONE)
    back = Sighting(RUNS, ABSENT, refusal="It broke.")
    step = advance(MOVE, back)
    assert (step.phase, step.effect) == (Phase.SEND, Effect.REMOVE_COPIES)
    assert advance(MOVE, replace(back, cleared=True)).phase is Phase.FAILED


def test_every_effect_is_told_in_words():
    for effect in Effect:
        told = explain(MOVE, ARRIVED, Step(Phase.SEND, effect))
        assert told.endswith(".")


def test_copies_that_may_be_the_newest_are_left_and_named():
    step = advance(MOVE, Sighting(OFF, ABSENT))
    assert step.phase is Phase.FAILED
    assert step.reason.endswith("may be left on s2: own/web1-m5f0c2a91.")


def test_off_at_both_ends_an_operator_says_which_copy_is_the_newer():
    step = advance(MOVE, Sighting(Place(Sight.OFF, Why.FAULT), Place(Sight.OFF, Why.FAULT)))
    assert (step.phase, step.effect) == (MOVE.phase, Effect.WAIT)
    assert "If it may have run on s2, activate it there" in step.attention


def test_without_copies_nothing_is_removed():
    for move in (replace(MOVE, copies=()), replace(MOVE, asked=False)):
        assert advance(move, Sighting(RUNS, RUNS, settled=True)).effect is not Effect.REMOVE_COPIES
        assert left_at_lost(move, ABSENT, removed=False) is None


DONE = replace(MOVE, phase=Phase.DONE)
FAILED = replace(MOVE, phase=Phase.FAILED)


@pytest.mark.parametrize(
    ("move", "back", "removed", "what"),
    [
        (replace(DONE, gone="s1"), OFF, True, at_source(MOVE)),
        (replace(DONE, gone="s1"), ABSENT, False, at_source(MOVE)),
        (replace(DONE, gone="s1"), RUNS, False, None),
        (replace(DONE, gone="s1", keep_disks=True), ABSENT, False, None),
        (replace(DONE, gone="s2"), ABSENT, False, None),
        (replace(FAILED, gone="s2"), ABSENT, False, at_target(MOVE)),
        (replace(FAILED, gone="s2"), OFF, True, at_target(MOVE)),
        (replace(FAILED, gone="s2"), OFF, False, None),
        (replace(FAILED, gone="s1"), OFF, False, at_target(MOVE)),
        (replace(FAILED, gone="s1"), ABSENT, False, None),
    ],
)
def test_what_a_server_has_that_was_given_up(
    move: Migration, back: Place, removed: bool, what: object
):
    assert left_at_lost(move, back, removed=removed) == what


def copying(left_mib: int, elapsed_ms: int) -> Progress:
    total, left = 64 * MIB, left_mib * MIB
    return Progress(
        elapsed_ms=elapsed_ms,
        total_bytes=total,
        remaining_bytes=left,
        rate_bytes_s=2.0 * MIB,
        disk_total_bytes=total,
        disk_remaining_bytes=left,
    )


def test_a_copy_that_comes_no_nearer_is_given_up():
    policy = Policy()
    course, advice = converge(first_course(policy), copying(60, 0), policy, throttled=False)
    assert advice is Advice.KEEP
    course, advice = converge(course, copying(59, 1000), policy, throttled=False)
    assert advice is Advice.KEEP
    late = copying(59, 999 + DISK_PATIENCE_MS)
    assert converge(course, late, policy, throttled=False) == (course, Advice.KEEP)
    late = copying(60, 1000 + DISK_PATIENCE_MS)
    assert converge(course, late, policy, throttled=False) == (course, Advice.GIVE_UP)
    told = why_given_up(late, policy, throttled=False)
    assert told.startswith("The copy of its disks does not catch up: 60 MiB are left")
    assert "2 MiB/s are sent" in told


def test_what_the_guest_writes_to_its_disks_widens_no_pause():
    policy = Policy()
    course = first_course(policy)
    for iteration in (1, 2):
        memory = replace(
            copying(60, 100 * iteration),
            iteration=iteration,
            remaining_bytes=60 * MIB + 8 * MIB // iteration,
            total_bytes=128 * MIB,
        )
        course, advice = converge(course, memory, policy, throttled=False)
        assert advice is Advice.KEEP
    assert course.remaining_bytes == 4 * MIB


def test_shares_never_run_backwards():
    first = copying(32, 0).after(None)
    assert (first.disks_done, first.memory_done) == (0.5, 0.0)
    second = copying(48, 0).after(first)
    assert second.disks_done == 0.5
    memory = replace(copying(0, 0), total_bytes=128 * MIB, remaining_bytes=16 * MIB).after(second)
    assert (memory.disks_done, memory.memory_done) == (1.0, 0.75)
    assert memory.memory_bytes == 64 * MIB


def test_disks_are_part_of_the_estimate():
    limits = {"first_pause_ms": 30, "max_pause_ms": 100, "basis": ""}
    without = estimate(100 * MIB, 0, 10.0 * MIB, **limits)
    with_disks = estimate(100 * MIB, 0, 10.0 * MIB, **limits, disk_bytes=50 * MIB)
    assert with_disks.total_s == pytest.approx(without.total_s + 5)
    assert with_disks.bytes_sent == without.bytes_sent + 50 * MIB
    assert with_disks.pause_ms == without.pause_ms
