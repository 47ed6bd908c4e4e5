"""Is it true what a record says? Judged by the world, which no console sees whole."""

from fakes.places import MIGRATED, PAUSED_BY_TRANSFER, RUNS, SHELL
from openlpm.decide.step import Effect, Step
from openlpm.model.migration import STEPS, Halt, Kind, Migration, Phase
from openlpm.model.sight import ABSENT
from walk.state import SPLIT, World


def untrue(record: Migration, world: World) -> str:
    """What a final record says that is not so. It must stay true whatever libvirt still does.

    Of an end that was given up without being lost, nothing is known.
    """
    if record.gone:
        return "" if world.excused or not world.lost else _untrue_of_the_rest(record, world)
    if world.whole == SPLIT:
        return f"{record.phase.value.upper()}, while its memory is at both ends."
    if record.phase is Phase.DONE:
        return _untrue_when_done(world)
    if world.target != ABSENT:
        return f"{record.phase.value.upper()}, its room was released, but the target has it."
    if world.source == ABSENT:
        return f"{record.phase.value.upper()}, but the source has it not."
    if world.unfenced and not world.excused:
        return f"{record.phase.value.upper()}, but it runs without its lease."
    if world.paused_by_us and not world.excused:
        return f"{record.phase.value.upper()}, but we left it paused at the source."
    left = world.source == PAUSED_BY_TRANSFER and record.kind is Kind.ACTIVE
    if left or world.source.fetching or world.source == MIGRATED:
        return f"{record.phase.value.upper()}, but the source was not left as it was."
    return ""


def _untrue_when_done(world: World) -> str:
    if world.source != ABSENT:
        return "DONE, but the source has it still."
    return "DONE, but the target has it not." if world.target in (ABSENT, SHELL) else ""


def _untrue_of_the_rest(record: Migration, world: World) -> str:
    here = world.target if record.gone == record.source else world.source
    if record.gone == record.target:
        if world.unfenced or world.paused_by_us:
            return "Ended without its target, but it runs without its lease, or we left it paused."
        is_there = record.phase is Phase.DONE
        return "The record says that it is elsewhere." if is_there != (here == ABSENT) else ""
    arrived = here not in (ABSENT, SHELL)
    return "It is there, and the record says no." if arrived != (record.phase is Phase.DONE) else ""


def slips_through(before: World, after: World) -> bool:
    """Bad luck that no order of looks can see: it strikes between our look and our act.

    A copy of the memory dies, or is started by hand; or the lease is set free by a pause; or a
    server is lost that was out of sight for another reason before.
    """
    if before.whole == SPLIT:  # neither end is ever touched then
        return False
    if before.lost != after.lost:
        return True
    return before.whole != after.whole or (before.target == RUNS) != (after.target == RUNS)


def goes_back(record: Migration, step: Step) -> str:
    """A record that is written goes on through the five steps."""
    again = step.effect is Effect.START_TRANSFER and record.halt is Halt.THROTTLE
    if step.phase.final or again:
        return ""
    backwards = STEPS.index(step.phase) < STEPS.index(record.phase)
    return f"The record goes back from {record.phase} to {step.phase}." if backwards else ""
