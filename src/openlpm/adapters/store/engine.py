"""Using a database, whichever it is: a transaction that reads, and one that writes.

    with engine.writing(opened) as connection: ...

What is peculiar to one of them, and how it is opened, is in `sqlite.py` and `postgresql.py`; both
make engines whose transactions keep what is promised here.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from openlpm.adapters.store.errors import translated

WRITES = "openlpm_writes"

# SQLite's readers see one moment anyway.
_READING = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A transaction that sees one moment of the database, and never blocks a writer."""
    options = _READING.get(engine.dialect.name, {})
    with (
        translated(where(engine)),
        engine.connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that no other writer can come between. Commits, or changes nothing."""
    with (
        translated(where(engine)),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


def where(engine: Engine) -> str:
    """What to call the database in messages: a file, or a URL without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(drivername="postgresql").render_as_string()
