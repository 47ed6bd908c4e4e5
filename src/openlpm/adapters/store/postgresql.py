"""Opening a PostgreSQL database, and what is peculiar to it.

The URL goes to libpq as it is: services, password files, several hosts and certificates are its
matter (https://www.postgresql.org/docs/current/libpq-connect.html). What SQLAlchemy knows of it,
and could log, has no password.

Every wait ends: connecting, locks, statements, a transaction that its console left standing (a
frozen one's, whose locks would keep another from taking over), and an answer that never comes.
"""

from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, ColumnElement, Double, Engine, cast, create_engine, extract, func

from openlpm.adapters.store.postgresql_errors import cannot_connect
from openlpm.model.errors import BadRequest, StoreFailed

OLDEST = 130000
"""The oldest server that the tests' statements were looked up for: PostgreSQL 13."""
ANSWER_S = 8.0
_CONNECT_S = 3
_DEFAULTS = {
    "connect_timeout": str(_CONNECT_S),
    "application_name": "openlpm",
    "target_session_attrs": "read-write",  # of several hosts, the one that is no standby
    # A server that is gone without a word is noticed.
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
}
_SESSION = {
    "statement_timeout": "6s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "2s",
}
# What was answered must survive a power failure; stricter settings are the operator's to choose.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)


class Bounded(psycopg.Connection[Any]):
    """A connection that waits for no answer longer than `ANSWER_S`: then it is closed."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """What the exchange `gen` ends with."""
        try:
            return super().wait(gen, interval=interval, timeout=timeout or ANSWER_S)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # nobody knows what of it will be done
            raise


def open_engine(url: str, *, connections: int) -> Engine:
    """An engine on the database `url`. Raises `BadRequest` for a URL that is none."""
    given = parsed(url)

    def connect() -> Bounded:
        try:
            connection = Bounded.connect(**{**_DEFAULTS, **given})  # type: ignore[arg-type]
        except psycopg.OperationalError as error:
            raise cannot_connect(shown(given), error) from error
        try:
            _prepare(connection, given)
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine(
        _url(given),
        creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
    )


def parsed(url: str) -> dict[str, str]:
    """What the URL says. Raises `BadRequest`, which must not repeat it: it may have a password."""
    try:
        found = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise BadRequest(
            "bad-database",
            "The database's URL cannot be understood.",
            cause="libpq takes it for no connection URI.",
            remedy="It looks like postgresql://USER@HOST/DATABASE; special characters are written "
            "as %XX. A password is best kept in ~/.pgpass.",
        ) from None
    return {key: str(value) for key, value in found.items() if value is not None}


def shown(given: dict[str, str]) -> str:
    """The URL for people: no password, nor where one is."""
    return _url(given).set(drivername="postgresql").render_as_string()


def _url(given: dict[str, str]) -> URL:
    """The same for SQLAlchemy."""
    query = {"service": given["service"]} if "service" in given else {}
    host, port = given.get("host") or given.get("hostaddr"), given.get("port", "")
    if host and ("/" in host or "," in host):  # a socket's folder, or several hosts
        query["host"], host = host, None
    return URL.create(
        "postgresql+psycopg",
        username=given.get("user"),
        host=host,
        port=int(port) if host and port.isdigit() else None,
        database=given.get("dbname"),
        query=query,
    )


def clock() -> ColumnElement[float]:
    """The database's seconds, at the moment when they are looked at."""
    return cast(extract("epoch", func.clock_timestamp()), Double)


def _prepare(connection: Bounded, given: dict[str, str]) -> None:
    where = shown(given)
    if connection.info.server_version < OLDEST:
        version = connection.info.parameter_status("server_version")
        raise StoreFailed(
            "store-too-old",
            f"The PostgreSQL of {where} is too old.",
            cause=f"It is {version}; the console needs {OLDEST // 10000} or newer.",
            remedy="Upgrade it, or name another one.",
        )
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise StoreFailed(
            "store-not-utf8",
            f"The database {where} cannot hold all names.",
            cause=f"Its encoding is {connection.info.parameter_status('server_encoding')}.",
            remedy="Make one with UTF8: createdb --template=template0 --encoding=UTF8 NAME.",
        )
    for name, value in _SESSION.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.execute(_DURABLE)
    connection.commit()
