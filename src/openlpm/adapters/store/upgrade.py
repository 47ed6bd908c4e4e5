"""Bringing a database to the schema that this program knows, or refusing it.

The version is read with one plain query; Alembic, which takes a quarter of a second to import,
is loaded only when there is something to do. The whole upgrade is one transaction.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from openlpm.adapters.store.schema import REVISIONS
from openlpm.model.errors import StoreFailed

_VERSION_TABLE = "alembic_version"
_VERSION = table(_VERSION_TABLE, column("version_num", String)).c.version_num


def upgrade(connection: Connection) -> None:
    """Make the schema the newest one. Raises `StoreFailed` for a database that is not ours."""
    present = _revision(connection)
    if present == REVISIONS[-1]:
        return
    if present is not None and present not in REVISIONS:
        raise _unknown(connection, present)
    _run_alembic(connection)


def _revision(connection: Connection) -> str | None:
    """The schema's revision; None for an empty database."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if _VERSION_TABLE not in tables:
        raise _foreign(connection, f"It has the tables {', '.join(sorted(tables)[:5])}.")
    revision = connection.scalar(select(_VERSION))
    if revision is None:
        raise _foreign(connection, "Its schema has no version.")
    return revision


def _unknown(connection: Connection, revision: str) -> StoreFailed:
    ours = revision.startswith("lpm") and revision[3:].isdigit()
    if not ours:
        return _foreign(connection, f"Its schema has the version {revision!r}.")
    return StoreFailed(
        "store-newer",
        f"The database {connection.engine.url.database} was written by a newer OpenLPM.",
        cause=f"Its schema is {revision}; this program knows {REVISIONS[-1]}.",
        remedy="Install that OpenLPM again, or put back the copy made before it was upgraded.",
    )


def _foreign(connection: Connection, cause: str) -> StoreFailed:
    return StoreFailed(
        "store-foreign",
        f"The database {connection.engine.url.database} belongs to another program.",
        cause=cause,
        remedy="Give the console a file of its own. This one was not changed.",
    )


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "openlpm.adapters.store:")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
