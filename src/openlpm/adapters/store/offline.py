"""Restoring a backup where no console runs: also when none can, because its state is damaged.

A state that is whole is restored into as a running console would do it. A damaged one is kept
aside, whole, and a new one, complete before it gets the name, takes its place.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from openlpm.adapters.store import swap
from openlpm.adapters.store.archive import Archive, read
from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.leadership import FileLock
from openlpm.adapters.store.store import open_store
from openlpm.adapters.store.witness import Mark
from openlpm.model.backup import Backup, RestoreReport
from openlpm.model.errors import StoreFailed

_REPLACED = ("store-corrupt", "store-unreadable", "store-set-back", "store-newer")


def restore_offline(
    backup_file: str,
    path: Path | str,
    *,
    accept: Callable[[Backup], object],
    now: Callable[[], float] = time.time,
) -> RestoreReport:
    """Restore into the database `path`; `accept` may refuse what the backup holds by raising.

    Raises `StoreFailed` while a console has it open, else as `Archive.restore`.
    """
    file = Path(path).resolve()
    backup = read(backup_file)
    accept(backup)
    try:
        with open_store(file, now=now) as store:
            return store.archive.restore(backup)
    except StoreFailed as error:
        if error.code not in _REPLACED:
            raise
    return _replace(file, backup, now)


def _replace(file: Path, backup: Backup, now: Callable[[], float]) -> RestoreReport:
    lock = FileLock(file)
    try:
        new = file.with_name(f"{file.name}.new")
        _remove(new)
        with open_store(new, now=now) as store:
            assert isinstance(store.archive, Archive)
            report = store.archive.restore(backup, after=lock.mark() or Mark(0, 0, 0))
        kept = swap.replace(file, new)
        _remove(new)
    except OSError as error:
        raise cannot_open(file, error) from error
    finally:
        lock.release()
    return replace(report, kept=kept)


def _remove(new: Path) -> None:
    """What an earlier try has left; the lock file too, or its mark would speak for the new one."""
    for part in (*swap.PARTS, ".lock"):
        new.with_name(new.name + part).unlink(missing_ok=True)
