"""Who may write: a lock beside the file, and an epoch inside it.

The lock keeps a second console from opening the same file while the first one lives. The
epoch fences off a console that was frozen while another took over (a stopped virtual machine,
a lock lost with a network file system): each opening adds one, and each write looks, inside
its own transaction, whether the epoch is still the one that it was opened with.
"""

import fcntl
import os
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.schema import leadership
from openlpm.model.errors import NotLeader, StoreFailed


class FileLock:
    """An exclusive lock on `<database>.lock`. The kernel lets go of it when the process dies."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise cannot_open(self._path, error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreFailed(
                "store-in-use",
                f"Another console has {database} open (process {holder}).",
                remedy="Talk to that console, or stop it first.",
            ) from error
        self._sign()

    def _sign(self) -> None:
        """Leave our process id for the message above. It is a courtesy: a full disk is no harm."""
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return

    def release(self) -> None:
        """Let go. The file stays: removing it would race with the next console's opening."""
        os.close(self._fd)


def claim(connection: Connection, now: float) -> int:
    """Begin a new epoch, and return it."""
    epoch = connection.scalar(select(leadership.c.epoch).with_for_update())
    if epoch is None:
        connection.execute(insert(leadership).values(id=1, epoch=1, since=now))
        return 1
    connection.execute(update(leadership).values(epoch=epoch + 1, since=now))
    return epoch + 1


def check(connection: Connection, epoch: int) -> None:
    """Raise `NotLeader` when a newer epoch has begun.

    `FOR UPDATE` (which SQLite has no need of) makes writers take turns on any database. So
    events become visible in the order of their `seq`, and nobody who follows them misses one.
    """
    newest = connection.scalar(select(leadership.c.epoch).with_for_update())
    if newest != epoch:
        raise NotLeader(
            "not-leader",
            "This console no longer leads: its writes are refused.",
            cause=f"Another console has opened its state (epoch {newest}; ours is {epoch}).",
            remedy="Use that console. Restart this one if it is to lead again.",
        )
