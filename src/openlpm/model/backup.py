"""A backup of the console's state: what it holds, and what making or restoring one did."""

from dataclasses import dataclass

from openlpm.model.event import Event
from openlpm.model.migration import Migration, Reservation
from openlpm.model.system import System


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, read and found whole. Migrations and events are the oldest first.

    What was last seen of partitions is left out: it was old when the backup was made.
    """

    file: str
    systems: tuple[System, ...]
    migrations: tuple[Migration, ...]
    reservations: tuple[Reservation, ...]
    events: tuple[Event, ...]
    epoch: int


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was written and then read again, whole."""

    file: str
    size_bytes: int
    systems: int
    migrations: int
    events: int


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore changed: the systems' names; how many records and events came back.

    `kept` is the file with the state as it was before. `unfinished` are the migrations that had
    not ended when the backup was made, and of which nothing newer is known.
    """

    file: str
    kept: str
    systems_added: tuple[str, ...]
    systems_changed: tuple[str, ...]
    systems_removed: tuple[str, ...]
    migrations: int
    events: int
    unfinished: tuple[str, ...]
