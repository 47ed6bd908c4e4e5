# ruff: noqa: E501 (a row is a line)
"""Each interrupted transition, replayed: what is seen afterwards, and what an operator notices.

`SCENARIOS` is a table. A row is one turn: the record as it was written, what both servers say,
and what is to happen. The last column is a piece of what the operator reads (`recover.explain`).
"""

from dataclasses import dataclass, field, replace

import pytest

from fakes.places import (
    CRASHED,
    FROZEN,
    MIGRATED,
    OFF,
    PAUSED_BY_TRANSFER,
    PAUSED_BY_USER,
    RESUMED,
    RUNS,
    SHELL,
    SHUT_DOWN,
)
from openlpm.decide.advance import advance, apply
from openlpm.decide.invariants import broken
from openlpm.decide.recover import explain
from openlpm.decide.step import Effect, Step
from openlpm.model.migration import Halt, Kind, Migration, Phase
from openlpm.model.sight import ABSENT, CANNOT_SEE, Job, Place, Sighting

NEW = Migration("m1", "u-1", "web1", "s1", "s2", Kind.ACTIVE)
ASKED = replace(NEW, phase=Phase.DUPLICATE, asked=True)
SENDING = replace(ASKED, phase=Phase.SEND)
SWITCHING = replace(ASKED, phase=Phase.SWITCH_OVER)
CUTTING = replace(ASKED, phase=Phase.CUT_TIES)
STOPPING = replace(SENDING, halt=Halt.OPERATOR)
LEASED = replace(SENDING, leased=True)
RETAKING = replace(LEASED, retaking=True)
RETAKEN = {"retaken": True}
RESTING = replace(SENDING, kind=Kind.SUSPENDED)
NEW_OFF = replace(NEW, kind=Kind.INACTIVE)
DEFINING = replace(ASKED, kind=Kind.INACTIVE)
STOPPING_OFF = replace(DEFINING, halt=Halt.OPERATOR)

UNDER_WAY, UNSURE = {"job": Job.RUNNING}, {"settled": False}
WAIT, CAPTURE = Effect.WAIT, Phase.CAPTURE


@dataclass(frozen=True)
class Row:
    what: str
    record: Migration
    source: Place
    target: Place
    phase: Phase
    effect: Effect = WAIT
    told: str = ""
    more: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def seen(self) -> Sighting:
        return Sighting(self.source, self.target, **self.more)  # type: ignore[arg-type]


DUPLICATE, SEND, SWITCH, CUT = Phase.DUPLICATE, Phase.SEND, Phase.SWITCH_OVER, Phase.CUT_TIES
DONE, FAILED, STOPPED = Phase.DONE, Phase.FAILED, Phase.STOPPED
START, DEFINE = Effect.START_TRANSFER, Effect.DEFINE_TARGET
REMOVE, CUT_IT, RESUME = Effect.REMOVE_SHELL, Effect.CUT_SOURCE, Effect.RESUME_SOURCE
ABORT, RETAKE = Effect.ABORT_TRANSFER, Effect.RETAKE_LEASE

SCENARIOS = (
    # -- before anything was asked
    Row("a running one begins", NEW, RUNS, ABSENT, DUPLICATE, START, "is started"),
    Row(
        "a paused one begins",
        replace(NEW, kind=Kind.SUSPENDED),
        PAUSED_BY_USER,
        ABSENT,
        DUPLICATE,
        START,
    ),
    Row("one that is off begins", NEW_OFF, OFF, ABSENT, DUPLICATE, DEFINE, "is defined"),
    Row("console dies before asking, stopped", replace(NEW, halt=Halt.OPERATOR), RUNS, ABSENT, STOPPED),
    Row("it went off before the start", NEW, SHUT_DOWN, ABSENT, FAILED, WAIT, "is off now"),
    Row("another one is at the target", NEW, RUNS, OFF, FAILED, WAIT, "UUID already"),
    # -- out of sight
    Row("source out of sight", SENDING, CANNOT_SEE, SHELL, SEND, WAIT, "until s1 can be seen"),
    Row("target out of sight", SENDING, RUNS, CANNOT_SEE, SEND, WAIT, "until s2 can be seen"),
    Row("both out of sight", SENDING, CANNOT_SEE, CANNOT_SEE, SEND, WAIT, "s1 and s2"),
    Row(
        "the transfer is out of sight", SENDING, RUNS, ABSENT, SEND, WAIT, "s1", {"job": Job.UNKNOWN}
    ),
    # -- the transfer under way: a fresh console picks it up where it is
    Row("console dies after asking, libvirt begins", ASKED, RUNS, ABSENT, DUPLICATE, WAIT, "under way", UNDER_WAY),
    Row("console dies while memory is sent", ASKED, RUNS, SHELL, SEND, WAIT, "shell", UNDER_WAY),
    Row("the last pages", SENDING, PAUSED_BY_TRANSFER, SHELL, SWITCH, WAIT, "", UNDER_WAY),
    Row("it runs at the target, not confirmed", SENDING, PAUSED_BY_TRANSFER, RUNS, SWITCH, WAIT, "", UNDER_WAY),
    Row("source gone, Finish outstanding", SENDING, CRASHED, SHELL, SWITCH, WAIT, "", UNDER_WAY),
    Row("a paused one is sent", replace(RESTING, phase=DUPLICATE), PAUSED_BY_USER, SHELL, SEND, WAIT, "", UNDER_WAY),
    Row("stopped while memory is sent", STOPPING, RUNS, SHELL, SEND, ABORT, "aborted", UNDER_WAY),
    Row("stopped during the switch-over", STOPPING, PAUSED_BY_TRANSFER, SHELL, SWITCH, WAIT, "", UNDER_WAY),
    Row("stopped while ties are cut", replace(CUTTING, halt=Halt.OPERATOR), ABSENT, CRASHED, CUT, WAIT, "", UNDER_WAY),
    # -- arrived
    Row("console dies after the switch-over", SENDING, MIGRATED, RUNS, CUT, CUT_IT, "is removed"),
    Row("console dies between cut and done", CUTTING, ABSENT, RUNS, DONE, WAIT, "come to its end"),
    Row("source daemon dies in confirm", SWITCHING, PAUSED_BY_TRANSFER, RUNS, CUT, CUT_IT),
    Row("source daemon dies in confirm, first look", SENDING, PAUSED_BY_TRANSFER, RUNS, SWITCH, WAIT, "", UNSURE),
    Row("it froze at the target", SWITCHING, MIGRATED, FROZEN, CUT, CUT_IT, "paused (fault)"),
    Row("it arrived and shut down there", CUTTING, ABSENT, SHUT_DOWN, DONE, WAIT, "went off there"),
    Row("arrived and shut down, source not cut", SWITCHING, MIGRATED, SHUT_DOWN, CUT, CUT_IT),
    Row("the same, source daemon restarted", SWITCHING, OFF, SHUT_DOWN, CUT, CUT_IT),
    Row("a user resumed the source of a paused one", RESTING, RUNS, PAUSED_BY_USER, SEND, WAIT, "paused on the target"),
    # -- it ran at the target and went off, while an old copy is paused at the source
    Row("old copy at the source, shut down there", SENDING, PAUSED_BY_TRANSFER, SHUT_DOWN, CUT, CUT_IT),
    Row("old copy at the source, crashed there, seen before", CUTTING, PAUSED_BY_TRANSFER, CRASHED, CUT, CUT_IT),
    Row("perhaps an old copy, nobody can tell", SENDING, PAUSED_BY_TRANSFER, CRASHED, SEND, WAIT, "Whether it has run"),
    Row("a user's pause, and off there", SENDING, PAUSED_BY_USER, SHUT_DOWN, SEND, WAIT, "Whether it has run"),
    # -- back at the source
    Row("the transfer failed, libvirt cleans up", SENDING, RUNS, SHELL, SEND, REMOVE, "never ran"),
    Row("the transfer failed", SENDING, RUNS, ABSENT, FAILED, WAIT, "stays on s1"),
    Row("the transfer failed, libvirt said why", SENDING, RUNS, ABSENT, FAILED, WAIT, "No route", {"refusal": "No route."}),
    Row("the same, first look", SENDING, RUNS, ABSENT, SEND, WAIT, "", UNSURE),
    Row("Finish failed, a definition is left", SWITCHING, RUNS, CRASHED, SWITCH, REMOVE),
    Row("stopped", STOPPING, RUNS, ABSENT, STOPPED, WAIT, "stays on s1"),
    Row(
        "given up: no convergence",
        replace(SENDING, halt=Halt.NO_CONVERGENCE, reason="It does not converge."),
        RUNS,
        ABSENT,
        FAILED,
    ),
    Row("begins again, throttled", replace(SENDING, halt=Halt.THROTTLE), RUNS, ABSENT, DUPLICATE, START),
    Row("a user paused it at the source", SENDING, PAUSED_BY_USER, ABSENT, FAILED, WAIT, "stays on s1"),
    Row("a paused one stays", RESTING, PAUSED_BY_USER, ABSENT, FAILED, WAIT, "stays on s1"),
    Row("source daemon dies in the switch-over", SENDING, PAUSED_BY_TRANSFER, ABSENT, SEND, RESUME, "is resumed"),
    Row("the same with a shell, no lease", SENDING, PAUSED_BY_TRANSFER, SHELL, SEND, REMOVE),
    Row("the same with a shell, leased", LEASED, PAUSED_BY_TRANSFER, SHELL, SEND, RESUME),
    # -- back at the source by QEMU's own doing, perhaps without its lease
    Row("QEMU resumed it, leased", LEASED, RESUMED, ABSENT, SEND, RETAKE, "hold its lease"),
    Row("QEMU resumed it, no lease", SENDING, RESUMED, ABSENT, FAILED, WAIT, "stays on s1"),
    Row("QEMU resumed it, the shell is still there", LEASED, RESUMED, SHELL, SEND, REMOVE),
    Row("it has taken its lease again", RETAKING, RESUMED, ABSENT, FAILED, WAIT, "stays on s1", RETAKEN),
    Row("stopped, QEMU resumed it", replace(LEASED, halt=Halt.OPERATOR), RESUMED, ABSENT, SEND, RETAKE),
    Row("begins again only with its lease", replace(LEASED, halt=Halt.THROTTLE), RESUMED, ABSENT, SEND, RETAKE),
    Row("console dies when it has paused it", RETAKING, PAUSED_BY_USER, ABSENT, SEND, RESUME, "is resumed"),
    Row("console dies when it has resumed it", RETAKING, RESUMED, ABSENT, SEND, RETAKE),
    Row("a user's pause, leased", LEASED, PAUSED_BY_USER, ABSENT, FAILED, WAIT, "stays on s1"),
    # -- lost or off at the source
    Row("the source's guest is killed", SENDING, CRASHED, ABSENT, FAILED, WAIT, "went off on s1"),
    Row("it shut down while being stopped", STOPPING, SHUT_DOWN, ABSENT, STOPPED, WAIT, "went off on s1"),
    Row("killed, the shell is still there", SENDING, CRASHED, SHELL, SEND, WAIT, "removing its shell"),
    Row("killed, a definition is left", SENDING, CRASHED, CRASHED, SEND, REMOVE),
    Row("somebody undefined the source", SENDING, ABSENT, SHELL, SEND, WAIT, "Only s2 has it"),
    Row("somebody undefined both", SENDING, ABSENT, ABSENT, FAILED, WAIT, "neither server"),
    Row("it runs on both servers", SENDING, RUNS, RUNS, SEND, WAIT, "runs on both servers"),
    # -- inactive moves
    Row("console dies before the definition", DEFINING, OFF, ABSENT, DUPLICATE, DEFINE),
    Row("console dies after the definition", DEFINING, OFF, OFF, CUT, CUT_IT),
    Row("console dies after the cut", DEFINING, ABSENT, OFF, DONE),
    Row("refused, tried again", DEFINING, OFF, ABSENT, DUPLICATE, DEFINE, "No.", {"refusal": "No.", "settled": False}),
    Row("refused for good", DEFINING, OFF, ABSENT, FAILED, WAIT, "No.", {"refusal": "No."}),
    Row("stopped, a request may be on its way", STOPPING_OFF, OFF, ABSENT, DUPLICATE, WAIT, "", UNSURE),
    Row("stopped inactive", STOPPING_OFF, OFF, ABSENT, STOPPED),
    Row("stopped, and somebody undefined it", STOPPING_OFF, ABSENT, ABSENT, FAILED, WAIT, "neither server"),
    Row("stopped, it is defined there", STOPPING_OFF, OFF, OFF, DUPLICATE, REMOVE),
    Row("stopped too late", replace(STOPPING_OFF, phase=CUT), OFF, OFF, CUT, CUT_IT),
    Row("activated at the source", DEFINING, RUNS, ABSENT, FAILED, WAIT, "running on s1 now"),
    Row("activated at the source, defined there", DEFINING, RUNS, OFF, DUPLICATE, REMOVE),
    Row("activated at the target", DEFINING, OFF, RUNS, CUT, CUT_IT),
    Row("activated at the target, source cut", DEFINING, ABSENT, RUNS, DONE, WAIT, "activated on the target"),
    Row("activated at both", DEFINING, PAUSED_BY_USER, RUNS, DUPLICATE, WAIT, "both servers"),
)  # fmt: skip


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: row.what)
def test_after(row: Row) -> None:
    step = advance(row.record, row.seen)
    assert (step.phase, step.effect) == (row.phase, row.effect)
    assert broken(row.record, row.seen, step) == ()
    assert row.told in explain(row.record, row.seen, step)


def test_the_rows_have_different_names() -> None:
    assert len({row.what for row in SCENARIOS}) == len(SCENARIOS)


class TestWhatIsWritten:
    def test_asked_is_written_with_the_first_request(self) -> None:
        record = apply(NEW, Step(DUPLICATE, START), 5.0)
        assert (record.asked, record.throttled, record.finished_at) == (True, False, None)
        assert record.phase_at == (("duplicate", 5.0),)

    def test_a_throttled_start_takes_the_halt_back(self) -> None:
        record = apply(replace(SENDING, halt=Halt.THROTTLE), Step(DUPLICATE, START), 5.0)
        assert (record.throttled, record.halt) == (True, Halt.NONE)

    def test_that_we_may_have_paused_it_is_written_first(self) -> None:
        assert apply(LEASED, Step(SEND, RETAKE), 5.0).retaking

    def test_an_end_has_its_time_and_keeps_the_reason_given_before(self) -> None:
        record = apply(replace(SENDING, reason="Too busy."), Step(FAILED), 7.0)
        assert (record.finished_at, record.reason) == (7.0, "Too busy.")

    def test_waiting_changes_nothing(self) -> None:
        assert apply(SENDING, Step(SEND, attention="…"), 9.0) == SENDING


BROKEN = (
    ("I1", SENDING, Sighting(CANNOT_SEE, SHELL), Step(SEND, ABORT)),
    ("I1", SENDING, Sighting(RUNS, ABSENT, Job.UNKNOWN), Step(FAILED)),
    ("I2", SENDING, Sighting(RUNS, RUNS), Step(SEND, ABORT)),
    ("I3", SENDING, Sighting(RUNS, SHELL), Step(STOPPED)),
    ("I4", SENDING, Sighting(RUNS, PAUSED_BY_USER), Step(CUT, CUT_IT)),
    ("I4", SENDING, Sighting(PAUSED_BY_TRANSFER, SHELL), Step(CUT, CUT_IT)),
    ("I4", SENDING, Sighting(PAUSED_BY_TRANSFER, CRASHED), Step(CUT, CUT_IT)),
    ("I4", SENDING, Sighting(PAUSED_BY_USER, SHUT_DOWN), Step(CUT, CUT_IT)),
    ("I4", SENDING, Sighting(CRASHED, SHELL), Step(SEND, REMOVE)),
    ("I4", SENDING, Sighting(MIGRATED, RUNS), Step(SEND, REMOVE)),
    ("I4", SENDING, Sighting(PAUSED_BY_TRANSFER, CRASHED), Step(SEND, REMOVE)),
    ("I5", SENDING, Sighting(MIGRATED, RUNS), Step(DONE)),
    ("I5", SENDING, Sighting(ABSENT, SHELL), Step(DONE)),
    ("I6", SWITCHING, Sighting(RUNS, SHELL), Step(SWITCH, ABORT)),
    ("I7", SENDING, Sighting(PAUSED_BY_TRANSFER, CRASHED), Step(SEND, RESUME)),
    ("I7", LEASED, Sighting(RESUMED, CRASHED), Step(SEND, RETAKE)),
    ("I8", LEASED, Sighting(RESUMED, ABSENT), Step(FAILED)),
)


@pytest.mark.parametrize(("name", "record", "seen", "step"), BROKEN)
def test_a_step_that_breaks_an_invariant_is_named(
    name: str, record: Migration, seen: Sighting, step: Step
) -> None:
    assert broken(record, seen, step) == (name,)


def test_an_inactive_move_may_leave_one_that_was_activated_and_paused_at_the_source() -> None:
    assert broken(DEFINING, Sighting(PAUSED_BY_USER, OFF), Step(DUPLICATE, REMOVE)) == ()
