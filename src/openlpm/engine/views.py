"""What the console answers: values for the faces to show, with nothing left to decide."""

from dataclasses import dataclass

from openlpm.model.estimate import Estimate
from openlpm.model.finding import Finding, Validation
from openlpm.model.leadership import Leader
from openlpm.model.migration import Migration, Progress
from openlpm.model.sight import Sighting
from openlpm.model.system import Link, Resources, System, SystemFacts


@dataclass(frozen=True, slots=True)
class SystemView:
    """A managed system: what we were told, what it says, what is free.

    `facts`, `total` and `free` are those of the last connection; None if there was none since
    the console started. `trouble` says why it is not connected, `remedy` what to do.
    """

    system: System
    link: Link
    since: float
    trouble: str = ""
    facts: SystemFacts | None = None
    total: Resources | None = None
    free: Resources | None = None
    partitions: int = 0
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MigrationView:
    """A migration with its live figures. `remaining_s`: estimate from measured rates, or None.

    `attention`: what an operator should know while it waits.
    `findings`: the warnings of the validation that let it begin; only in the answer to the request.
    """

    migration: Migration
    progress: Progress | None = None
    remaining_s: float | None = None
    attention: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """The console that answers, and who leads; None: nobody, or the database does not say so.

    `trouble` is why it does not.
    """

    name: str
    database: str
    leads: bool
    leader: Leader | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A validation with the estimate for the move it allows (None when it is refused)."""

    validation: Validation
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was seen of an unfinished migration, and what the reconciler does about it."""

    view: MigrationView
    seen: Sighting | None
    explanation: str
