"""Is the database whole, and all that was written to it? Asked before anything else of it.

Five questions, from the outside in: has it come as far as the witness says; is its form sound
(SQLite's own check, and foreign keys); is the schema ours, word by word; is each row as it was
written; can each be understood. The file is opened for reading only: a damaged one stays as it
is, its -wal file too, for whoever wants to rescue more of it.
"""

from pathlib import Path

from sqlalchemy import Connection, Table, select

from openlpm.adapters.store import codec, inventory_codec, seals, sqlite
from openlpm.adapters.store import engine as database
from openlpm.adapters.store.errors import damaged
from openlpm.adapters.store.leadership import mark_of
from openlpm.adapters.store.schema import (
    REVISIONS,
    events,
    leadership,
    migrations,
    reservations,
    seen_partitions,
    systems,
)
from openlpm.adapters.store.upgrade import revision
from openlpm.adapters.store.witness import Mark
from openlpm.model.backup import Backup
from openlpm.model.errors import StoreFailed

_UNSEALED = ("lpm0001",)
_MAGIC = b"SQLite format 3\0"
_VERSIONS = slice(18, 20)  # of the format: to write the file, and to read it
_NEWEST_FORMAT = 2
_NOTHING = Mark(0, 0, 0)


def check(file: Path, witness: Mark | None = None) -> None:
    """Raise `StoreFailed` unless the file has what was written to it.

    A file that is missing or empty is one only if nothing ever was.
    """
    mark = _NOTHING
    header = _header(file) if file.exists() else b""
    if header:
        _check_header(header, file)
        # A journal is there only where the very first opening was killed: it must be rolled back.
        killed = file.with_name(f"{file.name}-journal").exists()
        engine = sqlite.open_engine(file, read_only=not killed)
        try:
            with database.reading(engine) as connection:
                mark = _checked(connection, file, ours=witness is not None)
        finally:
            engine.dispose()
    if witness and (mark.epoch, mark.writes) < (witness.epoch, witness.writes):
        raise damaged(
            file,
            f"It has lost what was written last: {mark.writes} of {witness.writes} commits are in "
            "it. It was cut, or another copy was put in its place, or its -wal file is gone.",
            code="store-set-back",
        )


def _header(file: Path) -> bytes:
    """Raises `OSError` for what is no file, or none that we may write."""
    with file.open("rb+") as opened:
        return opened.read(100)


def _check_header(header: bytes, file: Path) -> None:
    """What SQLite must not see: it would call it read-only, or remove the -wal file beside it."""
    if not header.startswith(_MAGIC):
        raise damaged(file, "It does not begin as a database does.")
    if max(header[_VERSIONS], default=0) > _NEWEST_FORMAT:
        raise damaged(file, "Its header names a format that does not exist.")


def _checked(connection: Connection, file: Path, *, ours: bool) -> Mark:
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise damaged(file, "; ".join(found))
    present = _revision(connection, file, ours=ours)
    if present is None:
        return _NOTHING
    if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise damaged(file, "A row names another one that is not there.")
    if present in _UNSEALED:
        return _NOTHING
    stored = connection.exec_driver_sql("SELECT layout FROM leadership").scalar()
    if stored != seals.layout(connection):
        raise damaged(file, "Its schema is not as it was made.")
    for table in seals.broken(connection):
        raise damaged(file, f"A row of {table!r} is not as it was written.")
    if present == REVISIONS[-1]:
        contents(connection, file)
    return mark_of(connection)


def _revision(connection: Connection, file: Path, *, ours: bool) -> str | None:
    try:
        return revision(connection)
    except StoreFailed as error:
        if ours and error.code == "store-foreign":  # but we have written to it
            raise damaged(file, error.cause) from error
        raise


def contents(connection: Connection, file: Path) -> Backup:
    """All that the database, of the newest schema, says. Raises `StoreFailed`."""

    def rows(table: Table, order: str) -> list[codec.Row]:
        query = select(table).order_by(table.c[order])
        return [dict(row) for row in connection.execute(query).mappings()]

    for row in rows(seen_partitions, "uuid"):
        inventory_codec.partition(row)
    return Backup(
        file=str(file),
        systems=tuple(inventory_codec.system(r) for r in rows(systems, "name")),
        migrations=tuple(codec.migration(r) for r in rows(migrations, "number")),
        reservations=tuple(codec.reservation(r) for r in rows(reservations, "migration_id")),
        events=tuple(codec.event(r) for r in rows(events, "seq")),
        epoch=connection.scalar(select(leadership.c.epoch)) or 0,
    )
