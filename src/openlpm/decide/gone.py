"""A server that is gone for good: ending a move, and looking after what it left, without seeing it.

UNKNOWN only ever waits, so a move whose other server never comes back waits for ever. Then an
operator may give that server up for this move, once it is proved not to run the partition:

    needs_free_lease(migration, seen)   may it be given up? Raises `Conflict` with the reason
    without(migration, seen)            the turns of `advance` from then on, while it is hidden
    leftover(back, elsewhere)           when it is seen again: what to do with what it still has

Giving up starts nothing and removes nothing. It says where the partition is, and sets it free.
"""

from collections.abc import Sequence
from enum import StrEnum

from openlpm.decide.postcopy import stuck
from openlpm.decide.step import Effect, Step, arrived, arriving, may_lack_its_lease, wait
from openlpm.model.errors import Conflict
from openlpm.model.migration import Halt, Kind, Migration, Phase
from openlpm.model.sight import ABSENT, Job, Place, Sight, Sighting, Why
from openlpm.model.spoken import spoken

OFF = Place(Sight.OFF)


def hidden_end(migration: Migration, seen: Sighting) -> str:
    """The one end that cannot be seen; empty when that is none of them, or both."""
    source_hidden = seen.source.state is Sight.UNKNOWN
    target_hidden = seen.target.state is Sight.UNKNOWN
    if source_hidden == target_hidden:
        return ""
    return migration.source if source_hidden else migration.target


def is_given_up(migration: Migration, seen: Sighting) -> bool:
    """An operator gave up one end, and that one cannot be seen."""
    return bool(migration.gone) and migration.gone == hidden_end(migration, seen)


def needs_free_lease(migration: Migration, seen: Sighting) -> bool:
    """Whether the lease, too, must be seen free before the hidden end is given up.

    Raises `Conflict` where there is nothing to give up, or nothing could prove that the hidden end
    does not run the partition.
    """
    hidden = hidden_end(migration, seen)
    if not hidden:
        raise _no_one_end(migration, seen)
    visible = seen.target if hidden == migration.source else seen.source
    # What QEMU resumed by itself when a transfer failed may run at the target, too.
    unsure = seen.source == Place(Sight.RUNNING, Why.RESUMED) and not migration.leased
    if (visible.state is Sight.RUNNING and not unsure) or migration.kind is Kind.INACTIVE:
        return False
    if not migration.leased:
        raise Conflict(
            "not-proved-gone",
            f"{hidden} may still run {migration.partition!r}, so it is not given up.",
            cause="The partition has no lease, which would tell whether it runs anywhere.",
            remedy=f"Bring {hidden} back; the move then ends by itself.",
        )
    return True


def still_held(migration: Migration, seen: Sighting) -> Conflict:
    """Why an end is not given up whose partition holds its lease."""
    hidden = hidden_end(migration, seen)
    return Conflict(
        "not-proved-gone",
        f"{hidden} still runs {migration.partition!r}, so it is not given up.",
        cause="Its lease is held, and nobody else that can be seen runs it.",
        remedy=f"Let the console reach {hidden} again (lpm system show {hidden}), "
        "or power it off and ask again.",
    )


def _no_one_end(migration: Migration, seen: Sighting) -> Conflict:
    if seen.source.state is Sight.UNKNOWN:
        return Conflict(
            "both-out-of-sight",
            f"Neither {migration.source} nor {migration.target} can be seen.",
            remedy="One of them must answer, to tell what became of the partition.",
        )
    return Conflict(
        "both-in-sight",
        f"Both {migration.source} and {migration.target} answer: there is nothing to force.",
        remedy=f"lpm migration recover {migration.id} says what is being done.",
    )


def without(migration: Migration, seen: Sighting) -> Step:
    """One turn while the end that was given up (`migration.gone`), and only that, is hidden."""
    if not seen.settled:
        return wait(migration)
    if migration.gone == migration.target:
        return _without_target(migration, seen)
    return _without_source(migration, seen)


def _without_target(migration: Migration, seen: Sighting) -> Step:
    if seen.source.state is Sight.ABSENT:
        return _known_only_there(migration)
    if seen.job is not Job.NONE:
        return wait(migration, f"{migration.source} is still trying to send it.")
    if may_lack_its_lease(migration, seen):
        return Step(migration.phase, Effect.RETAKE_LEASE, attention=seen.refusal)
    if migration.retaking and seen.source == Place(Sight.PAUSED, Why.USER):  # by us, perhaps
        return Step(migration.phase, Effect.RESUME_SOURCE, attention=seen.refusal)
    phase = Phase.STOPPED if migration.halt is Halt.OPERATOR else Phase.FAILED
    return Step(phase, reason=f"{_given_up(migration)} {_stays(migration, seen.source)}")


def _known_only_there(migration: Migration) -> Step:
    if not migration.asked:
        return Step(Phase.FAILED, reason=f"It is not on {migration.source} any more.")
    return Step(Phase.DONE, reason=f"{_given_up(migration)} It had arrived there.")


def _stays(migration: Migration, source: Place) -> str:
    home, word = migration.source, spoken(migration.partition, migration.partition_uuid)
    if source.state is Sight.OFF:
        return f"It is off on {home}, and can be activated there."
    if source.fetching:
        return f"It is paused on {home}. {stuck(migration, source, OFF)}"
    if migration.kind is Kind.ACTIVE and source == Place(Sight.PAUSED, Why.MIGRATION):
        return (
            f"It is paused on {home}. If it may have run on {migration.target}, this is an old "
            f"copy: power it off (lpm partition shutdown {word} --force) and activate it. "
            f"If it surely has not: lpm partition resume {word}."
        )
    return f"It is {source.state} on {home}."


def _without_source(migration: Migration, seen: Sighting) -> Step:
    if seen.target.fetching:
        return wait(migration, stuck(migration, ABSENT, seen.target))
    if arriving(seen.target):
        return wait(migration, f"{migration.target} has not removed its shell yet.")
    if arrived(seen.target) or seen.target.state is Sight.OFF:
        return Step(
            Phase.DONE,
            reason=f"{_given_up(migration)} It is {seen.target.state} on {migration.target}.",
        )
    return Step(Phase.FAILED, reason=f"{_given_up(migration)} It was there, and did not arrive.")


def _given_up(migration: Migration) -> str:
    return f"{migration.gone} was given up."


class Leftover(StrEnum):
    """What to do with what a server has that was given up, and is seen again."""

    WAIT = "wait"
    KEEP = "keep"  # there is nothing, or it is not ours to judge
    REMOVE = "remove"


def leftover(back: Place, elsewhere: Sequence[Place]) -> Leftover:
    """Judge a partition on such a server by what all others say of it.

    A definition is a leftover when another server has the partition; a paused copy that a transfer
    left is one when another server runs it. What else is alive there stays: where it runs twice,
    the guard says so (`decide/clash.py`).
    """
    if back.state is Sight.UNKNOWN:
        return Leftover.WAIT
    if back.state is Sight.OFF:
        proof = any(place.state not in (Sight.ABSENT, Sight.UNKNOWN) for place in elsewhere)
    elif arriving(back):
        proof = any(place.state is Sight.RUNNING for place in elsewhere)
    else:
        return Leftover.KEEP
    if proof:
        return Leftover.REMOVE
    blind = any(place.state is Sight.UNKNOWN for place in elsewhere)
    return Leftover.WAIT if blind else Leftover.KEEP
