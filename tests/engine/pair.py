"""Two consoles on one database, in front of one fake world: the first one leads.

The database is a file opened without its lock; the rules of taking over are those of PostgreSQL
(`Lease`). A lease is long, and ends when the test says so: no busy machine loses one.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Double, literal

from fakes.frozen import Freezer
from fakes.hypervisors import ConsoleKilled, FakeHypervisors
from fakes.world import World
from openlpm.adapters.store import Store, open_store, sqlite
from openlpm.adapters.store.archive import Archive
from openlpm.adapters.store.lease import Lease
from openlpm.adapters.store.transactions import Transactions
from openlpm.decide.leadership import Terms
from openlpm.engine.console import Console

# The lease is in the world's time, a hundred times as fast; the pauses are in ours.
TERMS = Terms(lease_s=10_000.0, renew_s=0.1, retry_s=0.05, margin_s=100.0)


class LeapingClock:
    """The world's clock, which may leap: for consoles and database, not for the servers."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self.leapt_s = 0.0

    def now(self) -> float:
        return self._clock.now() + self.leapt_s

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.leapt_s


@dataclass
class One:
    """A console, and what can happen to it."""

    console: Console
    store: Store
    hypervisors: FakeHypervisors
    freezer: Freezer

    def kill(self) -> None:
        """kill -9: nothing of it goes on, and its lease stands until it ends."""
        self.hypervisors.kill()
        self.console.leading._closing.set()
        self.console.leading._thread.join(10)
        with suppress(ConsoleKilled):
            self.console._follow()
        self.store.close()


@dataclass
class Pair:
    """Two consoles, by name."""

    world: World
    file: Path
    consoles: dict[str, One] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = LeapingClock(self.world)
        open_store(self.file).close()

    def start(self, name: str, after_write: Callable[[str], None] = lambda _: None) -> One:
        engine = sqlite.open_engine(self.file)
        transactions = Transactions(engine, None, holder=name)
        now = self.clock.now
        lease = Lease(
            *(engine, transactions),
            name=name,
            terms=TERMS,
            clock=lambda: literal(now(), Double),
        )
        archive = Archive(self.file, transactions, now)
        store = Store(
            *(transactions, now), archive=archive, leadership=lease, let_go=engine.dispose
        )
        freezer, hypervisors = Freezer(), self.world.hypervisors()
        console = Console(
            *(freezer.through(store.journal, after_write), store.inventory, store.archive),
            *(freezer.through(hypervisors), self.clock),
            leadership=freezer.through(lease),
        )
        console.open()
        self.consoles[name] = One(console, store, hypervisors, freezer)
        return self.consoles[name]

    def let_lease_end(self) -> None:
        """Nobody has renewed it for so long."""
        self.wait(lambda: all(one.freezer.is_still() for one in self.consoles.values()))
        self.clock.leapt_s += TERMS.lease_s

    def wait(self, happened: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    def close(self) -> None:
        for one in self.consoles.values():
            one.freezer.thaw()
        for one in self.consoles.values():
            if not one.hypervisors.killed:
                one.console.close()
                one.store.close()
        self.world.close()
