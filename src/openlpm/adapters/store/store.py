"""Opening the store: the lock first, then the check, then the schema, then a new epoch.

Until `open_store` returns, nothing has been changed but the schema and the epoch; if it
raises, the lock is free again. A damaged file is refused, and left as it is.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Engine

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import events, leadership, records, swap
from openlpm.adapters.store.archive import Archive
from openlpm.adapters.store.check import check
from openlpm.adapters.store.durable import make_private
from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.inventory import Inventory
from openlpm.adapters.store.journal import Journal
from openlpm.adapters.store.leadership import FileLock
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import upgrade
from openlpm.adapters.store.witness import Mark


class Store:
    """The console's state, open for one leader. Use as a context manager, or `close` it."""

    def __init__(
        self, file: Path, transactions: Transactions, lock: FileLock, now: Callable[[], float]
    ) -> None:
        self.journal = Journal(transactions, now)
        self.inventory = Inventory(transactions)
        self.archive = Archive(file, transactions, now)
        self._transactions = transactions
        self._lock = lock

    def close(self) -> None:
        """Wait for the write under way, then let go of the file."""
        self._transactions.close()
        self._lock.release()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(path: Path | str, *, now: Callable[[], float] = time.time) -> Store:
    """Open the database file, making or upgrading it. Raises `StoreFailed`."""
    file = Path(path).resolve()  # one file, one lock: whatever symbolic link it is reached by
    with ExitStack() as undo:
        lock = FileLock(file)
        undo.callback(lock.release)
        try:
            swap.finish(file)
            check(file, lock.mark())
            # For our eyes only, before SQLite would make it for everybody's.
            make_private(file)
        except OSError as error:
            raise cannot_open(file, error) from error
        engine = database.open_engine(file)
        undo.callback(engine.dispose)
        _upgrade(engine)
        mark = _take_over(engine, now())
        lock.note(mark)
        undo.pop_all()
    return Store(file, Transactions(engine, mark.epoch, lock.note), lock, now)


def _upgrade(engine: Engine) -> None:
    with database.writing(engine) as connection:
        upgrade(connection)
    database.use_wal(engine)


def _take_over(engine: Engine, now: float) -> Mark:
    """Begin a new epoch.

    The first write also makes SQLite allot its files beside the database: from then on, all can
    still be read when the disk is full.
    """
    with database.writing(engine) as connection:
        events.prune(connection)
        records.prune(connection)
        leadership.claim(connection, now)
        return leadership.mark_of(connection)
