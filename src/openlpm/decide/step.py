"""The words that a turn is put in: what it decided, what it does, and what a place means to a move.

`advance` and `gone` say `Step`s, `invariants` judges them, the mover writes and carries them out.
"""

from dataclasses import dataclass
from enum import StrEnum

from openlpm.model.migration import Migration, Phase
from openlpm.model.sight import Place, Sight, Sighting, Why


class Effect(StrEnum):
    """All that a turn can do. Each is repeatable, or refused by the other side when repeated."""

    WAIT = "wait"
    START_TRANSFER = "start-transfer"
    DEFINE_TARGET = "define-target"  # an inactive move's only transfer
    START_POSTCOPY = "start-postcopy"  # let the target run it, and fetch what is missing
    FORGO_POSTCOPY = "forgo-postcopy"  # it is refused: do what is done without
    RESUME_POSTCOPY = "resume-postcopy"  # its connection was broken
    ABORT_TRANSFER = "abort-transfer"
    RESUME_SOURCE = "resume-source"
    RETAKE_LEASE = "retake-lease"  # pause and resume it at the source
    REMOVE_SHELL = "remove-shell"  # what has not run at the target
    CUT_SOURCE = "cut-source"  # what has ceased to run at the source
    REMOVE_COPIES = "remove-copies"  # the copies of its disks at the end that has it not


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn decided. `attention`: what an operator should know while it waits.

    `keeps_disks`: from now on the disks at the source stay, though they were copied.
    """

    phase: Phase
    effect: Effect = Effect.WAIT
    reason: str = ""
    attention: str = ""
    keeps_disks: bool = False


def wait(migration: Migration, attention: str = "") -> Step:
    """Nothing is to be done now."""
    return Step(migration.phase, attention=attention)


def arrived(target: Place) -> bool:
    """The target holds the whole, live partition: it runs there, or is paused but not arriving."""
    return target.alive and not arriving(target) and not target.fetching


def arriving(target: Place) -> bool:
    """The target has the shell of a partition that has not run there."""
    return target.state is Sight.PAUSED and target.why is Why.MIGRATION


def in_postcopy(seen: Sighting) -> bool:
    """Its memory is at both ends, and whole only with both.

    A target that is paused, as by a disk error, no longer says that it fetches; its source does.
    """
    has_all = arrived(seen.target) and seen.target.state is Sight.RUNNING
    return seen.target.fetching or (seen.source.fetching and not has_all)


def may_switch(seen: Sighting) -> bool:
    """It runs at the source, and the target has a shell of it: post-copy has not begun."""
    return seen.source.state is Sight.RUNNING and arriving(seen.target)


def may_lack_its_lease(migration: Migration, seen: Sighting) -> bool:
    """It may run at the source without its lease, so that a second start would not be refused.

    A transfer that fails after it has paused the source makes QEMU resume it by itself. libvirt
    9.0 only takes note of that; the lease, given up at the pause, is taken by its own resume.
    """
    resumed = seen.source == Place(Sight.RUNNING, Why.RESUMED)
    return migration.leased and resumed and not seen.retaken
