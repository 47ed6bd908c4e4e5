"""Opening the store: the lock first, then the schema, then a new epoch.

Until `open_store` returns, nothing has been changed but the schema and the epoch; if it
raises, the lock is free again.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Engine

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import events, leadership, records
from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.inventory import Inventory
from openlpm.adapters.store.journal import Journal
from openlpm.adapters.store.leadership import FileLock
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import upgrade


class Store:
    """The console's state, open for one leader. Use as a context manager, or `close` it."""

    def __init__(
        self, transactions: Transactions, lock: FileLock, now: Callable[[], float]
    ) -> None:
        self.journal = Journal(transactions, now)
        self.inventory = Inventory(transactions)
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
        _make_private(file)
        engine = database.open_engine(file)
        undo.callback(engine.dispose)
        _upgrade(engine)
        epoch = _take_over(engine, now())
        undo.pop_all()
    return Store(Transactions(engine, epoch), lock, now)


def _make_private(file: Path) -> None:
    """Make the file for our eyes only, before SQLite would make it for everybody's."""
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise cannot_open(file, error) from error


def _upgrade(engine: Engine) -> None:
    """From here on, the file is known to be ours."""
    with database.writing(engine) as connection:
        upgrade(connection)
    database.use_wal(engine)


def _take_over(engine: Engine, now: float) -> int:
    """Begin a new epoch.

    The first write also makes SQLite allot its files beside the database: from then on, all can
    still be read when the disk is full.
    """
    with database.writing(engine) as connection:
        events.prune(connection)
        records.prune(connection)
        return leadership.claim(connection, now)
