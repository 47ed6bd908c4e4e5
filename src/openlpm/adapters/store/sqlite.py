"""Opening a SQLite database, and what is peculiar to it.

Durability: WAL with `synchronous=FULL` syncs once a commit, so a turn that `turn()` returned
from survives a power failure. Writers take SQLite's write lock when they begin, not when they
first write (`BEGIN IMMEDIATE`): what they read cannot become stale before they write.
"""

import json
import sqlite3
from contextlib import closing
from json import JSONDecodeError
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event

from openlpm.adapters.store.engine import WRITES
from openlpm.adapters.store.errors import translated

BUSY_TIMEOUT_S = 5.0


def open_engine(path: Path, *, read_only: bool = False) -> Engine:
    """An engine on the file `path`.

    It is made when it is missing; never by a reader, which leaves -wal files as they are, too.
    """
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"

    def connect() -> SqliteConnection:
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)

    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        creator=connect,
        pool_size=8,
        max_overflow=-1,  # readers never wait for each other
        json_deserializer=_decoded,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _decoded(text: str | bytes) -> Any:
    """JSON as we wrote it: neither NaN nor so deep or so long that Python gives up."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise JSONDecodeError(f"no JSON of ours: {str(error)[:200]}", "", 0) from error


def _no_number(name: str) -> None:
    raise ValueError(name)


def _prepare(connection: SqliteConnection, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 must not begin transactions of its own
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
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


def copy(engine: Engine, file: Path) -> None:
    """Copy one moment of the database into the empty `file`; nobody has to wait meanwhile.

    The copy is whole without a -wal file beside it.
    """
    with translated(str(file)):
        source = engine.raw_connection()
        try:
            with closing(sqlite3.connect(file)) as target:
                cast("SqliteConnection", source.driver_connection).backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
        finally:
            source.close()
