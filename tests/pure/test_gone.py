"""A server that is gone for good: each sighting, and what an operator is told."""

from dataclasses import replace

import pytest

from fakes.places import OFF, PAUSED_BY_TRANSFER, PAUSED_BY_USER, RESUMED, RUNS, SHELL
from openlpm.decide.advance import advance, apply
from openlpm.decide.gone import Leftover, leftover, needs_free_lease, still_held
from openlpm.decide.invariants import broken
from openlpm.decide.step import Effect, Step
from openlpm.model.errors import Conflict
from openlpm.model.migration import Halt, Kind, Migration, Phase
from openlpm.model.sight import ABSENT, CANNOT_SEE, Job, Place, Sighting

NEW = Migration("m1", "u-1", "web1", "s1", "s2", Kind.ACTIVE)
SENDING = replace(NEW, phase=Phase.SEND, asked=True)
LEASED = replace(SENDING, leased=True)
STOPPING = replace(SENDING, halt=Halt.OPERATOR)
RESTING = replace(LEASED, kind=Kind.SUSPENDED)
INACTIVE = replace(SENDING, kind=Kind.INACTIVE)
WAIT, SEND, FAILED, DONE = Effect.WAIT, Phase.SEND, Phase.FAILED, Phase.DONE

# what, record, source, (phase, effect), told, more of the sighting
WITHOUT_TARGET = [
    ("it runs on", SENDING, RUNS, (FAILED, WAIT), "s2 was given up. It is running on s1.", {}),
    (
        "the operator had stopped it",
        STOPPING,
        RUNS,
        (Phase.STOPPED, WAIT),
        "It is running on s1.",
        {},
    ),
    ("not asked yet", NEW, RUNS, (FAILED, WAIT), "It is running on s1.", {}),
    ("not settled", SENDING, RUNS, (SEND, WAIT), "", {"settled": False}),
    ("libvirt has not given up", SENDING, RUNS, (SEND, WAIT), "still trying", {"job": Job.RUNNING}),
    ("its lease is taken again", LEASED, RESUMED, (SEND, Effect.RETAKE_LEASE), "", {}),
    ("its lease was taken", LEASED, RESUMED, (FAILED, WAIT), "running on s1", {"retaken": True}),
    (
        "we have paused it",
        replace(LEASED, retaking=True),
        PAUSED_BY_USER,
        (SEND, Effect.RESUME_SOURCE),
        "",
        {},
    ),
    ("a user has paused it", LEASED, PAUSED_BY_USER, (FAILED, WAIT), "It is paused on s1.", {}),
    (
        "the transfer has paused it",
        LEASED,
        PAUSED_BY_TRANSFER,
        (FAILED, WAIT),
        "an old copy: power it off (lpm partition shutdown web1 --force)",
        {},
    ),
    (
        "a suspended one stays paused",
        RESTING,
        PAUSED_BY_TRANSFER,
        (FAILED, WAIT),
        "It is paused on s1.",
        {},
    ),
    ("it is off", SENDING, OFF, (FAILED, WAIT), "can be activated there", {}),
    ("it had arrived", SENDING, ABSENT, (DONE, WAIT), "It had arrived there.", {}),
    ("it never was there", NEW, ABSENT, (FAILED, WAIT), "not on s1 any more", {}),
    ("an inactive one", INACTIVE, OFF, (FAILED, WAIT), "can be activated there", {}),
]
UNSEEN = {"job": Job.UNKNOWN}
WITHOUT_SOURCE = [
    ("it runs", SENDING, RUNS, (DONE, WAIT), "s1 was given up. It is running on s2.", UNSEEN),
    ("it is off", INACTIVE, OFF, (DONE, WAIT), "It is off on s2.", UNSEEN),
    ("it has not come", LEASED, ABSENT, (FAILED, WAIT), "did not arrive", UNSEEN),
    ("its shell is there still", LEASED, SHELL, (SEND, WAIT), "has not removed its shell", UNSEEN),
    ("not settled", LEASED, ABSENT, (SEND, WAIT), "", {**UNSEEN, "settled": False}),
]


@pytest.mark.parametrize(("what", "record", "source", "to", "told", "more"), WITHOUT_TARGET)
def test_without_the_target(
    what: str,
    record: Migration,
    source: Place,
    to: tuple[Phase, Effect],
    told: str,
    more: dict[str, object],
) -> None:
    judged(replace(record, gone="s2"), Sighting(source, CANNOT_SEE, **more), to, told)


@pytest.mark.parametrize(("what", "record", "target", "to", "told", "more"), WITHOUT_SOURCE)
def test_without_the_source(
    what: str,
    record: Migration,
    target: Place,
    to: tuple[Phase, Effect],
    told: str,
    more: dict[str, object],
) -> None:
    judged(replace(record, gone="s1"), Sighting(CANNOT_SEE, target, **more), to, told)


def judged(record: Migration, seen: Sighting, to: tuple[Phase, Effect], told: str) -> None:
    step = advance(record, seen)
    phase = record.phase if to[0] is Phase.SEND else to[0]
    assert (step.phase, step.effect) == (phase, to[1])
    assert told in f"{step.reason} {step.attention}"
    assert broken(record, seen, step) == ()
    assert apply(record, step, 1.0).gone == record.gone


def test_what_is_seen_again_counts_again() -> None:
    record = replace(SENDING, gone="s2")
    assert advance(record, Sighting(RUNS, SHELL, Job.RUNNING)) == Step(Phase.SEND)
    assert "Waiting until s1" in advance(record, Sighting(CANNOT_SEE, SHELL)).attention


@pytest.mark.parametrize("effect", [e for e in Effect if e not in (WAIT, Effect.RETAKE_LEASE)])
def test_nothing_is_started_or_removed_blindly(effect: Effect) -> None:
    record = replace(LEASED, gone="s2")
    assert "I1" in broken(record, Sighting(PAUSED_BY_USER, CANNOT_SEE), Step(Phase.SEND, effect))


@pytest.mark.parametrize(
    ("record", "seen", "needs"),
    [
        (SENDING, Sighting(RUNS, CANNOT_SEE), False),
        (SENDING, Sighting(CANNOT_SEE, RUNS), False),
        (LEASED, Sighting(CANNOT_SEE, ABSENT), True),
        (LEASED, Sighting(PAUSED_BY_TRANSFER, CANNOT_SEE), True),
        (INACTIVE, Sighting(CANNOT_SEE, ABSENT), False),
    ],
)
def test_the_proof_that_is_needed(record: Migration, seen: Sighting, needs: bool) -> None:
    assert needs_free_lease(record, seen) is needs


@pytest.mark.parametrize(
    ("record", "seen", "code"),
    [
        (SENDING, Sighting(CANNOT_SEE, ABSENT), "not-proved-gone"),
        (SENDING, Sighting(PAUSED_BY_TRANSFER, CANNOT_SEE), "not-proved-gone"),
        (SENDING, Sighting(RESUMED, CANNOT_SEE), "not-proved-gone"),
        (LEASED, Sighting(CANNOT_SEE, CANNOT_SEE), "both-out-of-sight"),
        (LEASED, Sighting(RUNS, SHELL), "both-in-sight"),
    ],
)
def test_no_proof_no_end(record: Migration, seen: Sighting, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        needs_free_lease(record, seen)
    assert refused.value.code == code
    assert refused.value.remedy


def test_a_lease_that_is_held_names_the_server_to_look_at() -> None:
    assert "s1 still runs 'web1'" in still_held(LEASED, Sighting(CANNOT_SEE, ABSENT)).message


@pytest.mark.parametrize(
    ("what", "back", "elsewhere", "judged"),
    [
        ("still gone", CANNOT_SEE, [RUNS], Leftover.WAIT),
        ("nothing is left", ABSENT, [RUNS], Leftover.KEEP),
        ("a definition of what runs elsewhere", OFF, [ABSENT, RUNS], Leftover.REMOVE),
        ("of what is off elsewhere", OFF, [OFF], Leftover.REMOVE),
        ("the only definition", OFF, [ABSENT], Leftover.KEEP),
        ("perhaps the only one", OFF, [ABSENT, CANNOT_SEE], Leftover.WAIT),
        ("an old copy", PAUSED_BY_TRANSFER, [RUNS], Leftover.REMOVE),
        ("the only copy", PAUSED_BY_TRANSFER, [OFF], Leftover.KEEP),
        ("perhaps the only copy", PAUSED_BY_TRANSFER, [CANNOT_SEE], Leftover.WAIT),
        ("it runs there", RUNS, [OFF], Leftover.KEEP),
    ],
)
def test_what_a_server_still_has(
    what: str, back: Place, elsewhere: list[Place], judged: Leftover
) -> None:
    assert leftover(back, elsewhere) is judged
