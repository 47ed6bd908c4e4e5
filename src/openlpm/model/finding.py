"""A finding of validation: what was looked at, on which server, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error blocks the move, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `code` is stable (kebab-case) and listed in docs/validation.md."""

    code: str
    severity: Severity
    system: str
    looked_at: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome of a validation: how much was checked, and what was found."""

    partition: str
    source: str
    target: str
    checks: int
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that block the move."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that do not block it."""
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)

    @property
    def passed(self) -> bool:
        """True when nothing blocks the move."""
        return not self.errors
