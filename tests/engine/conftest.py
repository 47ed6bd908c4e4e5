"""The real console and store on a fake world: what an operator would notice, in milliseconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.hypervisors import ConsoleKilled, FakeHypervisors
from fakes.world import World
from openlpm.adapters.store import Store, open_store
from openlpm.engine.console import Console
from openlpm.engine.views import MigrationView
from openlpm.ports import Journal


@dataclass
class Stand:
    """A world, and the console that stands in front of it; `restart` after a `kill`."""

    world: World
    folder: Path
    consoles: list[tuple[Console, Store, FakeHypervisors]] = field(default_factory=list)

    @property
    def console(self) -> Console:
        return self.consoles[-1][0]

    @property
    def store(self) -> Store:
        return self.consoles[-1][1]

    def start(self, journal: Callable[[Journal], Journal] = lambda j: j) -> Console:
        """A console on the same database; `journal` may put something before its journal."""
        store = open_store(self.folder / "console.db")
        hypervisors = self.world.hypervisors()
        console = Console(
            *(journal(store.journal), store.inventory, store.archive),
            *(hypervisors, self.world.clock),
            leadership=store.leadership,
        )
        console.open()
        self.consoles.append((console, store, hypervisors))
        return console

    def kill(self) -> None:
        """kill -9 of the console: its calls end, its locks are freed, nothing else is done."""
        console, store, hypervisors = self.consoles.pop()
        hypervisors.kill()
        with suppress(ConsoleKilled):
            console.close()
        store.close()

    def settle(self, view: MigrationView, timeout_s: float = 20.0) -> MigrationView:
        """Wait until a move has ended."""
        return self.until(view, lambda v: v.migration.phase.final, timeout_s)

    def until(
        self, view: MigrationView, seen: Callable[[MigrationView], bool], timeout_s: float = 20.0
    ) -> MigrationView:
        view = self.console.migration(view.migration.id)
        for _ in range(2000):
            if seen(view):
                return view
            view = self.console.wait_migration(view.migration.id, view, timeout_s / 100)
        raise AssertionError(f"It never came to that: {view}")

    def wait_for(self, happened: Callable[[], bool], timeout_s: float = 15.0) -> None:
        """Wait until it is so, looking at each event of the console."""
        deadline = time.monotonic() + timeout_s
        while not happened():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.console.wait_events(self.console.last_seq(), 0.05)

    def codes(self) -> list[str]:
        return [event.code for event in self.console.events(limit=10_000)]

    def close(self) -> None:
        for console, store, _ in self.consoles:
            console.close()
            store.close()
        self.world.close()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """Two servers, managed; add partitions to `stand.world` as needed."""
    made = Stand(World(servers=3), tmp_path)
    made.start()
    try:
        for name in ("s1", "s2"):
            made.console.add_system(made.world.server(name).system)
        yield made
    finally:
        made.close()
