"""The state machine of a move: one turn, as a pure function.

Each turn the engine looks at both servers and asks `advance` what that means:

    advance(migration, sighting) -> Step(phase, effect)

writes the step in one transaction, then carries out the effect. Nothing is remembered but
what was *intended* (`migration`); where the partition is, only the sighting says. So a crash
between any two of these costs nothing: the next turn sees the same and decides the same.

    CAPTURE --start--> DUPLICATE --> SEND --> SWITCH_OVER --> CUT_TIES --> DONE
                           |           |           |
                           +-----------+-----------+--(seen back at the source)--> FAILED, STOPPED

Three rules carry everything (`invariants` checks them on every step):

* UNKNOWN only ever waits, unless an operator has given up that server (see `gone`).
* An end is only declared from a settled sighting, and never while the target may still get
  the partition: its room is released when the target was seen without it, or is done.
* Something is removed at one end only when the other end was seen to hold the whole partition.
"""

from dataclasses import replace

from openlpm.decide.copies import clear_first, keep_in_doubt, which_is_newer
from openlpm.decide.gone import is_given_up, without
from openlpm.decide.postcopy import fetch
from openlpm.decide.step import (
    Effect,
    Step,
    arrived,
    arriving,
    in_postcopy,
    may_lack_its_lease,
    may_switch,
    wait,
)
from openlpm.model.migration import STEPS, Halt, Kind, Migration, Phase
from openlpm.model.sight import Job, Place, Sight, Sighting, Why


def apply(migration: Migration, step: Step, now: float) -> Migration:
    """The record after `step`, to be written before its effect is carried out."""
    begins = step.effect in (Effect.START_TRANSFER, Effect.DEFINE_TARGET)
    retry = begins and migration.asked and migration.halt is Halt.THROTTLE
    moved_on = step.phase is not migration.phase
    forgoes = step.effect is Effect.FORGO_POSTCOPY
    return replace(
        migration,
        phase=step.phase,
        asked=migration.asked or begins,
        throttled=migration.throttled or retry,
        switched=migration.switched and not forgoes,
        keep_disks=migration.keep_disks or step.keeps_disks,
        policy=replace(migration.policy, postcopy=migration.policy.postcopy and not forgoes),
        retaking=migration.retaking or step.effect is Effect.RETAKE_LEASE,
        halt=Halt.NONE if retry else migration.halt,
        reason=step.reason or migration.reason,
        finished_at=now if step.phase.final else None,
        phase_at=(*migration.phase_at, (step.phase.value, now)) if moved_on else migration.phase_at,
    )


def advance(migration: Migration, seen: Sighting) -> Step:
    """Decide one turn. `migration` must not be final."""
    if is_given_up(migration, seen):
        return without(migration, seen)
    step = _judged(migration, seen)
    if step.effect is Effect.CUT_SOURCE:
        return keep_in_doubt(migration, seen, step)
    return clear_first(migration, seen, step) if step.phase.final else step


def _judged(migration: Migration, seen: Sighting) -> Step:
    if Sight.UNKNOWN in (seen.source.state, seen.target.state) or seen.job is Job.UNKNOWN:
        return wait(migration, _blind_to(migration, seen))
    if not migration.asked:
        return _before_start(migration, seen)
    if seen.source.state is Sight.RUNNING and seen.target.state is Sight.RUNNING:
        return wait(migration, "It runs on both servers. Power one off by hand at once.")
    if migration.kind is Kind.INACTIVE:
        return _inactive(migration, seen)
    return _live(migration, seen)


def _live(migration: Migration, seen: Sighting) -> Step:
    if in_postcopy(seen):
        return fetch(migration, seen)
    if arrived(seen.target):
        return _arrived(migration, seen)
    if seen.job is Job.RUNNING:
        return _transferring(migration, seen)
    return _not_arrived(migration, seen) if seen.settled else wait(migration)


def _blind_to(migration: Migration, seen: Sighting) -> str:
    ends = ((migration.source, seen.source), (migration.target, seen.target))
    blind = [name for name, place in ends if place.state is Sight.UNKNOWN] or [migration.source]
    return f"Waiting until {' and '.join(blind)} can be seen; nothing is assumed meanwhile."


def _before_start(migration: Migration, seen: Sighting) -> Step:
    """Nothing was asked of the hypervisors yet, so nothing can arrive at the target."""
    if migration.halt is not Halt.NONE:
        return Step(Phase.STOPPED, reason="Stopped before anything was sent.")
    if seen.target.state is not Sight.ABSENT:
        return Step(
            Phase.FAILED, reason=f"{migration.target} has a partition of this UUID already."
        )
    wanted = {
        Kind.ACTIVE: Sight.RUNNING,
        Kind.SUSPENDED: Sight.PAUSED,
        Kind.INACTIVE: Sight.OFF,
    }[migration.kind]
    if seen.source.state is not wanted:
        return Step(
            Phase.FAILED,
            reason=f"It was {wanted} when the move was asked for, and is {seen.source.state} now.",
        )
    if migration.kind is Kind.INACTIVE:
        return Step(Phase.DUPLICATE, Effect.DEFINE_TARGET)
    return Step(Phase.DUPLICATE, Effect.START_TRANSFER)


def _arrived(migration: Migration, seen: Sighting) -> Step:
    """The target has it. What is left at the source is cut, once libvirt has let go of it."""
    if seen.source.state is Sight.ABSENT:
        return Step(Phase.DONE)
    if seen.source.state is Sight.RUNNING:
        return wait(migration, f"It runs on {migration.source} and is paused on the target.")
    if seen.job is Job.RUNNING or (seen.source.state is Sight.PAUSED and not seen.settled):
        return Step(_at_least(migration, Phase.SWITCH_OVER))
    return Step(Phase.CUT_TIES, Effect.CUT_SOURCE, attention=seen.refusal)


def _transferring(migration: Migration, seen: Sighting) -> Step:
    phase = _at_least(migration, _phase_seen(migration, seen))
    if migration.switched and may_switch(seen):
        return _switching(phase, seen)
    if migration.switched:  # an abort might meet the switch half way, and stop both for good
        return Step(phase)
    if migration.halt is Halt.NONE or phase in (Phase.SWITCH_OVER, Phase.CUT_TIES):
        return Step(phase)
    return Step(phase, Effect.ABORT_TRANSFER)


def _switching(phase: Phase, seen: Sighting) -> Step:
    if not seen.declined:
        return Step(phase, Effect.START_POSTCOPY, attention=seen.refusal)
    reason = f"The switch to post-copy was refused: {seen.refusal}"
    return Step(phase, Effect.FORGO_POSTCOPY, reason=reason)


def _phase_seen(migration: Migration, seen: Sighting) -> Phase:
    if seen.target.state is Sight.ABSENT:
        return Phase.DUPLICATE
    paused_by_transfer = seen.source == Place(Sight.PAUSED, Why.MIGRATION)
    if seen.source.state is Sight.OFF or (migration.kind is Kind.ACTIVE and paused_by_transfer):
        return Phase.SWITCH_OVER
    return Phase.SEND


def _at_least(migration: Migration, phase: Phase) -> Phase:
    return max(migration.phase, phase, key=STEPS.index)


def _not_arrived(migration: Migration, seen: Sighting) -> Step:
    """No transfer runs, and none can come any more: bring it back to where it was."""
    match seen.source.state:
        case Sight.RUNNING:
            return _back_at_source(migration, seen)
        case Sight.PAUSED:
            return _paused_at_source(migration, seen)
        case Sight.OFF:
            return _off_at_source(migration, seen)
        case _:
            return _absent_at_source(migration, seen)


def _back_at_source(migration: Migration, seen: Sighting) -> Step:
    if seen.target.state is not Sight.ABSENT:
        return Step(migration.phase, Effect.REMOVE_SHELL, attention=seen.refusal)
    if may_lack_its_lease(migration, seen):
        return Step(migration.phase, Effect.RETAKE_LEASE, attention=seen.refusal)
    if migration.halt is Halt.THROTTLE:
        return Step(Phase.DUPLICATE, Effect.START_TRANSFER)
    return _ended(migration, seen)


def _ended(migration: Migration, seen: Sighting) -> Step:
    if migration.halt is Halt.OPERATOR:
        return Step(Phase.STOPPED, reason=f"Stopped; it stays on {migration.source}.")
    if migration.halt is Halt.NO_CONVERGENCE:
        return Step(Phase.FAILED)
    cause = seen.refusal or "The transfer ended before the partition had arrived."
    return Step(Phase.FAILED, reason=f"{cause} It stays on {migration.source}.")


def _paused_at_source(migration: Migration, seen: Sighting) -> Step:
    """The source still holds the whole partition, unless the target's copy has run."""
    if seen.target.state is Sight.OFF:
        return _paused_here_and_off_there(migration, seen)
    wished = migration.kind is Kind.SUSPENDED or seen.source.why in (Why.USER, Why.FAULT)
    if wished and not (migration.retaking and seen.source.why is Why.USER):
        return _back_at_source(migration, seen)
    # With a lease, resuming first is the safer order: who holds the lease is the only one
    # that can run, whatever is still on its way to the target.
    if arriving(seen.target) and not migration.leased:
        return Step(migration.phase, Effect.REMOVE_SHELL, attention=seen.refusal)
    return Step(migration.phase, Effect.RESUME_SOURCE, attention=seen.refusal)


def _paused_here_and_off_there(migration: Migration, seen: Sighting) -> Step:
    """libvirt defines it at the target just before it starts it there: it may have run.

    If it has, what is left at the source is an old copy, and to resume it would corrupt its
    disks. If not, the source has the only whole copy.
    """
    paused_by_transfer = seen.source.why is Why.MIGRATION
    if paused_by_transfer and _went_off_at_target(migration, seen):
        return Step(Phase.CUT_TIES, Effect.CUT_SOURCE, attention=seen.refusal)
    return wait(
        migration,
        f"Whether it has run on {migration.target} cannot be seen. If it has, or if you are not "
        f"sure, activate it there; if it surely has not, resume it on {migration.source}.",
    )


def _went_off_at_target(migration: Migration, seen: Sighting) -> bool:
    """It has been there, whole, before it went off: somebody shut it down, or we saw it there."""
    return seen.target.why is Why.USER or migration.phase is Phase.CUT_TIES


def _off_at_source(migration: Migration, seen: Sighting) -> Step:
    match seen.target.state:
        case Sight.ABSENT:
            cause = f"It went off on {migration.source} during the move and stays there."
            phase = Phase.STOPPED if migration.halt is Halt.OPERATOR else Phase.FAILED
            return Step(phase, reason=cause)
        case Sight.OFF if seen.source.why is Why.MIGRATED or _went_off_at_target(migration, seen):
            return Step(Phase.CUT_TIES, Effect.CUT_SOURCE, attention=seen.refusal)
        case Sight.OFF if migration.copies:
            return wait(migration, which_is_newer(migration))
        case Sight.OFF:
            return Step(migration.phase, Effect.REMOVE_SHELL, attention=seen.refusal)
        case _:
            return wait(migration, f"It went off; {migration.target} is removing its shell.")


def _absent_at_source(migration: Migration, seen: Sighting) -> Step:
    match seen.target.state:
        case Sight.OFF:
            return Step(Phase.DONE, reason="It arrived, and went off there.")
        case Sight.ABSENT:
            return Step(Phase.FAILED, reason="It is defined on neither server any more.")
        case _:
            return wait(migration, f"Only {migration.target} has it, and has not run it.")


def _inactive(migration: Migration, seen: Sighting) -> Step:
    match seen.target.state:
        case Sight.ABSENT:
            return _not_defined(migration, seen)
        case Sight.OFF:
            return _defined(migration, seen)
        case _:
            return _activated_at_target(migration, seen)


def _not_defined(migration: Migration, seen: Sighting) -> Step:
    unfit = seen.source.state is not Sight.OFF
    if unfit or migration.halt is not Halt.NONE:
        if not seen.settled:  # an earlier console's request may define it yet
            return wait(migration)
        if seen.source.state is Sight.ABSENT:
            return _absent_at_source(migration, seen)
        if migration.halt is Halt.NONE:
            return Step(
                Phase.FAILED, reason=f"It is {seen.source.state} on {migration.source} now."
            )
        return _ended(migration, seen)
    if seen.refusal and seen.settled:
        return _ended(migration, seen)
    phase = _at_least(migration, Phase.DUPLICATE)
    return Step(phase, Effect.DEFINE_TARGET, attention=seen.refusal)


def _defined(migration: Migration, seen: Sighting) -> Step:
    if seen.source.state is Sight.ABSENT:
        return Step(Phase.DONE)
    stopped = migration.halt is not Halt.NONE and migration.phase is not Phase.CUT_TIES
    if seen.source.alive or stopped:
        return Step(migration.phase, Effect.REMOVE_SHELL, attention=seen.refusal)
    return Step(Phase.CUT_TIES, Effect.CUT_SOURCE, attention=seen.refusal)


def _activated_at_target(migration: Migration, seen: Sighting) -> Step:
    if seen.source.state is Sight.ABSENT:
        return Step(Phase.DONE, reason="It was activated on the target during the move.")
    if seen.source.alive:
        return wait(migration, "It was activated on both servers during the move.")
    return Step(Phase.CUT_TIES, Effect.CUT_SOURCE, attention=seen.refusal)
