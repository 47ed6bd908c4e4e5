"""Reading and writing as a leader does: fenced, one write at a time, told after the commit.

>>> with transactions.writing() as connection:  # doctest: +SKIP
...     connection.execute(...)
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import leadership, sqlite
from openlpm.adapters.store.witness import Mark
from openlpm.decide.leadership import not_leading
from openlpm.model.errors import StoreFailed


class Transactions:
    """The only way from the journal and the inventory to the database.

    `note` is told after each commit how far the database has come. While `epoch` is None we follow:
    all writes are refused.
    """

    def __init__(
        self,
        engine: Engine,
        epoch: int | None,
        note: Callable[[Mark], None] = lambda _: None,
        holder: str = "",
    ) -> None:
        self.epoch = epoch
        self._engine = engine
        self._holder = holder
        self._note = note
        self._closed = False
        self._subscribers: tuple[Callable[[], None], ...] = ()
        # Our own threads queue here: SQLite's own waiting sleeps, and is not fair.
        self._turnstile = Lock()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """One moment of the database."""
        self._refuse_closed()
        with database.reading(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """All or nothing, and only while we lead; then the subscribers are called."""
        with self._turnstile:
            self._refuse_closed()
            epoch = self.epoch
            if epoch is None:
                raise not_leading("")
            with database.writing(self._engine) as connection:
                leadership.enter(connection, epoch, self._holder)
                yield connection
                mark = leadership.mark_of(connection)
            self._note(mark)
        for callback in self._subscribers:
            callback()

    def copy_to(self, file: Path) -> None:
        """Copy the database as it is now (without a write under way) into the empty `file`."""
        self._refuse_closed()
        sqlite.copy(self._engine, file)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit, on the writer's thread, until the result is called."""
        with self._turnstile:
            self._subscribers = (*self._subscribers, callback)
        return lambda: self._unsubscribe(callback)

    def _unsubscribe(self, callback: Callable[[], None]) -> None:
        with self._turnstile:
            self._subscribers = tuple(c for c in self._subscribers if c is not callback)

    def close(self) -> None:
        """Wait for the write under way; refuse all that come after it."""
        with self._turnstile:
            self._closed = True
        self._engine.dispose()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreFailed("store-closed", "The console is shutting down.")
