"""Opening a PostgreSQL database as the store, which several consoles share.

    store = open_shared("postgresql://openlpm@db1/openlpm", name="node7, socket …")
    store.leadership.claim()      # until then, and while another one leads, it only reads

Whoever comes first makes the tables; an older schema is upgraded only while nobody leads, for a
console of before would go on writing by its own.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import leadership, postgresql, postgresql_errors, restore, seals
from openlpm.adapters.store.archive import read
from openlpm.adapters.store.check import contents
from openlpm.adapters.store.lease import Lease
from openlpm.adapters.store.schema import REVISIONS
from openlpm.adapters.store.schema import leadership as row
from openlpm.adapters.store.store import Store
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import revision, upgrade
from openlpm.decide.leadership import Terms
from openlpm.model.backup import Backup, BackupReport, RestoreReport
from openlpm.model.errors import Conflict, StoreFailed

CONNECTIONS = 12
"""For reading and writing; one more renews the lease."""
_UPGRADING = 0x6C706D
_DEFAULT_TERMS = Terms()


def open_shared(
    url: str,
    *,
    name: str,
    terms: Terms = _DEFAULT_TERMS,
    now: Callable[[], float] = time.time,
) -> Store:
    """Open the database, making or upgrading its tables. Raises `StoreFailed`, `BadRequest`."""
    with ExitStack() as undo:
        engine = postgresql.open_engine(url, connections=CONNECTIONS)
        undo.callback(engine.dispose)
        leading = postgresql.open_engine(url, connections=1)
        undo.callback(leading.dispose)
        _upgrade(engine)
        _check(engine)
        undo.pop_all()
    transactions = Transactions(engine, None, holder=name)
    return Store(
        transactions,
        now,
        archive=SharedArchive(database.where(engine), transactions, now),
        leadership=Lease(leading, transactions, name=name, terms=terms, clock=postgresql.clock),
        let_go=leading.dispose,
    )


def _upgrade(engine: Engine) -> None:
    with database.writing(engine) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADING)))
        present = revision(connection)
        if present == REVISIONS[-1]:
            return
        if present is not None:
            _refuse_under_a_leader(connection, database.where(engine))
        upgrade(connection)


def _refuse_under_a_leader(connection: Connection, where: str) -> None:
    query = select(row.c.holder).where(row.c.valid_until > postgresql.clock()).with_for_update()
    leader = connection.scalar(query)
    if leader:
        raise StoreFailed(
            "store-in-use",
            f"The tables of {where} are an older OpenLPM's, and one of its consoles leads.",
            cause=f"It is {leader}.",
            remedy="Stop all older consoles, then start this one again.",
        )
    leadership.claim(connection, 0.0)  # one that thaws later must not write by the older schema


def _check(engine: Engine) -> None:
    where = database.where(engine)
    with database.reading(engine) as connection:
        for table in seals.broken(connection):
            raise postgresql_errors.damaged(
                where, f"A row of {table!r} is not as the console wrote it."
            )
        contents(connection, Path(where))


class SharedArchive:
    """`ports.Archive`: PostgreSQL's own tools make the backups; those of a file can be taken over.

    So a console moves from SQLite to PostgreSQL: `lpm backup` there, `lpm restore` here.
    """

    def __init__(self, where: str, transactions: Transactions, now: Callable[[], float]) -> None:
        self._where = where
        self._transactions = transactions
        self._now = now

    def save(self, file: str, *, force: bool = False) -> BackupReport:  # noqa: ARG002 - the port's
        """Raises `Conflict`."""
        raise Conflict(
            "backup-is-postgresqls",
            f"The console's state is in {self._where}: nothing was written.",
            cause="A backup of a PostgreSQL database is made by its own tools.",
            remedy="pg_dump --format=custom --file=FILE DATABASE; see docs/database.md.",
        )

    def read(self, file: str) -> Backup:
        """Read a backup of a SQLite database. Raises `NotFound`, `BadRequest`."""
        return read(file)

    def restore(self, backup: Backup) -> RestoreReport:
        """Take over what a backup holds. What was there before is not kept aside."""
        with self._transactions.writing() as connection:
            restore.refuse_unfinished(connection)
            return restore.merge(connection, backup, kept="", now=self._now(), after=None)
