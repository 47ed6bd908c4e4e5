"""What a move's turns tell: the events that an operator follows it by."""

from openlpm.decide.postcopy import waits_for_link
from openlpm.decide.step import Effect, Step
from openlpm.engine.outage import Outage
from openlpm.model.event import Event, Level
from openlpm.model.migration import Migration, Phase
from openlpm.model.sight import Sighting

_STEP_TEXT = {
    Phase.CAPTURE: "step 1 of 5, capture",
    Phase.DUPLICATE: "step 2 of 5, duplicate",
    Phase.SEND: "step 3 of 5, send",
    Phase.SWITCH_OVER: "step 4 of 5, switch over",
    Phase.CUT_TIES: "step 5 of 5, cut ties",
    Phase.DONE: "done",
    Phase.FAILED: "failed",
    Phase.STOPPED: "stopped",
}


def note(record: Migration, code: str, message: str, level: Level = Level.INFO) -> Event:
    """An event of this move."""
    return Event(
        code,
        f"{record.partition} ({record.source} -> {record.target}): {message}",
        level=level,
        system=record.target if record.phase is Phase.DONE else record.source,
        partition=record.partition,
        migration_id=record.id,
    )


class Teller:
    """One mover's story: what is new in each turn. What an outage repeats is told once."""

    def __init__(self, record: Migration) -> None:
        self._before = Step(record.phase)
        self._outage: Outage | None = None

    def told(
        self, step: Step, seen: Sighting, record: Migration, sent_bytes: int | None
    ) -> list[Event]:
        """What is new in `step`, the turn that led to `record`.

        `sent_bytes`: how much was sent so far, where the source can tell it.
        """
        before, self._before = self._before, step
        events: list[Event] = []
        if self._outage and self._outage.is_over(seen, sent_bytes):
            self._outage = None
            events.append(note(record, "migration-postcopy-goes-on", "its memory comes again."))
        if self._outage is None and waits_for_link(seen):
            self._outage = Outage()
        outage = self._outage
        if step.phase is not before.phase:
            events.append(_phase(step, record))
        if step.effect is Effect.RESUME_POSTCOPY and outage:
            is_told = outage.is_first_try(sent_bytes)
        else:
            is_told = step.phase is before.phase and step.effect not in (before.effect, Effect.WAIT)
        if is_told:
            events.append(_effect(step, record))
        is_new = outage.is_news(step, seen) if outage else step.attention != before.attention
        if step.attention and is_new:
            events.append(note(record, "migration-attention", step.attention, Level.WARNING))
        return events


def _phase(step: Step, record: Migration) -> Event:
    text = " ".join(filter(None, (f"{_STEP_TEXT[step.phase]}.", step.reason or _reason(record))))
    level = Level.ERROR if step.phase is Phase.FAILED else Level.INFO
    return note(record, f"migration-{step.phase}", text, level)


def _effect(step: Step, record: Migration) -> Event:
    text = " ".join(filter(None, (f"{step.effect.replace('-', ' ')}.", step.reason)))
    level = Level.WARNING if step.reason else Level.INFO
    return note(record, f"migration-{step.effect}", text, level)


def _reason(record: Migration) -> str:
    return record.reason if record.phase.final else ""
