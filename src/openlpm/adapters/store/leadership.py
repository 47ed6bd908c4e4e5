"""Who may write: a lock beside the file, and an epoch inside it.

The lock keeps a second console from opening the same file while the first one lives. The
epoch fences off a console that was frozen while another took over (a stopped virtual machine,
a lock lost with a network file system): each opening adds one, and each write looks, inside
its own transaction, whether the epoch is still the one that it was opened with.
"""

import fcntl
import os
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.schema import events, leadership
from openlpm.adapters.store.seals import layout, sealed
from openlpm.adapters.store.witness import Mark, decoded, encoded
from openlpm.model.errors import NotLeader, StoreFailed

_MARK_AT = 64


class FileLock:
    """An exclusive lock on `<database>.lock`. The kernel lets go of it when the process dies.

    The file holds our process id, and at byte 64 the witness of our last commit.
    """

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
        self._write(f"{os.getpid()}\n".ljust(32).encode(), 0)

    def mark(self) -> Mark | None:
        """What was last noted of the database."""
        return decoded(os.pread(self._fd, 128, _MARK_AT))

    def note(self, mark: Mark) -> None:
        """Note how far the database has come."""
        self._write(encoded(mark).ljust(64), _MARK_AT)

    def _write(self, data: bytes, at: int) -> None:
        """Both are courtesies: a disk too full for them does no harm."""
        try:
            os.pwrite(self._fd, data, at)
        except OSError:
            return

    def release(self) -> None:
        """Let go. The file stays: removing it would race with the next console's opening."""
        os.close(self._fd)


def claim(connection: Connection, now: float) -> int:
    """Begin a new epoch, and return it."""
    mark, _ = _present(connection)
    _write(connection, replace(mark, epoch=mark.epoch + 1, writes=mark.writes + 1), now)
    return mark.epoch + 1


def note_layout(connection: Connection) -> None:
    """Note the schema as it is now, in the transaction that has changed it."""
    _write(connection, *_present(connection))


def continue_after(connection: Connection, mark: Mark) -> None:
    """Let epoch and commits go on from `mark`, that of the database which this one replaces."""
    ours, since = _present(connection)
    further = Mark(max(ours.epoch, mark.epoch), max(ours.writes, mark.writes), ours.seq)
    _write(connection, further, since)


def mark_of(connection: Connection) -> Mark:
    """How far the database has come."""
    return _present(connection)[0]


def _present(connection: Connection) -> tuple[Mark, float]:
    """The mark, and since when its epoch lasts."""
    newest = select(func.coalesce(func.max(events.c.seq), 0)).scalar_subquery()
    query = select(leadership.c.epoch, leadership.c.writes, newest, leadership.c.since)
    found = connection.execute(query.with_for_update(of=leadership)).one_or_none()
    return (Mark(0, 0, 0), 0.0) if found is None else (Mark(*found[:3]), found[3])


def _write(connection: Connection, mark: Mark, since: float) -> None:
    row = {"id": 1, "epoch": mark.epoch, "since": since, "layout": layout(connection)}
    known = connection.scalar(select(leadership.c.id)) is not None
    write = update(leadership) if known else insert(leadership)
    connection.execute(write.values(sealed(row) | {"writes": mark.writes}))


def enter(connection: Connection, epoch: int) -> None:
    """Count this transaction. Raises `NotLeader` when a newer epoch has begun.

    The row that all writers change makes them take turns on any database. So events become
    visible in the order of their `seq`, and nobody who follows them misses one.
    """
    ours = leadership.c.epoch == epoch
    counted = update(leadership).where(ours).values(writes=leadership.c.writes + 1)
    if connection.execute(counted).rowcount != 1:
        newest = connection.scalar(select(leadership.c.epoch))
        raise NotLeader(
            "not-leader",
            "This console no longer leads: its writes are refused.",
            cause=f"Another console has opened its state (epoch {newest}; ours is {epoch}).",
            remedy="Use that console. Restart this one if it is to lead again.",
        )
