"""What a move's turns tell: the events that an operator follows it by."""

from openlpm.decide.step import Effect, Step
from openlpm.model.event import Event, Level
from openlpm.model.migration import Migration, Phase

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


def told(before: Step, step: Step, record: Migration) -> list[Event]:
    """What is new in `step`, the turn that led to `record`."""
    events: list[Event] = []
    if step.phase is not before.phase:
        text = " ".join(
            filter(None, (f"{_STEP_TEXT[step.phase]}.", step.reason or _reason(record)))
        )
        level = Level.ERROR if step.phase is Phase.FAILED else Level.INFO
        events.append(note(record, f"migration-{step.phase}", text, level))
    elif step.effect is not before.effect and step.effect is not Effect.WAIT:
        text = step.effect.replace("-", " ")
        events.append(note(record, f"migration-{step.effect}", f"{text}."))
    if step.attention and step.attention != before.attention:
        events.append(note(record, "migration-attention", step.attention, Level.WARNING))
    return events


def _reason(record: Migration) -> str:
    return record.reason if record.phase.final else ""
