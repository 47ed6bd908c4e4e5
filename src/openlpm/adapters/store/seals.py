"""Checksums: each row carries its own, and the schema has one, so that damage is seen.

SQLite checks the form of its pages, not their content: a flipped bit in a name is a good
database to it. A row's checksum is over its columns as SQLite stores them.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, inspect, text

COLUMN = "checksum"
# `number` is given by the database and guarded by an index; the other two are counted by it.
_UNSEALED = (COLUMN, "number", "writes", "valid_until")
# What names a row while a transaction lasts.
_ROW_ID = {"sqlite": "rowid", "postgresql": "ctid"}


def sealed(row: Mapping[str, object]) -> dict[str, object]:
    """The row with its checksum."""
    return {**row, COLUMN: checksum(row)}


def checksum(row: Mapping[str, object]) -> int:
    """Of a row to be written, or of one read without SQLAlchemy's types: they are the same."""
    items = [(name, _stored(value)) for name, value in sorted(row.items()) if name not in _UNSEALED]
    return zlib.crc32(repr(items).encode())


def _stored(value: object) -> object:
    match value:
        case int() | float():
            return value + 0.0  # a column of doubles gives back 1.0 for 1, and 0.0 for -0.0
        case dict() | list() | tuple():
            return json.dumps(value)
        case _:
            return value


def broken(connection: Connection) -> Iterator[str]:
    """The tables that have a row which is not as it was written."""
    for name in _sealed_tables(connection):
        rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings()  # noqa: S608
        if any(checksum(dict(row)) != row[COLUMN] for row in rows):
            yield name


def reseal(connection: Connection) -> None:
    """Seal every row anew: after an upgrade, which changes them all."""
    row_id = _ROW_ID[connection.dialect.name]
    for name in _sealed_tables(connection):
        rows = connection.exec_driver_sql(f'SELECT {row_id} AS "row_", * FROM "{name}"').mappings()  # noqa: S608
        seals = [
            {"seal": checksum({k: row[k] for k in row if k != "row_"}), "row": row["row_"]}
            for row in rows
        ]
        if seals:
            update = f'UPDATE "{name}" SET {COLUMN} = :seal WHERE {row_id} = :row'  # noqa: S608
            connection.execute(text(update), seals)


def _sealed_tables(connection: Connection) -> list[str]:
    inspector = inspect(connection)
    return [
        name
        for name in inspector.get_table_names()
        if any(column["name"] == COLUMN for column in inspector.get_columns(name))
    ]


def layout(connection: Connection) -> str:
    """A digest of the schema: its tables, indexes and rules, word by word.

    PostgreSQL gives none: it keeps no words, and its own checksums tell damage.
    """
    if connection.dialect.name != "sqlite":
        return ""
    statements = connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    )
    return hashlib.sha256(repr([tuple(row) for row in statements]).encode()).hexdigest()
