"""The estate: all managed systems, each with its watch, and the partitions seen on them."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from openlpm.engine.bell import Bell
from openlpm.engine.claims import Claims
from openlpm.engine.watch import Watch
from openlpm.model.errors import AlreadyExists, Conflict, NotFound, OpenLpmError
from openlpm.model.names import as_uuid
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight, Why
from openlpm.model.system import System
from openlpm.ports import Clock, Host, Hypervisors, Inventory, Journal

T = TypeVar("T")


class Estate:
    """Finds systems and partitions by name. `news` rings when anything of it has changed."""

    def __init__(
        self,
        inventory: Inventory,
        journal: Journal,
        hypervisors: Hypervisors,
        clock: Clock,
        news: Bell,
    ) -> None:
        self._inventory = inventory
        self._journal = journal
        self._hypervisors = hypervisors
        self._clock = clock
        self._news = news
        self._lock = threading.Lock()
        self._changing = threading.Lock()  # of the inventory and the watches, together
        self._exchanging = False
        self._watches: dict[str, Watch] = {}
        self.claims = Claims()

    def sync(self) -> None:
        """Watch every system that the inventory knows, and no other one."""
        self.exchange(lambda: None)

    def close(self) -> None:
        """Stop watching."""
        for watch in self.watches():
            watch.close()

    def add(self, system: System) -> Watch:
        """Keep a new system and begin to watch it. Raises `AlreadyExists`."""
        with self._changing:
            self._refuse_known(system)
            self._inventory.add(system)
            return self._begin(system)

    def _refuse_known(self, system: System) -> None:
        for other in self.watches():
            if other.system.uri == system.uri:
                raise AlreadyExists(
                    "system-exists",
                    f"{system.uri} is managed already, as {other.system.name!r}.",
                    remedy="Remove that one first, or use it.",
                )

    def change(
        self,
        name: str,
        described: Callable[[System], System],
        allowed: Callable[[System, System], None],
    ) -> None:
        """Describe a system anew, by what it is now, unless `allowed` raises: before and after.

        Name and URIs stay. A move that was validated with the former description is refused from
        here on (`require_unchanged`), so that `allowed`, asked again, sees all that has begun with
        it.
        """
        with self._changing:
            watch = self.watch(name)
            before = watch.system
            after = described(before)
            allowed(before, after)
            watch.system = after
            try:
                allowed(before, after)
                self._inventory.change(after)
            except BaseException:
                watch.system = before
                raise
        self._news.ring()

    def remove(self, name: str) -> None:
        """Forget a system; the server itself is not touched."""
        with self._changing:
            watch = self.watch(name)
            self._inventory.remove(name)
            self._let_go(watch)

    def exchange(self, write: Callable[[], T]) -> T:
        """Let `write` exchange the systems in the store, then watch those that are there now."""
        with self._changing, self._exchange():
            written = write()
            wanted = {system.name: system for system in self._inventory.systems()}
            for watch in self.watches():
                if wanted.get(watch.system.name) == watch.system:
                    del wanted[watch.system.name]
                else:
                    self._let_go(watch)
            for system in wanted.values():
                self._begin(system)
        return written

    @contextmanager
    def _exchange(self) -> Generator[None]:
        self._exchanging = True
        try:
            yield
        finally:
            self._exchanging = False

    def require_unchanged(self, *systems: System) -> None:
        """Raise `Conflict` unless these are managed still, just so: a restore may come between.

        Asked inside the transaction that opens a move, it is the counterpart of the restore's own
        question for unfinished moves: whichever transaction is the first, the other one is refused.
        """
        with self._lock:
            managed = [self._watches.get(system.name) for system in systems]
        same = all(w and w.system == s for w, s in zip(managed, systems, strict=True))
        if self._exchanging or not same:
            raise Conflict(
                "systems-changed",
                "The managed systems were changed meanwhile: nothing was begun.",
                cause="A backup was restored, or a mover was changed.",
                remedy="Look at lpm system list, then ask again.",
            )

    def _let_go(self, watch: Watch) -> None:
        with self._lock:
            del self._watches[watch.system.name]
        watch.close()

    def _begin(self, system: System) -> Watch:
        watch = Watch(
            system,
            self._hypervisors,
            self._clock,
            self._news,
            last_seen=tuple(self._inventory.last_seen(system.name)),
            tell=self._journal.tell,
            keep=self._inventory.seen,
        )
        with self._lock:
            self._watches[system.name] = watch
        watch.start()
        return watch

    def watches(self) -> list[Watch]:
        """All systems, by name."""
        with self._lock:
            return [self._watches[name] for name in sorted(self._watches)]

    def watch(self, name: str) -> Watch:
        """One system. Raises `NotFound`."""
        with self._lock:
            watch = self._watches.get(name)
        if watch is None:
            raise NotFound(
                "no-such-system",
                f"There is no managed system {name!r}.",
                remedy="lpm system list shows all; lpm system add adds one.",
            )
        return watch

    def host(self, name: str) -> Host:
        """A connected system. Raises `NotFound`, `ServerUnreachable`."""
        return self.watch(name).host

    def partitions(self, system: str = "") -> list[Partition]:
        """All partitions seen, by name; one system's only where named."""
        watches = [self.watch(system)] if system else self.watches()
        found = [p for watch in watches for p in watch.partitions]
        return sorted(found, key=lambda p: (p.name, p.system))

    def partition(self, name: str) -> Partition:
        """One partition by its name or UUID. Raises `NotFound`, or `Conflict` if ambiguous.

        While a partition moves it is on two servers: the one where it runs is meant.
        """
        uuid = as_uuid(name)
        found = [p for p in self.partitions() if name == p.name or p.uuid == uuid]
        if not found:
            raise NotFound(
                "no-such-partition",
                f"There is no partition {name!r}.",
                remedy="lpm partition list shows all.",
            )
        if len({p.uuid for p in found}) > 1:
            raise Conflict(
                "ambiguous-partition",
                f"{len(found)} partitions are named {name!r}.",
                cause=", ".join(f"{p.uuid} on {p.system}" for p in found),
                remedy="Name it by its UUID.",
            )
        return min(found, key=_likeliness)

    def partition_now(self, name: str) -> Partition:
        """The same, asked of its server this moment; as last seen where that does not answer."""
        partition = self.partition(name)
        try:
            found = self.host(partition.system).partition(partition.uuid)
        except OpenLpmError:
            return partition
        if found is not None:
            return found
        for watch in self.watches():  # it has just gone elsewhere, or for good
            watch.refresh(partition.uuid)
        return self.partition(name)


def _likeliness(partition: Partition) -> tuple[int, bool]:
    order = (Sight.RUNNING, Sight.PAUSED, Sight.UNKNOWN, Sight.OFF, Sight.ABSENT)
    return order.index(partition.state), partition.why is Why.MIGRATION
