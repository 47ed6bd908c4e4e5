"""Putting a new database in the place of a damaged one, at one moment.

A database is several files, and no file system renames several at once. So the new file gets
the name `<database>.restoring` when it is complete: from then on it counts, and whoever opens
the database next finishes what a killed restore has begun.
"""

import time
from pathlib import Path

from openlpm.adapters.store.durable import sync, sync_folder

PARTS = ("", "-wal", "-shm", "-journal")


def replace(file: Path, new: Path) -> str:
    """Let `new` be the database `file`; returns what the old one is called now.

    The caller holds the lock of `file`. Raises `OSError`.
    """
    sync(new)
    new.rename(_restoring(file))
    sync_folder(file.parent)
    return finish(file)


def finish(file: Path) -> str:
    """Go on with a replacement that a killed process has begun, if there is one."""
    restoring = _restoring(file)
    if not restoring.exists():
        return ""
    # By the new file's time, so that the parts of the old one keep together after a kill.
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(restoring.stat().st_mtime))
    kept = file.with_name(f"{file.name}.damaged-{stamp}")
    for part in PARTS:
        old = file.with_name(file.name + part)
        if old.exists():
            old.rename(kept.with_name(kept.name + part))
    sync_folder(file.parent)
    restoring.rename(file)
    sync_folder(file.parent)
    return str(kept)


def _restoring(file: Path) -> Path:
    return file.with_name(f"{file.name}.restoring")
