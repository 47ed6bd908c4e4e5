"""Opening the database, and all that is peculiar to SQLite.

PostgreSQL will be a second module of this shape: `open_engine`, `reading`, `writing`. Nothing
outside this module knows which of the two it talks to.

Durability: WAL with `synchronous=FULL` syncs once a commit, so a turn that `turn()` returned
from survives a power failure. Writers take SQLite's write lock when they begin, not when they
first write (`BEGIN IMMEDIATE`): what they read cannot become stale before they write.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from openlpm.adapters.store.errors import translated

BUSY_TIMEOUT_S = 5.0
WRITES = "openlpm_writes"


def open_engine(path: Path) -> Engine:
    """An engine on the file `path`, which is made when it is missing."""
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        pool_size=8,
        max_overflow=-1,  # readers never wait for each other
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: SqliteConnection, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 must not begin transactions of its own
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def use_wal(engine: Engine) -> None:
    """Let readers and the writer not wait for each other. Marks the file, so: only a file of ours.

    Not possible within a transaction, hence apart from the rest.
    """
    with translated(str(engine.url.database)):
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A transaction that sees one moment of the database, and never blocks a writer."""
    with translated(str(engine.url.database)), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that no other writer can come between. Commits, or changes nothing."""
    with (
        translated(str(engine.url.database)),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection
