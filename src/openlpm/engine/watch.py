"""Keeps one managed system's connection and picture current.

One thread a system. libvirt's events say at once which partition changed; polling is the
safety net. A server that does not answer is `UNREACHABLE`, and its partitions are UNKNOWN:
what was last seen of them is kept for showing, never for deciding.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from openlpm.engine.bell import Bell
from openlpm.model.errors import NotFound, NotLeader, OpenLpmError, ServerUnreachable, StoreFailed
from openlpm.model.event import Event, Level
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Link, System, SystemFacts
from openlpm.ports import Clock, Host, Hypervisors

log = logging.getLogger(__name__)

TICK_S = 1.0
"""Between two looks at whether the connection still stands (no round trip)."""
REST_S = 0.5
"""Between two looks at a partition that moves: it tells a dozen events in a second."""
POLL_S = 5.0
FACTS_EVERY_S = 30.0
RETRY_S = 2.0


class Watch:
    """One system's watcher. `tell` appends an event, `keep` stores what was seen."""

    def __init__(
        self,
        system: System,
        hypervisors: Hypervisors,
        clock: Clock,
        bell: Bell,
        *,
        last_seen: tuple[Partition, ...],
        tell: Callable[[Event], object],
        keep: Callable[[str, tuple[Partition, ...]], None],
    ) -> None:
        self.system = system
        self.link = Link.CONNECTING
        self.since = clock.now()
        self.trouble = self.remedy = ""
        self.facts: SystemFacts | None = None
        self._hypervisors = hypervisors
        self._clock = clock
        self._news = bell
        self._tell_store = tell
        self._keep_in_store = keep
        self._kept = True
        self._code = "server-unreachable"
        self._host: Host | None = None
        self._facts_at = self._polled_at = 0.0
        self._lock = threading.Lock()
        self._partitions = {p.uuid: p for p in map(_out_of_sight, last_seen)}
        self._due: dict[str, float] = {}
        self._looked: dict[str, float] = {}
        self._followers: dict[str, list[Callable[[], None]]] = {}
        self._wake = Bell()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{system.name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching and close the connection, within a few seconds."""
        self._closing.set()
        self._wake.ring()
        self._thread.join(timeout=10)

    @property
    def host(self) -> Host:
        """The connected host. Raises `ServerUnreachable`."""
        host = self._host
        if host is None:
            raise ServerUnreachable(
                self._code,
                f"{self.system.name} is not connected ({self.link}).",
                cause=self.trouble,
                remedy=self.remedy or f"lpm system show {self.system.name} tells more.",
            )
        return host

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """What was last seen; UNKNOWN where the server is out of reach."""
        with self._lock:
            return tuple(self._partitions.values())

    def settle(self, timeout_s: float) -> None:
        """Wait until the first attempt to connect has ended, one way or the other."""
        self._news.until(lambda: self.link is not Link.CONNECTING or None, timeout_s)

    def refresh(self, uuid: str) -> None:
        """Look at one partition now: for a use case that has just changed it.

        One that cannot be looked at may be anything by now, until the next poll.
        """
        try:
            self._see_one(self.host, uuid)
        except ServerUnreachable:
            with self._lock:
                if found := self._partitions.get(uuid):
                    self._partitions[uuid] = _out_of_sight(found)

    def forget(self, uuid: str) -> None:
        """Drop what was last seen of a partition, which is known to be elsewhere since."""
        if self.link is Link.CONNECTED:
            return
        with self._lock:
            self._partitions.pop(uuid, None)
            kept = tuple(self._partitions.values())
        self._keep(kept)
        self._news.ring()

    def follow(self, uuid: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` on each of a partition's events, until the returned function is called.

        Meanwhile its picture here is renewed at a slower pace.
        """
        with self._lock:
            self._followers.setdefault(uuid, []).append(changed)

        def unfollow() -> None:
            with self._lock:
                self._followers[uuid].remove(changed)

        return unfollow

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                host = self._hypervisors.connect(self.system)
            except OpenLpmError as error:
                self._lost(error)
                self._wake.wait(self._wake.count, RETRY_S)
                continue
            try:
                self._follow(host)
            except OpenLpmError as error:
                self._lost(error)
            finally:
                self._host = None
                host.close()

    def _follow(self, host: Host) -> None:
        unwatch = host.watch(self._on_change)
        try:
            self._see_facts(host)
            self._host = host  # before its partitions are seen: who sees one may ask about it
            self._see_partitions(host)
            self._connected()
            while not self._closing.is_set():
                heard = self._wake.count
                due = self._take_due()
                for uuid in due:
                    self._see_one(host, uuid)
                if not due and self._wake.wait(heard, self._until_next()) == heard:
                    self._check(host)
        finally:
            unwatch()

    def _check(self, host: Host) -> None:
        if not host.alive:
            raise ServerUnreachable(
                "server-unreachable", f"{self.system.name} does not answer any more."
            )
        now = self._clock.monotonic()
        if now >= self._facts_at + FACTS_EVERY_S:
            self._see_facts(host)
        if now >= self._polled_at + POLL_S:
            self._see_partitions(host)

    def _on_change(self, uuid: str) -> None:
        with self._lock:
            followers = tuple(self._followers.get(uuid, ()))
            now = self._clock.monotonic()
            rested = self._looked.get(uuid, now - REST_S) + REST_S
            self._due.setdefault(uuid, max(now, rested) if followers else now)
        self._wake.ring()
        for changed in followers:
            changed()

    def _take_due(self) -> list[str]:
        now = self._clock.monotonic()
        with self._lock:
            taken = [uuid for uuid, due in self._due.items() if due <= now]
            for uuid in taken:
                del self._due[uuid]
                self._looked[uuid] = now
        return taken

    def _until_next(self) -> float:
        now = self._clock.monotonic()
        with self._lock:
            return min([TICK_S, *(max(0.0, due - now) for due in self._due.values())])

    def _see_facts(self, host: Host) -> None:
        self.facts = host.facts()
        self._facts_at = self._clock.monotonic()

    def _see_partitions(self, host: Host) -> None:
        found = {p.uuid: p for p in host.partitions()}
        self._polled_at = self._clock.monotonic()
        with self._lock:
            before, self._partitions = self._partitions, found
        for uuid in before.keys() | found.keys():
            self._report(before.get(uuid), found.get(uuid))
        changed = {_essence(p) for p in before.values()} != {_essence(p) for p in found.values()}
        if changed or not self._kept:
            self._keep(tuple(found.values()))
        self._news.ring()

    def _see_one(self, host: Host, uuid: str) -> None:
        found = host.partition(uuid)
        with self._lock:
            before = self._partitions.get(uuid)
            if found is None:
                self._partitions.pop(uuid, None)
                self._looked.pop(uuid, None)
            else:
                self._partitions[uuid] = found
            kept = tuple(self._partitions.values())
        self._report(before, found)
        if (before and _essence(before)) != (found and _essence(found)):
            self._keep(kept)
        self._news.ring()

    def _tell(self, event: Event) -> None:
        """A store that cannot be written stops nobody from watching: the picture stays true."""
        try:
            self._tell_store(event)
        except NotLeader:
            return  # the console that leads tells it
        except StoreFailed as error:
            log.warning("Not written: %s (%s)", event.message, error.message)

    def _keep(self, partitions: tuple[Partition, ...]) -> None:
        """What cannot be written now is, at a later poll, unless the system was let go."""
        try:
            self._keep_in_store(self.system.name, partitions)
            self._kept = True
        except (StoreFailed, NotFound):
            self._kept = False

    def _report(self, before: Partition | None, found: Partition | None) -> None:
        known = found or before
        old = before.state if before else Sight.ABSENT
        new = found.state if found else Sight.ABSENT
        if known is None or old is new or Sight.UNKNOWN in (old, new):
            return
        self._tell(
            Event(
                "partition-state",
                f"{known.name} on {self.system.name}: {old} -> {new}",
                system=self.system.name,
                partition=known.name,
            )
        )

    def _connected(self) -> None:
        self.link, self.since, self.trouble = Link.CONNECTED, self._clock.now(), ""
        self.remedy = ""
        self._tell(
            Event("system-connected", f"{self.system.name} answers.", system=self.system.name)
        )
        self._news.ring()

    def _lost(self, error: OpenLpmError) -> None:
        was, self.trouble = self.link, error.cause or error.message
        self.remedy = error.remedy
        self._code = error.code if isinstance(error, ServerUnreachable) else "server-unreachable"
        if was is not Link.UNREACHABLE:
            self.link, self.since = Link.UNREACHABLE, self._clock.now()
            with self._lock:
                self._partitions = {u: _out_of_sight(p) for u, p in self._partitions.items()}
            self._tell(
                Event(
                    "system-unreachable",
                    f"{self.system.name} does not answer: {self.trouble}",
                    level=Level.ERROR,
                    system=self.system.name,
                )
            )
        self._news.ring()


def _out_of_sight(partition: Partition) -> Partition:
    return replace(partition, state=Sight.UNKNOWN, why=Why.NONE)


def _essence(partition: Partition) -> Partition:
    """All but the time of the look: what is worth storing."""
    return replace(partition, seen_at=0.0)
