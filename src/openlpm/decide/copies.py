"""Copied disks at the end of a move: which copy is superfluous, and which must stay.

    superfluous(migration, seen)    the copies at the end that has the partition not
    clear_first(...)                no move ends before these are removed
    keep_in_doubt(...)              unless the others may be older

QEMU copies a disk while the partition runs and keeps both copies the same until the switch-over; it
ends the copying while the partition is paused for that. So before, the source's copy is the whole
one, and since, the target's, unless the source has run on all the same: then both are kept.
"""

from dataclasses import dataclass, replace

from openlpm.decide.step import Effect, Step, arrived
from openlpm.model.migration import Migration, Phase
from openlpm.model.sight import Place, Sight, Sighting, Why


@dataclass(frozen=True, slots=True)
class Superfluous:
    """Volumes, each as pool and name, of the end that has the partition no more, or never had."""

    system: str
    volumes: tuple[tuple[str, str], ...]


def superfluous(migration: Migration, seen: Sighting) -> Superfluous | None:
    """Which copies a move that ends now leaves; None where that is not sure, or none is left."""
    if seen.source.state is Sight.ABSENT:
        here = arrived(seen.target) or seen.target.state is Sight.OFF
        return at_source(migration) if here and not migration.keep_disks else None
    # Off for any other reason, it may have gone to the target, and been undefined there since.
    went_off_here = seen.source.state is Sight.OFF and seen.source.why in (Why.USER, Why.FAULT)
    is_back = seen.target.state is Sight.ABSENT and (seen.source.alive or went_off_here)
    return at_target(migration) if is_back else None


def at_source(migration: Migration) -> Superfluous:
    """What the partition had there."""
    return Superfluous(migration.source, tuple((c.pool, c.volume) for c in migration.copies))


def at_target(migration: Migration) -> Superfluous:
    """What was made for it there."""
    return Superfluous(migration.target, tuple((c.to_pool, c.to_volume) for c in migration.copies))


def left_at_lost(migration: Migration, back: Place, *, removed: bool) -> Superfluous | None:
    """The same when the server is seen again without which the move was ended (`gone`).

    `removed`: what it still had of the partition has just been removed.
    """
    if not migration.copies or not migration.asked:
        return None
    has_it_not = removed or back.state is Sight.ABSENT
    if migration.phase is Phase.DONE:
        is_old = migration.gone == migration.source and has_it_not and not migration.keep_disks
        return at_source(migration) if is_old else None
    is_back = has_it_not if migration.gone == migration.target else not has_it_not
    return at_target(migration) if is_back else None


_LEFT = (Place(Sight.OFF, Why.MIGRATED), Place(Sight.PAUSED, Why.MIGRATION))
"""How a transfer leaves the source, which has not run since."""


def keep_in_doubt(migration: Migration, seen: Sighting, step: Step) -> Step:
    """`step`, which cuts the source; its disks stay where it may have run since it was copied.

    A Finish that was late has then started an older copy at the target, and what was written here
    meanwhile is nowhere else.
    """
    if not migration.copies or migration.keep_disks or seen.source in _LEFT:
        return step
    reason = (
        f"Its disks on {migration.source} are kept: it may have run there since they were copied."
    )
    return replace(step, reason=reason, keeps_disks=True)


def which_is_newer(migration: Migration) -> str:
    """What an operator is asked where it is off at both ends: the target has made it its own."""
    return (
        f"It is off on both servers, each with its own copy of the disks. If it may have run on "
        f"{migration.target}, activate it there; if it surely has not, on {migration.source}. "
        "The move ends then."
    )


def clear_first(migration: Migration, seen: Sighting, step: Step) -> Step:
    """`step`, which ends the move, or what must be done before."""
    if not migration.copies or not migration.asked or seen.cleared:
        return step
    if superfluous(migration, seen):
        phase = Phase.CUT_TIES if step.phase is Phase.DONE else migration.phase
        return Step(phase, Effect.REMOVE_COPIES, attention=seen.refusal)
    if step.phase is Phase.DONE:
        return step
    left = ", ".join(f"{pool}/{name}" for pool, name in at_target(migration).volumes)
    return replace(
        step, reason=f"{step.reason} Copies of its disks may be left on {migration.target}: {left}."
    )
