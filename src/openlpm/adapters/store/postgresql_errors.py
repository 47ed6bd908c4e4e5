"""PostgreSQL's errors, in the words of `model/errors.py`, by their SQLSTATE.

https://www.postgresql.org/docs/current/errcodes-appendix.html. Those of a connection that was never
made have none; libpq's own words, which never hold the password, are passed on.
"""

from typing import Any

from openlpm.adapters.store.trouble import FULL, IO, OTHER, RULE, Trouble
from openlpm.model.errors import StoreFailed

_GONE = Trouble(
    "store-unreachable",
    "PostgreSQL does not answer, or it ended the connection.",
    "See whether it runs. The console tries again by itself; servers and partitions go on without.",
)
BUSY = Trouble(
    "store-busy",
    "It has no connection, lock or time left for us.",
    "Look at pg_stat_activity; raise max_connections if others take them all.",
)
_STANDBY = Trouble(
    "store-read-only",
    "The database takes no writes: it is a standby, or was set so.",
    "Name the primary, or several hosts: postgresql://USER@HOST1,HOST2/DATABASE.",
)
_FORBIDDEN = Trouble(
    "store-forbidden",
    "The user may not do that there.",
    "Let the console's user own its database: createdb --owner=USER NAME.",
)
_CORRUPT = Trouble(
    "store-corrupt",
    "Its tables are not as the console made them, or PostgreSQL found damage.",
    "Restore a dump (pg_restore) into an empty database while no console runs.",
)

_BY_STATE = {
    "53100": FULL,
    "25006": _STANDBY,
    "42501": _FORBIDDEN,
    "58030": IO,
    "55P03": BUSY,
    "57014": BUSY,
    "40P01": BUSY,
    "40001": BUSY,
}
_BY_CLASS = {
    "08": _GONE,
    "57": _GONE,
    "25": _GONE,  # ours was idle in a transaction for too long
    "53": BUSY,
    "23": RULE,
    "42": _CORRUPT,
    "3F": _CORRUPT,
    "XX": _CORRUPT,
    "22": RULE,
}


def trouble(error: Any) -> Trouble:
    """What to tell for a psycopg error."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _GONE if type(error).__name__ == "OperationalError" else OTHER
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], OTHER)


def cannot_connect(where: str, error: Any) -> StoreFailed:
    """The error for a connection that could not be made."""
    said = " ".join(str(error).split())
    asked = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
    if asked:
        return StoreFailed(
            "store-login-refused",
            f"PostgreSQL did not let the console into {where}.",
            cause=f"{said}.",
            remedy="Check the user, and the password: in ~/.pgpass (mode 0600) of the console's "
            "user, or in $LPM_DATABASE.",
        )
    return StoreFailed(
        "store-unreachable",
        f"The database {where} cannot be opened.",
        cause=f"{said}.",
        remedy="See whether PostgreSQL runs there, and check host, user and database.",
    )


def damaged(where: str, cause: str) -> StoreFailed:
    """The error for a database that is not as it was written."""
    return StoreFailed(
        _CORRUPT.code,
        f"The console's state in {where} is damaged.",
        cause=cause,
        remedy=_CORRUPT.remedy,
    )
