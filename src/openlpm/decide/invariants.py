"""What must hold on every turn, checked in code before its effect is carried out.

A step that breaks one is never carried out: the mover parks the move and says so. The walk of
the state space (tests/pure/test_walk.py) checks the same function, and the world itself.

I1  UNKNOWN only ever waits: no effect, no end, while an end cannot be seen.
I2  At most one side runs.
I3  The target's room is held as long as the partition may arrive: a move ends elsewhere than
    DONE only when the target was seen without it (or nothing was ever asked of it).
I4  Nothing is removed at one end unless the other end was seen to hold the whole partition.
I5  DONE means: the target holds it, and the source no longer knows it.
I6  Nothing is aborted after the switch-over began.
"""

from openlpm.decide.advance import Effect, Step, arrived, arriving
from openlpm.model.migration import Migration, Phase
from openlpm.model.sight import Job, Place, Sight, Sighting


def broken(migration: Migration, seen: Sighting, step: Step) -> tuple[str, ...]:
    """The names of the invariants that this step would break; empty when all hold."""
    checks = {
        "I1": _blind(seen) and (step.effect is not Effect.WAIT or step.phase.final),
        "I2": _both_run(seen) and (step.effect is not Effect.WAIT or step.phase.final),
        "I3": migration.asked and _ends_elsewhere(step) and seen.target.state is not Sight.ABSENT,
        "I4": not _removal_is_safe(seen, step),
        "I5": step.phase is Phase.DONE
        and not (_holds(seen.target) and seen.source.state is Sight.ABSENT),
        "I6": step.effect is Effect.ABORT_TRANSFER
        and migration.phase in (Phase.SWITCH_OVER, Phase.CUT_TIES),
    }
    return tuple(name for name, is_broken in checks.items() if is_broken)


def _blind(seen: Sighting) -> bool:
    return Sight.UNKNOWN in (seen.source.state, seen.target.state) or seen.job is Job.UNKNOWN


def _both_run(seen: Sighting) -> bool:
    return seen.source.state is Sight.RUNNING and seen.target.state is Sight.RUNNING


def _ends_elsewhere(step: Step) -> bool:
    return step.phase in (Phase.FAILED, Phase.STOPPED)


def _holds(target: Place) -> bool:
    return arrived(target) or target.state is Sight.OFF


def _removal_is_safe(seen: Sighting, step: Step) -> bool:
    match step.effect:
        case Effect.CUT_SOURCE:
            return _holds(seen.target) and seen.source.state is not Sight.RUNNING
        case Effect.REMOVE_SHELL:
            never_ran = arriving(seen.target) or seen.target.state is Sight.OFF
            other_end = seen.source.alive or (
                seen.source.state is Sight.OFF and seen.target.state is Sight.OFF
            )
            return never_ran and other_end
        case _:
            return True
