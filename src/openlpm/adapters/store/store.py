"""Opening a file as the store: the lock first, then the check, then the schema, then a new epoch.

Until `open_store` returns, nothing has been changed but the schema and the epoch; if it
raises, the lock is free again. A damaged file is refused, and left as it is. The store on
PostgreSQL is opened by `shared.py`.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Engine

from openlpm import ports
from openlpm.adapters.store import engine as database
from openlpm.adapters.store import events, leadership, records, sqlite, swap
from openlpm.adapters.store.archive import Archive
from openlpm.adapters.store.check import check
from openlpm.adapters.store.durable import make_private
from openlpm.adapters.store.errors import cannot_open
from openlpm.adapters.store.inventory import Inventory
from openlpm.adapters.store.journal import Journal
from openlpm.adapters.store.leadership import FileLock
from openlpm.adapters.store.lease import Alone
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import upgrade
from openlpm.adapters.store.witness import Mark


class Store:
    """The console's state, open. Use as a context manager, or `close` it."""

    def __init__(
        self,
        transactions: Transactions,
        now: Callable[[], float],
        *,
        archive: ports.Archive,
        leadership: ports.Leadership,
        let_go: Callable[[], None],
    ) -> None:
        self.journal = Journal(transactions, now)
        self.inventory = Inventory(transactions)
        self.archive = archive
        self.leadership = leadership
        self._transactions = transactions
        self._let_go = let_go

    def close(self) -> None:
        """Wait for the write under way, then let go of the database."""
        self._transactions.close()
        self._let_go()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(path: Path | str, *, now: Callable[[], float] = time.time, name: str = "") -> Store:
    """Open the database file, making or upgrading it, as the console `name`.

    Raises `StoreFailed`.
    """
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
        engine = sqlite.open_engine(file)
        undo.callback(engine.dispose)
        _upgrade(engine)
        since = now()
        mark = _take_over(engine, since)
        lock.note(mark)
        undo.pop_all()
    transactions = Transactions(engine, mark.epoch, lock.note)
    return Store(
        transactions,
        now,
        archive=Archive(file, transactions, now),
        leadership=Alone(str(file), name, mark.epoch, since),
        let_go=lock.release,
    )


def _upgrade(engine: Engine) -> None:
    with database.writing(engine) as connection:
        upgrade(connection)
    sqlite.use_wal(engine)


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
