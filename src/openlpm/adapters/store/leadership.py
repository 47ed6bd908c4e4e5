"""Who may write: a lock beside the file, and an epoch inside the database.

The lock keeps a second console from opening the same file while the first one lives (on
PostgreSQL, a lease does: `lease.py`). The epoch fences off a console that was frozen while another
took over (a stopped virtual machine, a lock lost with a network file system): each take-over adds
one, and each write looks, inside its own transaction, whether the epoch is still its own.
"""

import fcntl
import os
from dataclasses import replace
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

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


def claim(connection: Connection, now: float, holder: str = "") -> int:
    """Begin a new epoch, and return it."""
    mark = mark_of(connection)
    _write(connection, replace(mark, epoch=mark.epoch + 1, writes=mark.writes + 1), now, holder)
    return mark.epoch + 1


def note_layout(connection: Connection) -> None:
    """Note the schema as it is now, in the transaction that has changed it."""
    _write(connection, *_present(connection))


def give_up(connection: Connection) -> None:
    """Let nobody lead; what the last leader would still write is refused."""
    mark, since, _ = _present(connection)
    _write(connection, mark, since, "")


def continue_after(connection: Connection, mark: Mark) -> None:
    """Let epoch and commits go on from `mark`, that of the database which this one replaces."""
    ours, since, holder = _present(connection)
    further = Mark(max(ours.epoch, mark.epoch), max(ours.writes, mark.writes), ours.seq)
    _write(connection, further, since, holder)


def mark_of(connection: Connection) -> Mark:
    """How far the database has come, of whatever released schema with checksums."""
    newest = select(func.coalesce(func.max(events.c.seq), 0)).scalar_subquery()
    query = select(leadership.c.epoch, leadership.c.writes, newest)
    found = connection.execute(query).one_or_none()
    return Mark(*found) if found else Mark(0, 0, 0)


def _present(connection: Connection) -> tuple[Mark, float, str]:
    """The mark, since when its epoch lasts, and whose it is."""
    found = connection.execute(select(leadership.c.since, leadership.c.holder)).one_or_none()
    since, holder = found or (0.0, "")
    return mark_of(connection), since, holder


def _write(connection: Connection, mark: Mark, since: float, holder: str) -> None:
    row: dict[str, object] = {"id": 1, "epoch": mark.epoch, "since": since, "holder": holder}
    row["layout"] = layout(connection)
    known = connection.scalar(select(leadership.c.id)) is not None
    write = update(leadership) if known else insert(leadership)
    connection.execute(write.values(sealed(row) | {"writes": mark.writes}))


def held_by(epoch: int, holder: str) -> ColumnElement[bool]:
    """Is it still theirs? The name too: a database set back may give an epoch a second time."""
    return and_(leadership.c.epoch == epoch, leadership.c.holder == holder)


def enter(connection: Connection, epoch: int, holder: str = "") -> None:
    """Count this transaction. Raises `NotLeader` when a newer epoch has begun.

    The row that all writers change makes them take turns on any database. So events become
    visible in the order of their `seq`, and nobody who follows them misses one.
    """
    ours = held_by(epoch, holder)
    counted = update(leadership).where(ours).values(writes=leadership.c.writes + 1)
    if connection.execute(counted).rowcount != 1:
        newest = connection.execute(select(leadership.c.epoch, leadership.c.holder)).one()
        raise NotLeader(
            "not-leading",
            "This console no longer leads: its writes are refused.",
            cause=f"The epoch is {newest[0]}, not {epoch}: {newest[1] or 'another one'} took over.",
            remedy="Use that console.",
        )
