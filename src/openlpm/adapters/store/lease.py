"""The lease of whoever leads: one row, and the database's clock (`ports.Leadership`).

    leader = lease.claim()        # us, if nobody else's lease was valid: a new epoch begins
    lease.renew()                 # every second or so; NotLeader when another one has taken over
    lease.confirm()               # right before a server is touched: do we lead, by the database?

All writers lock this row first (`leadership.enter`): a write and a take-over exclude one another.
The consoles' own clocks have no part in it. It has a connection of its own: readers who take them
all must not cost us the lead.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, Engine, select, update

from openlpm.adapters.store import engine as database
from openlpm.adapters.store import leadership
from openlpm.adapters.store.schema import leadership as row
from openlpm.adapters.store.transactions import Transactions
from openlpm.adapters.store.upgrade import require_newest
from openlpm.decide.leadership import Terms, claimable, not_leading
from openlpm.model.errors import NotLeader
from openlpm.model.leadership import Leader


class Lease:
    """`ports.Leadership` for the console `name`; `clock` is SQL for the database's seconds."""

    def __init__(
        self,
        engine: Engine,
        transactions: Transactions,
        *,
        name: str,
        terms: Terms,
        clock: Callable[[], ColumnElement[float]],
    ) -> None:
        self.name = name
        self.terms: Terms | None = terms
        self.database = database.where(engine)
        self._engine = engine
        self._transactions = transactions
        self._clock = clock
        self._epoch = 0

    def who(self) -> Leader:
        """Who leads."""
        with database.reading(self._engine) as connection:
            return self._who(connection)

    def claim(self) -> Leader:
        """Take over if nobody's lease is valid. Returns who leads: us, or another one."""
        with database.writing(self._engine) as connection:
            connection.execute(select(row.c.id).with_for_update())
            found = self._who(connection)
            if not claimable(found, self.name):
                return found
            require_newest(connection)
            now = connection.scalar(select(self._clock())) or 0.0
            self._epoch = leadership.claim(connection, now, self.name)
            connection.execute(update(row).values(valid_until=self._valid_until()))
            ours = self._who(connection)
        self._transactions.epoch = self._epoch
        return ours

    def renew(self) -> None:
        """Go on leading for another term. Raises `NotLeader`."""
        with database.writing(self._engine) as connection:
            renewed = update(row).where(self._is_ours()).values(valid_until=self._valid_until())
            if connection.execute(renewed).rowcount != 1:
                raise self._lost(connection)

    def confirm(self) -> None:
        """Ask the database whether we lead, and will for a moment. Raises `NotLeader`."""
        margin_s = self.terms.margin_s if self.terms else 0.0
        valid = row.c.valid_until > self._clock() + margin_s
        with database.reading(self._engine) as connection:
            if connection.scalar(select(row.c.id).where(self._is_ours(), valid)) is None:
                raise self._lost(connection)

    def follow(self) -> None:
        """Write no more, whatever the database says."""
        self._transactions.epoch = None

    def resign(self) -> None:
        """Follow, and let another one lead at once."""
        self.follow()
        with database.writing(self._engine) as connection:
            ended = update(row).where(self._is_ours()).values(valid_until=0.0)
            if connection.execute(ended).rowcount == 1:
                leadership.give_up(connection)

    def _is_ours(self) -> ColumnElement[bool]:
        return leadership.held_by(self._epoch, self.name)

    def _valid_until(self) -> ColumnElement[float]:
        return self._clock() + (self.terms.lease_s if self.terms else 0.0)

    def _who(self, connection: Connection) -> Leader:
        left_s = row.c.valid_until - self._clock()
        query = select(row.c.holder, row.c.epoch, row.c.since, left_s, row.c.writes)
        return Leader(*connection.execute(query).one())

    def _lost(self, connection: Connection) -> NotLeader:
        leader = self._who(connection)
        return not_leading("" if leader.name == self.name else leader.name)


class Alone:
    """`ports.Leadership` of a console that has its database to itself, by its file lock."""

    terms: Terms | None = None

    def __init__(self, database: str, name: str, epoch: int, since: float) -> None:
        self.name = name
        self.database = database
        self._leader = Leader(name, epoch, since, None, 0)

    def who(self) -> Leader:
        """We do."""
        return self._leader

    def claim(self) -> Leader:
        """We do."""
        return self._leader

    def renew(self) -> None:
        """It does not end."""

    def confirm(self) -> None:
        """Each write looks at the epoch; nobody else can open the file."""

    def follow(self) -> None:
        """There is nobody to follow."""

    def resign(self) -> None:
        """Closing the file lets go of the lock."""
