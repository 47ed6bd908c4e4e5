"""Files that survive a power failure: their names too, which are their folder's data."""

import os
from pathlib import Path

from openlpm.adapters.store.errors import cannot_open


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, where missing. Raises `StoreFailed`."""
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)
    except OSError as error:
        raise cannot_open(folder, error) from error


def make_private(file: Path) -> None:
    """Make `file`, if it is missing, for our eyes only. Raises `OSError`."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        os.close(os.open(file, os.O_RDONLY))
        return
    sync_folder(file.parent)


def sync(file: Path) -> None:
    """Return when the file's data is on the disk. Raises `OSError`."""
    _sync(file, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Return when the names in the folder are on the disk. Raises `OSError`."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
