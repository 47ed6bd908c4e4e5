"""Use cases on the console's own state: back it up, take it back from a backup."""

import os

from openlpm.engine.estate import Estate
from openlpm.engine.systems import checked_system
from openlpm.model.backup import Backup, BackupReport, RestoreReport
from openlpm.model.errors import BadRequest
from openlpm.ports import Archive


class Backups:
    """Backups are files on the console's machine, written and read with the console's rights."""

    def __init__(self, estate: Estate, archive: Archive) -> None:
        self._estate = estate
        self._archive = archive

    def save(self, file: str, *, force: bool) -> BackupReport:
        """Write a backup. Raises `BadRequest`, `AlreadyExists`, `Conflict`."""
        return self._archive.save(_checked(file), force=force)

    def restore(self, file: str) -> RestoreReport:
        """Take the systems back, and look at the servers anew. Raises `BadRequest`, `Conflict`."""
        backup = self._archive.read(_checked(file))
        accept(backup)
        return self._estate.exchange(lambda: self._archive.restore(backup))


def accept(backup: Backup) -> None:
    """A backup comes from outside: its systems are checked as those that a user types."""
    for system in backup.systems:
        checked_system(system)


def _checked(file: str) -> str:
    if not os.path.isabs(file) or not file.isprintable():
        raise BadRequest(
            "bad-file",
            f"{file!r} cannot be a backup's file.",
            remedy="Give an absolute path, as the console's machine has it.",
        )
    return file
