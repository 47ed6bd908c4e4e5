"""Every error that leaves the console, in one tree.

    OpenLpmError
    ├── BadRequest            what was asked cannot be understood; nothing was tried
    │   └── NotFound          the thing named does not exist
    ├── Conflict              understood, but the present state forbids it
    │   ├── AlreadyExists
    │   ├── Busy              another job holds the partition
    │   └── TooLate           the point of no return has passed
    ├── Refused               validation found errors (carries the findings)
    ├── ServerUnreachable     a managed system does not answer
    ├── HypervisorRefused     the hypervisor answered: no
    │   └── Gone              the hypervisor answered: there is no such partition
    └── StoreFailed           the console's own state could not be written or read
        └── NotLeader         another console leads; this one's writes are fenced off

Each error has a stable `code` (kebab-case: scripts may test it), a message that names the
thing, a cause, and a remedy. `kind` is the branch of the tree: faces turn it into an HTTP
status and an exit code, and know no single error by name.

>>> error = NotFound("no-such-partition", "There is no partition 'web9'.")
>>> error.code, error.kind
('no-such-partition', 'not-found')
"""

from collections.abc import Sequence
from typing import ClassVar

from openlpm.model.finding import Finding


class OpenLpmError(Exception):
    """The root. `cause` and `remedy` may be empty, never None."""

    kind: ClassVar[str] = "failed"

    def __init__(self, code: str, message: str, *, cause: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.cause, self.remedy) if part)


class BadRequest(OpenLpmError):
    """What was asked cannot be understood. Nothing was tried."""

    kind = "bad-request"


class NotFound(BadRequest):
    """The thing named does not exist."""

    kind = "not-found"


class Conflict(OpenLpmError):
    """Understood, but the present state forbids it."""

    kind = "conflict"


class AlreadyExists(Conflict):
    """The name or identity is taken."""


class Busy(Conflict):
    """Another job holds the partition, or a limit on concurrent moves is reached."""


class TooLate(Conflict):
    """The point of no return has passed."""


class Refused(OpenLpmError):
    """Validation found errors; `findings` has all of them, warnings too."""

    kind = "refused"

    def __init__(self, code: str, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(code, message, remedy="Each finding names its own remedy.")
        self.findings = tuple(findings)


class ServerUnreachable(OpenLpmError):
    """A managed system does not answer: its partitions' states are unknown."""

    kind = "unreachable"


class HypervisorRefused(OpenLpmError):
    """The hypervisor answered, and refused."""

    kind = "hypervisor"


class Gone(HypervisorRefused):
    """The hypervisor answered that it has no such partition."""


class StoreFailed(OpenLpmError):
    """The console's own state could not be written or read (disk full, say)."""

    kind = "store"


class NotLeader(StoreFailed):
    """Another console leads: this one's writes are fenced off by its stale epoch."""

    kind = "not-leading"
