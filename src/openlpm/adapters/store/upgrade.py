"""Bringing a database to the schema that this program knows, or refusing it.

The version is read with one plain query; Alembic, which takes a quarter of a second to import,
is loaded only when there is something to do. The whole upgrade is one transaction.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from openlpm.adapters.store.engine import where
from openlpm.adapters.store.leadership import note_layout
from openlpm.adapters.store.schema import REVISIONS
from openlpm.adapters.store.seals import reseal
from openlpm.model.errors import StoreFailed

_VERSION_TABLE = "alembic_version"
_VERSION = table(_VERSION_TABLE, column("version_num", String)).c.version_num


def upgrade(connection: Connection) -> None:
    """Make the schema the newest one. Raises `StoreFailed` for a database that is not ours."""
    if revision(connection) != REVISIONS[-1]:
        _run_alembic(connection)
        reseal(connection)
        note_layout(connection)


def require_newest(connection: Connection) -> None:
    """Raise `StoreFailed` where a newer console has upgraded the schema meanwhile."""
    present = connection.scalar(select(_VERSION))
    if present != REVISIONS[-1]:
        raise _unknown(connection, str(present))


def revision(connection: Connection) -> str | None:
    """The schema's revision; None for an empty database. Raises `StoreFailed` for others'."""
    present = _revision(connection)
    if present is not None and present not in REVISIONS:
        raise _unknown(connection, present)
    return present


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if _VERSION_TABLE not in tables:
        raise _foreign(connection, f"It has the tables {', '.join(sorted(tables)[:5])}.")
    present = connection.scalar(select(_VERSION))
    if present is None:
        raise _foreign(connection, "Its schema has no version.")
    return present


def _unknown(connection: Connection, present: str) -> StoreFailed:
    ours = present.startswith("lpm") and present[3:].isdigit()
    if not ours:
        return _foreign(connection, f"Its schema has the version {present!r}.")
    return StoreFailed(
        "store-newer",
        f"The database {where(connection.engine)} was written by a newer OpenLPM.",
        cause=f"Its schema is {present}; this program knows {REVISIONS[-1]}.",
        remedy="Install that OpenLPM again, or restore a backup made before it was upgraded.",
    )


def _foreign(connection: Connection, cause: str) -> StoreFailed:
    return StoreFailed(
        "store-foreign",
        f"The database {where(connection.engine)} belongs to another program.",
        cause=cause,
        remedy="Give the console a database of its own. This one was not changed.",
    )


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "openlpm.adapters.store:")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
