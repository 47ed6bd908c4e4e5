"""Post-copy: the target runs the partition, and fetches from the source what is still there.

From the switch to the last page the memory is whole only with both ends, so nothing is ever removed
or resumed at either (I9): a connection that breaks is mended, and where it cannot be, both stay
as they are and an operator is told what may be done. Measured on libvirt 9.0 and QEMU 7.2:

    source               target                what that means
    paused (post-copy)   paused (migration)    the switch: device state is on its way
    paused (post-copy)   running (post-copy)   memory is fetched
    paused (failed)      running (either)      the connection broke: resume it
    paused (either)      paused (otherwise)    a disk error at the target: as if it ran there
    paused (either)      absent                broke in the switch: it has never run there
    paused (either)      off                   the target's QEMU is dead; it may have run
    off (migrated)       running               arrived
"""

from openlpm.decide.step import Effect, Step, arrived, arriving
from openlpm.model.migration import STEPS, Migration, Phase
from openlpm.model.sight import Job, Place, Sight, Sighting, Why


def fetch(migration: Migration, seen: Sighting) -> Step:
    """One turn in post-copy. Both ends are in sight."""
    phase = max(migration.phase, Phase.SWITCH_OVER, key=STEPS.index)
    if not waits_for_link(seen):
        # libvirt's job may stay for ever: what tells is that the same is seen for some seconds.
        helpless = stuck(migration, seen.source, seen.target) if seen.settled else ""
        return Step(phase, attention=helpless)
    told = (
        "The connection broke while memory was fetched; nothing is lost, and it goes on as soon as "
        f"the connection is back. If it then does not, its QEMU on {migration.target} hangs: power "
        "it off on both servers (virsh destroy), and activate it.",
        stuck(migration, seen.source, seen.target),
        seen.refusal,
    )
    attention = " ".join(filter(None, told))
    if seen.job is Job.RUNNING or not seen.settled:
        return Step(phase, attention=attention)
    return Step(phase, Effect.RESUME_POSTCOPY, attention=attention)


def waits_for_link(seen: Sighting) -> bool:
    """Its connection broke while memory was fetched, and it may go on."""
    return _is_broken(seen) and _both_have_it(seen)


def flows(seen: Sighting) -> bool:
    """Its target fetches, by the word of both ends, or has fetched all."""
    is_whole = arrived(seen.target) and seen.target.state is Sight.RUNNING
    return is_whole or (not _is_broken(seen) and _both_have_it(seen))


def _is_broken(seen: Sighting) -> bool:
    return Why.POSTCOPY_FAILED in (seen.source.why, seen.target.why)


def _both_have_it(seen: Sighting) -> bool:
    return seen.source.fetching and seen.target.alive and not arriving(seen.target)


def stuck(migration: Migration, source: Place, target: Place) -> str:
    """What an operator may do about a partition that neither end has whole; empty: wait."""
    home, there = migration.source, migration.target
    if target.alive and not source.fetching:
        return (
            f"{home} has lost the memory that {there} still lacks, so it cannot go on. Both are "
            f"left as they are. Its disk is whole: power it off on {there} (virsh destroy), and "
            "activate it."
        )
    if arriving(target) or target.state is Sight.RUNNING:
        return ""
    if target.alive:
        return (
            f"It is paused on {there}, and only when it runs can it be seen whether all of its "
            f"memory is there: resume it on {there}."
        )
    if target.state is Sight.ABSENT:
        what = f"It has not run on {there}: all of it is on {home}, which cannot go on"
    else:
        what = f"Its QEMU on {there} is gone, and with it the newest part of its memory"
    return (
        f"{what}. Both are left as they are. Its disk is whole: power it off on {home} "
        "(virsh destroy), and activate it; what was only in memory is lost."
    )
