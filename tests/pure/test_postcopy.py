"""Post-copy: what each sighting means while a partition's memory is at both ends."""

from dataclasses import replace

import pytest

from fakes.places import (
    BROKEN_OFF,
    CRASHED,
    FETCHED_FROM,
    FETCHES,
    FROZEN,
    LACKS,
    MIGRATED,
    OFF,
    PAUSED_BY_TRANSFER,
    RUNS,
    SHELL,
)
from openlpm.decide.advance import advance, apply
from openlpm.decide.converge import Advice, Course, converge
from openlpm.decide.invariants import broken
from openlpm.decide.postcopy import flows, waits_for_link
from openlpm.decide.step import Effect, Step
from openlpm.model.migration import Halt, Kind, Migration, Phase, Progress
from openlpm.model.policy import Policy
from openlpm.model.sight import ABSENT, CANNOT_SEE, Job, Place, Sight, Sighting, Why

SENDING = Migration("m1", "u-1", "web1", "s1", "s2", Kind.ACTIVE, Phase.SEND, asked=True)
SWITCHED = replace(SENDING, switched=True, policy=Policy(postcopy=True), leased=True)
STOPPING = replace(SWITCHED, halt=Halt.OPERATOR)
UNDER_WAY, UNSURE = {"job": Job.RUNNING}, {"settled": False}
REFUSED = UNDER_WAY | {"refusal": "No."}
DECLINED = REFUSED | {"declined": True}
WAIT, SEND, OVER = Effect.WAIT, Phase.SEND, Phase.SWITCH_OVER

# what, record, source, target, (phase, effect), told, more of the sighting
ROWS = [
    ("it is asked for", SWITCHED, RUNS, SHELL, (SEND, Effect.START_POSTCOPY), "", UNDER_WAY),
    ("not before there is a shell", SWITCHED, RUNS, ABSENT, (SEND, WAIT), "", UNDER_WAY),
    (
        "a stop does not meet the switch half way",
        STOPPING,
        RUNS,
        SHELL,
        (SEND, Effect.START_POSTCOPY),
        "",
        UNDER_WAY,
    ),
    ("it is refused", SWITCHED, RUNS, SHELL, (SEND, Effect.START_POSTCOPY), "No.", REFUSED),
    (
        "it is refused again and again",
        SWITCHED,
        RUNS,
        SHELL,
        (SEND, Effect.FORGO_POSTCOPY),
        "The switch to post-copy was refused: No.",
        DECLINED,
    ),
    (
        "what was refused begins all the same",
        SWITCHED,
        FETCHED_FROM,
        SHELL,
        (OVER, WAIT),
        "",
        DECLINED,
    ),
    ("not unless it was decided", SENDING, RUNS, SHELL, (SEND, WAIT), "", UNDER_WAY),
    ("the last pages came first", SWITCHED, PAUSED_BY_TRANSFER, SHELL, (OVER, WAIT), "", UNDER_WAY),
    ("it switches", SWITCHED, FETCHED_FROM, SHELL, (OVER, WAIT), "", UNDER_WAY),
    ("it fetches", SWITCHED, FETCHED_FROM, FETCHES, (OVER, WAIT), "", UNDER_WAY),
    ("a stop comes too late", STOPPING, FETCHED_FROM, FETCHES, (OVER, WAIT), "", UNDER_WAY),
    ("an earlier console's", SWITCHED, FETCHED_FROM, FETCHES, (OVER, WAIT), "", {}),
    (
        "it broke",
        SWITCHED,
        BROKEN_OFF,
        LACKS,
        (OVER, Effect.RESUME_POSTCOPY),
        "nothing is lost",
        {},
    ),
    (
        "it broke, by the source's word",
        SWITCHED,
        BROKEN_OFF,
        FETCHES,
        (OVER, Effect.RESUME_POSTCOPY),
        "",
        {},
    ),
    (
        "it broke, by the target's word",
        SWITCHED,
        FETCHED_FROM,
        LACKS,
        (OVER, Effect.RESUME_POSTCOPY),
        "",
        {},
    ),
    (
        "it broke, and a disk error has paused it there",
        SWITCHED,
        BROKEN_OFF,
        FROZEN,
        (OVER, Effect.RESUME_POSTCOPY),
        "resume it on s2",
        {},
    ),
    ("a disk error paused it", SWITCHED, FETCHED_FROM, FROZEN, (OVER, WAIT), "", UNDER_WAY),
    (
        "a disk error paused it, and nobody follows",
        SWITCHED,
        FETCHED_FROM,
        FROZEN,
        (OVER, WAIT),
        "resume it on s2",
        {},
    ),
    (
        "all of what is paused is there",
        SWITCHED,
        MIGRATED,
        FROZEN,
        (Phase.CUT_TIES, Effect.CUT_SOURCE),
        "",
        {},
    ),
    ("it may not be so", SWITCHED, BROKEN_OFF, LACKS, (OVER, WAIT), "", UNSURE),
    ("it broke in the switch", SWITCHED, BROKEN_OFF, SHELL, (OVER, WAIT), "", {}),
    ("it never ran there", SWITCHED, BROKEN_OFF, ABSENT, (OVER, WAIT), "It has not run on s2", {}),
    (
        "it may have run there",
        SWITCHED,
        BROKEN_OFF,
        CRASHED,
        (OVER, WAIT),
        "the newest part of its memory",
        {},
    ),
    (
        "libvirt's job stays for ever",
        SWITCHED,
        BROKEN_OFF,
        CRASHED,
        (OVER, WAIT),
        "the newest part of its memory",
        UNDER_WAY,
    ),
    (
        "the source is dead",
        SWITCHED,
        CRASHED,
        LACKS,
        (OVER, WAIT),
        "s1 has lost the memory that s2 still lacks",
        {},
    ),
    (
        "the source was started anew meanwhile, and paused",
        SWITCHED,
        Place(Sight.PAUSED, Why.USER),
        LACKS,
        (OVER, WAIT),
        "s1 has lost the memory that s2 still lacks",
        {},
    ),
    (
        "the source is powered off then",
        SWITCHED,
        OFF,
        ABSENT,
        (Phase.FAILED, WAIT),
        "went off on s1",
        {},
    ),
    ("whole again", SWITCHED, FETCHED_FROM, RUNS, (OVER, WAIT), "", UNDER_WAY),
    ("whole, and let go of", SWITCHED, MIGRATED, RUNS, (Phase.CUT_TIES, Effect.CUT_SOURCE), "", {}),
    (
        "whole, and libvirt let go of nothing",
        SWITCHED,
        BROKEN_OFF,
        RUNS,
        (Phase.CUT_TIES, Effect.CUT_SOURCE),
        "",
        {},
    ),
    (
        "the target is out of sight",
        SWITCHED,
        FETCHED_FROM,
        CANNOT_SEE,
        (SEND, WAIT),
        "Waiting until s2",
        UNDER_WAY,
    ),
]


@pytest.mark.parametrize(("what", "record", "source", "target", "to", "told", "more"), ROWS)
def test_a_turn(
    what: str,
    record: Migration,
    source: Place,
    target: Place,
    to: tuple[Phase, Effect],
    told: str,
    more: dict[str, object],
) -> None:
    seen = Sighting(source, target, **more)
    step = advance(record, seen)
    assert (step.phase, step.effect) == to
    assert told in f"{step.reason} {step.attention}"
    assert broken(record, seen, step) == ()


@pytest.mark.parametrize(
    "effect", [e for e in Effect if e not in (WAIT, Effect.START_POSTCOPY, Effect.RESUME_POSTCOPY)]
)
@pytest.mark.parametrize("target", [SHELL, FETCHES, LACKS, FROZEN, ABSENT, CRASHED])
def test_neither_end_is_touched(effect: Effect, target: Place) -> None:
    assert "I9" in broken(SWITCHED, Sighting(BROKEN_OFF, target), Step(OVER, effect))


def test_nothing_is_aborted_that_may_be_switching() -> None:
    step = Step(SEND, Effect.ABORT_TRANSFER)
    assert "I6" in broken(STOPPING, Sighting(RUNS, SHELL, Job.RUNNING), step)


def test_what_is_forgone_may_be_stopped_and_is_throttled() -> None:
    seen = Sighting(RUNS, SHELL, **DECLINED)
    forgone = apply(SWITCHED, advance(SWITCHED, seen), 5.0)
    assert not forgone.switched
    assert forgone.policy == Policy(postcopy=False)
    assert forgone.reason == "The switch to post-copy was refused: No."
    for halt in (Halt.OPERATOR, Halt.THROTTLE, Halt.NO_CONVERGENCE):
        halted = replace(forgone, halt=halt)
        step = advance(halted, seen)
        assert step.effect is Effect.ABORT_TRANSFER
        assert broken(halted, seen, step) == ()


@pytest.mark.parametrize(
    ("source", "target", "more"),
    [(RUNS, SHELL, REFUSED), (FETCHED_FROM, SHELL, DECLINED), (RUNS, ABSENT, DECLINED)],
)
def test_what_may_be_switching_is_not_forgone(
    source: Place, target: Place, more: dict[str, object]
) -> None:
    seen = Sighting(source, target, **more)
    assert "I10" in broken(SWITCHED, seen, Step(SEND, Effect.FORGO_POSTCOPY))


@pytest.mark.parametrize(
    ("source", "target", "does_flow", "does_wait"),
    [
        (FETCHED_FROM, SHELL, False, False),
        (FETCHED_FROM, FETCHES, True, False),
        (BROKEN_OFF, LACKS, False, True),
        (FETCHED_FROM, LACKS, False, True),
        (BROKEN_OFF, FROZEN, False, True),
        (BROKEN_OFF, RUNS, True, True),  # libvirt lets go of nothing
        (MIGRATED, RUNS, True, False),
        (BROKEN_OFF, CRASHED, False, False),
        (CRASHED, LACKS, False, False),
        (CANNOT_SEE, FETCHES, False, False),
        (FETCHED_FROM, CANNOT_SEE, False, False),
    ],
)
def test_whether_its_memory_flows(
    source: Place, target: Place, *, does_flow: bool, does_wait: bool
) -> None:
    seen = Sighting(source, target)
    assert (flows(seen), waits_for_link(seen)) == (does_flow, does_wait)


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.STOPPED, Phase.DONE])
def test_it_does_not_end_half_way(phase: Phase) -> None:
    assert "I9" in broken(SWITCHED, Sighting(FETCHED_FROM, FETCHES), Step(phase))


def test_what_is_given_up_in_the_midst_says_what_is_left() -> None:
    given_up, seen = replace(SWITCHED, gone="s2"), Sighting(BROKEN_OFF, CANNOT_SEE)
    without_target = advance(given_up, seen)
    assert broken(given_up, seen, without_target) == ()
    assert without_target.phase is Phase.FAILED
    assert "the newest part of its memory" in without_target.reason
    without_source = advance(replace(SWITCHED, gone="s1"), Sighting(CANNOT_SEE, LACKS, Job.UNKNOWN))
    assert without_source.effect is WAIT
    assert "s1 has lost the memory" in without_source.attention


def test_it_is_the_way_where_widening_the_pause_was_not_enough() -> None:
    policy = Policy(max_pause_ms=100, postcopy=True)
    course = Course(pause_ms=100, iteration=5, remaining_bytes=1000, at_limit=2)
    later = Progress(iteration=6, remaining_bytes=1000)
    assert converge(course, later, policy, throttled=False)[1] is Advice.POSTCOPY
    assert (
        converge(course, later, replace(policy, postcopy=False), throttled=False)[1]
        is Advice.THROTTLE
    )
