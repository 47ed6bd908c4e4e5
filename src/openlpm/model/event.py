"""An event: something that happened, told once, in order."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters to an operator."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `seq` is given by the store and only grows; `code` is stable (kebab-case)."""

    code: str
    message: str
    level: Level = Level.INFO
    system: str = ""
    partition: str = ""
    migration_id: str = ""
    at: float = 0.0
    seq: int = 0
