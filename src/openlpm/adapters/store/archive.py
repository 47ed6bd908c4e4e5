"""Backups of the database: made and restored while the console runs (`ports.Archive`).

A backup is a database file like our own, copied by SQLite's online backup: one moment of it,
while others go on writing. It is read again, every record of it, before it gets its name.
"""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import restore, sqlite
from openlpm.adapters.store.check import check, contents
from openlpm.adapters.store.durable import make_private, sync, sync_folder
from openlpm.adapters.store.errors import damaged
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import revision, upgrade
from openlpm.adapters.store.witness import Mark
from openlpm.model.backup import Backup, BackupReport, RestoreReport
from openlpm.model.errors import AlreadyExists, BadRequest, Conflict, NotFound, StoreFailed


class Archive:
    """`ports.Archive` on the database `file`."""

    def __init__(self, file: Path, transactions: Transactions, now: Callable[[], float]) -> None:
        self._file = file
        self._transactions = transactions
        self._now = now

    def save(self, file: str, *, force: bool = False) -> BackupReport:
        """Write a backup. Raises `AlreadyExists`, `Conflict`, `BadRequest`."""
        target = Path(file)
        self._refuse_our_own(target)
        with _told(target):
            if os.path.lexists(target) and not (force and _is_plain(target)):
                raise _exists(target)
            return self._save(target, force=force)

    def _refuse_our_own(self, target: Path) -> None:
        own = target.parent.resolve() == self._file.parent
        if own and target.name.startswith(self._file.name):
            raise Conflict(
                "backup-on-database",
                f"{target} is, or is beside, the console's own state.",
                remedy="Give another name, best on another disk.",
            )

    def _save(self, target: Path, *, force: bool) -> BackupReport:
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        try:
            make_private(partial)
            self._transactions.copy_to(partial)
            sync(partial)
            saved = _read(partial)
            _give_name(partial, target, force=force)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(target.parent)
        return BackupReport(
            file=str(target),
            size_bytes=target.stat().st_size,
            systems=len(saved.systems),
            migrations=len(saved.migrations),
            events=len(saved.events),
        )

    def read(self, file: str) -> Backup:
        """Read a backup, of whatever released schema. Raises `NotFound`, `BadRequest`."""
        return read(file)

    def restore(self, backup: Backup, *, after: Mark | None = None) -> RestoreReport:
        """Take over what a backup holds, all of it or nothing. Raises `Conflict`.

        With `after` this is a new database, which goes on from that mark of the one it replaces.
        """
        with self._transactions.writing() as connection:
            restore.refuse_unfinished(connection)
            kept = self._keep() if after is None else ""
            return restore.merge(connection, backup, kept=kept, now=self._now(), after=after)

    def _keep(self) -> str:
        """Keep the state as it is aside: nothing can come between, for we are writing."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self._now()))
        once = secrets.token_hex(2)  # two in a second are two files
        kept = self._file.with_name(f"{self._file.name}.before-restore-{stamp}-{once}")
        with _told(kept):
            return self._save(kept, force=False).file


def read(file: str) -> Backup:
    """Read a backup, of whatever released schema. Raises `NotFound`, `BadRequest`.

    The backup itself is not even opened as a database: a copy of it is.
    """
    with tempfile.TemporaryDirectory(prefix="openlpm-") as folder:
        copy = Path(folder) / "backup"
        try:
            shutil.copyfile(file, copy)
        except FileNotFoundError as error:
            raise NotFound("no-such-file", f"There is no file {file}.") from error
        except OSError as error:
            raise BadRequest(
                "backup-unreadable", f"{file} cannot be read.", cause=f"{error.strerror}."
            ) from error
        try:
            return _read(copy, named=file)
        except StoreFailed as error:
            raise BadRequest(
                error.code.replace("store-", "backup-"),
                f"{file} cannot be restored.",
                cause=error.cause or error.message,
                remedy="Nothing was changed. Give another backup.",
            ) from error


def _read(file: Path, named: str = "") -> Backup:
    """Check a database that nobody else has open, upgrade it, and read all of it."""
    check(file)
    engine = sqlite.open_engine(file)
    try:
        with database.writing(engine) as connection:
            if revision(connection) is None:  # it would be an order to forget everything
                raise damaged(file, "It is empty.")
            upgrade(connection)
            return contents(connection, Path(named or file))
    finally:
        engine.dispose()


def _give_name(partial: Path, target: Path, *, force: bool) -> None:
    if force:
        partial.replace(target)
        return
    try:
        target.hardlink_to(partial)  # unlike a rename, it never overwrites
    except FileExistsError:
        raise _exists(target) from None


def _is_plain(target: Path) -> bool:
    return target.is_file() and not target.is_symlink()


def _exists(target: Path) -> AlreadyExists:
    remedy = "Give another name, or --force." if _is_plain(target) else "Give another name."
    return AlreadyExists("backup-exists", f"{target} exists already.", remedy=remedy)


@contextmanager
def _told(target: Path) -> Generator[None]:
    """A file that the system will not let us write is the asker's to change."""
    try:
        yield
    except OSError as error:
        raise BadRequest(
            "backup-not-written",
            f"{target} cannot be written.",
            cause=f"{error.strerror or error}.",
            remedy="Give a file in a folder that the console may write, with room for it.",
        ) from error
