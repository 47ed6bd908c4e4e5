"""What must hold on every turn, checked in code before its effect is carried out.

A step that breaks one is never carried out: the mover parks the move and says so. The walk of
the state space (tests/pure/test_walk.py) checks the same function, and the world itself.

I1  UNKNOWN only ever waits: no effect, no end, while an end cannot be seen. Without an end that
    was given up a move may end, and let the source take its lease again; nothing else.
I2  At most one side runs.
I3  The target's room is held as long as the partition may arrive: a move ends elsewhere than
    DONE only when the target was seen without it (or nothing was ever asked of it).
I4  Nothing is removed at one end unless the other end was seen to hold the whole partition.
I5  DONE means: the target holds it, and the source no longer knows it.
I6  Nothing is aborted after the switch-over began, or post-copy was to begin: what is aborted in
    the midst of that can go on at neither end.
I7  Nothing is resumed at the source unless the target was seen not to have run it. (Taking the
    lease again is refused by the lease where it runs elsewhere, so that may be done blindly.)
I8  A move ends with a leased partition running at the source only when it surely has its lease.
I9  In post-copy, while its memory is whole only with both ends, nothing is removed, resumed,
    aborted or ended; only without an end that was given up may the move end.
I10 A switch to post-copy is only forgone, so that an abort is allowed again, when it was refused
    and never accepted, and both ends are seen as before it.
I11 Copies of disks are removed only where the partition is not: at the source when it was seen
    without it and the target holds it; at the target the other way round.
"""

from openlpm.decide.gone import is_given_up
from openlpm.decide.step import (
    Effect,
    Step,
    arrived,
    arriving,
    in_postcopy,
    may_lack_its_lease,
    may_switch,
)
from openlpm.model.migration import Kind, Migration, Phase
from openlpm.model.sight import Job, Place, Sight, Sighting, Why

_POSTCOPY = (Effect.WAIT, Effect.START_POSTCOPY, Effect.RESUME_POSTCOPY)


def broken(migration: Migration, seen: Sighting, step: Step) -> tuple[str, ...]:
    """The names of the invariants that this step would break; empty when all hold."""
    given_up = is_given_up(migration, seen)
    may_be_blind = _is_safe_blindly(migration, step) if given_up else _waits(step)
    checks = {
        "I1": _blind(seen) and not may_be_blind,
        "I2": _both_run(seen) and not _waits(step),
        "I3": migration.asked
        and _ends_elsewhere(step)
        and not (given_up or seen.target.state is Sight.ABSENT),
        "I4": not _removal_is_safe(migration, seen, step),
        "I5": step.phase is Phase.DONE
        and not (given_up or (_holds(seen.target) and seen.source.state is Sight.ABSENT)),
        "I6": step.effect is Effect.ABORT_TRANSFER
        and (migration.switched or migration.phase in (Phase.SWITCH_OVER, Phase.CUT_TIES)),
        "I7": step.effect in (Effect.RESUME_SOURCE, Effect.RETAKE_LEASE)
        and not (given_up or _cannot_have_run(seen.target)),
        "I8": migration.asked and _ends_elsewhere(step) and may_lack_its_lease(migration, seen),
        "I9": in_postcopy(seen)
        and (step.effect not in _POSTCOPY or (step.phase.final and not given_up)),
        "I10": step.effect is Effect.FORGO_POSTCOPY and not (seen.declined and may_switch(seen)),
        "I11": step.effect is Effect.REMOVE_COPIES
        and not (seen.source.state is Sight.ABSENT and _holds(seen.target))
        and not (seen.target.state is Sight.ABSENT and _stays_at_source(seen.source)),
    }
    return tuple(name for name, is_broken in checks.items() if is_broken)


def _blind(seen: Sighting) -> bool:
    return Sight.UNKNOWN in (seen.source.state, seen.target.state) or seen.job is Job.UNKNOWN


def _waits(step: Step) -> bool:
    return step.effect is Effect.WAIT and not step.phase.final


def _is_safe_blindly(migration: Migration, step: Step) -> bool:
    """The lease, which it retakes, refuses it should the partition run elsewhere."""
    retakes = step.effect is Effect.RESUME_SOURCE and migration.retaking
    return retakes or step.effect in (Effect.WAIT, Effect.RETAKE_LEASE)


def _both_run(seen: Sighting) -> bool:
    return seen.source.state is Sight.RUNNING and seen.target.state is Sight.RUNNING


def _ends_elsewhere(step: Step) -> bool:
    return step.phase in (Phase.FAILED, Phase.STOPPED)


def _holds(target: Place) -> bool:
    return arrived(target) or target.state is Sight.OFF


def _stays_at_source(source: Place) -> bool:
    """It has it, and not because it went to the target."""
    return source.alive or (source.state is Sight.OFF and source.why in (Why.USER, Why.FAULT))


def _cannot_have_run(target: Place) -> bool:
    return arriving(target) or target.state is Sight.ABSENT


def _removal_is_safe(migration: Migration, seen: Sighting, step: Step) -> bool:
    match step.effect:
        case Effect.CUT_SOURCE:
            return seen.source.state is not Sight.RUNNING and (
                arrived(seen.target)
                or (seen.target.state is Sight.OFF and not _only_copy(migration, seen))
            )
        case Effect.REMOVE_SHELL:
            if arriving(seen.target):
                return seen.source.alive
            return seen.target.state is Sight.OFF and (
                seen.source.state in (Sight.RUNNING, Sight.OFF)
                or (seen.source.alive and migration.kind is Kind.INACTIVE)
            )
        case _:
            return True


def _only_copy(migration: Migration, seen: Sighting) -> bool:
    """The source holds memory, and nothing shows that the target ever did."""
    was_there = seen.target.why is Why.USER or migration.phase is Phase.CUT_TIES
    return seen.source.alive and not (was_there and seen.source.why is Why.MIGRATION)
