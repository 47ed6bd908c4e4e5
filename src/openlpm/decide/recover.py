"""What was seen of an unfinished move, and what will be done about it, in an operator's words."""

from openlpm.decide.step import Effect, Step, arriving
from openlpm.model.migration import Migration
from openlpm.model.sight import Job, Place, Sight, Sighting, Why

_DOES = {
    Effect.WAIT: "Nothing is to be done now but to wait.",
    Effect.START_TRANSFER: "The transfer is started.",
    Effect.DEFINE_TARGET: "The partition is defined at the target.",
    Effect.START_POSTCOPY: "The target is let run it, to fetch what is missing.",
    Effect.FORGO_POSTCOPY: "It goes on without post-copy.",
    Effect.RESUME_POSTCOPY: "The fetching of memory is resumed.",
    Effect.ABORT_TRANSFER: "The transfer is being aborted; the partition stays at the source.",
    Effect.RESUME_SOURCE: "The partition is resumed at the source, which holds all of it.",
    Effect.RETAKE_LEASE: "It is paused and resumed at the source, to hold its lease again.",
    Effect.REMOVE_SHELL: "The shell at the target, which never ran, is removed.",
    Effect.CUT_SOURCE: "What is left at the source is removed: the target has the partition.",
    Effect.REMOVE_COPIES: "Copies of its disks are removed at the end that has it not.",
}


def explain(migration: Migration, seen: Sighting, step: Step) -> str:
    """One paragraph: what is where, what that means, what happens next."""
    sentences = [
        f"On {migration.source} it is {_place(seen.source, is_target=False)}; "
        f"on {migration.target} it is {_place(seen.target, is_target=True)}.",
        _JOB[seen.job],
        _ENDS if step.phase.final else _DOES[step.effect],
        step.attention,
        step.reason,
    ]
    return " ".join(s for s in sentences if s)


_JOB = {
    Job.NONE: "No transfer is under way.",
    Job.RUNNING: "The transfer is under way.",
    Job.UNKNOWN: "Whether a transfer is under way cannot be seen.",
}
_ENDS = "With that the move has come to its end."


def _place(place: Place, *, is_target: bool) -> str:
    if is_target and arriving(place):
        return "a shell that waits for its memory"
    if place.state is Sight.UNKNOWN:
        return "out of sight"
    return f"{place.state} ({place.why})" if place.why is not Why.NONE else str(place.state)
