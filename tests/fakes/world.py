"""The fake world: several servers, what runs on them, and a time of its own.

    world = World(servers=2)
    world.add_partition("web1", on="s1", memory_mib=512, dirty_mib_s=20)
    console = Console(..., world.hypervisors(), world.clock)
    ...
    assert world.running(uuid) == ["s2"] and not world.ran_twice

Time flows by itself, `speed` times faster than real time, in ticks so fine that every state is
seen; a machine that is too busy slows it down instead of skipping. `World(flows=False)` stands
still until the test calls `step`. What a transfer does depends on the world's time only.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from fakes.clock import FakeClock
from fakes.fault import Fault
from fakes.guest import Domain, Guest, hardware_of
from fakes.hypervisors import FakeHypervisors
from fakes.news import News
from fakes.processors import guest_cpu
from fakes.server import LOCKSPACE, FakeServer
from fakes.transfer import FakeTransfer
from openlpm.model.errors import HypervisorRefused
from openlpm.model.hardware import Lease
from openlpm.model.partition import Mark, PartitionSpec
from openlpm.model.sight import Place, Sight, Why
from openlpm.ports import Transfer

TICK_S = 0.02
IDLE_TICKS = 10


@dataclass
class Pace:
    """How long the fixed parts take, in the world's seconds."""

    prepare_s: float = 0.05
    switch_s: float = 0.34
    finish_s: float = 0.02
    confirm_s: float = 0.02
    shutdown_s: float = 1.0


class World:
    """Everything outside of the console. `lock` guards it all, and is notified at each tick."""

    def __init__(self, servers: int = 2, *, flows: bool = True, speed: float = 100.0) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.clock = FakeClock()
        self.news = News()
        self.pace = Pace()
        self.link_mib_s = 110.0
        self.fetch_mib_s = 0.0  # post-copy's share of it, if not all
        self.servers = {f"s{n}": FakeServer(self, f"s{n}", n) for n in range(1, servers + 1)}
        self.transfers: list[FakeTransfer] = []
        self.asked: list[Transfer] = []  # all that were asked for
        self.requests: list[Transfer] = []  # those that were begun
        self.ran_twice: list[str] = []
        self.leases: set[str] = set()
        self.definitions: dict[str, Domain] = {}
        self.flows = flows
        self._speed = speed
        self._faults: list[Fault] = []
        self._guests: dict[str, Guest] = {}
        self._closed = threading.Event()
        self._driver = threading.Thread(target=self._drive, name="fake-world", daemon=True)
        if flows:
            self._driver.start()

    # --- what tests build, do and ask ---------------------------------------------------------

    def hypervisors(self) -> FakeHypervisors:
        """A console's way in. Each console gets its own, so that one can be killed."""
        return FakeHypervisors(self)

    def server(self, name: str) -> FakeServer:
        return self.servers[name]

    def guest(self, name: str) -> Guest:
        return self._guests[name]

    def add_partition(
        self,
        name: str,
        *,
        on: str,
        memory_mib: int = 512,
        dirty_mib_s: float = 20.0,
        state: Sight = Sight.RUNNING,
        has_lease: bool = True,
    ) -> Guest:
        """A partition that exists already, marked as ours."""
        with self.lock:
            spec = PartitionSpec(name, on, memory_mib)
            guest = self.new_guest(spec, has_lease=has_lease)
            guest.dirty_mib_s = dirty_mib_s
            why = Why.NONE if state is Sight.RUNNING else Why.USER
            mark = Mark(partition_id=len(self._guests))
            self.servers[on].add(Domain(guest, Place(state, why), mark))
            return guest

    def kill_guest(self, name: str, *, on: str) -> None:
        """kill -9 of its QEMU on one server, the arriving one's included."""
        with self.lock:
            server = self.servers[on]
            server.end_guest(server.domain(self._guests[name].uuid), Why.FAULT)

    def fail_transfer(self, fault: Fault) -> None:
        """Let the next transfer fail."""
        self._faults.append(fault)

    def place(self, name: str, on: str) -> Place:
        """Where it is on one server, seen with the eye of God."""
        with self.lock:
            domain = self.servers[on].domains.get(self._guests[name].uuid)
            return domain.place if domain else Place(Sight.ABSENT)

    def running(self, uuid: str) -> list[str]:
        """The servers where it runs now; also those that are out of reach."""
        with self.lock:
            found = ((s.name, s.domains.get(uuid)) for s in self.servers.values())
            return [name for name, domain in found if domain and domain.runs]

    def step(self, seconds: float = TICK_S) -> None:
        """Let the world's time go on by so much, tick by tick."""
        for _ in range(max(1, round(seconds / TICK_S))):
            with self.lock:
                self._tick(min(seconds, TICK_S))

    def until(self, happened: Callable[[], object], *, within_s: float = 10.0) -> None:
        """Wait, at most `within_s` real seconds; a world that stands still is stepped meanwhile."""
        deadline = time.monotonic() + within_s
        with self.lock:
            while not happened():
                assert time.monotonic() < deadline, "it did not happen in time"
                if not self.flows:
                    self._tick(TICK_S)
                self.lock.wait(timeout=0.001)

    def close(self) -> None:
        self._closed.set()
        if self.flows:
            self._driver.join()
        self.news.close()

    # --- what the other fakes call ------------------------------------------------------------

    def new_guest(self, spec: PartitionSpec, *, has_lease: bool) -> Guest:
        uuid = str(uuid5(NAMESPACE_URL, f"openlpm:{spec.name}"))
        lease = Lease(LOCKSPACE.name, uuid)
        if has_lease:
            self.leases.add(lease.key)
        guest = Guest(uuid, spec.name, 20.0, hardware_of(spec, (lease,) if has_lease else ()))
        guest.cpu = guest_cpu(spec.cpu_model or guest.cpu.model)
        self._guests[spec.name] = guest
        return guest

    def keep_definition(self, domain: Domain) -> str:
        key = f"<domain number='{len(self.definitions)}'/>"
        self.definitions[key] = domain
        return key

    def transfers_of(self, uuid: str) -> list[FakeTransfer]:
        return [t for t in self.transfers if t.domain.guest.uuid == uuid and not t.over]

    def begin_transfer(self, source: FakeServer, request: Transfer) -> FakeTransfer:
        """What libvirt answers at once, before anything moves."""
        self.asked.append(request)
        domain = source.domain(request.partition_uuid)
        objection = source.objection or self.peer_trouble(source, request.target.name)
        running = self.transfers_of(request.partition_uuid)
        if request.resumes:
            objection = objection or ("" if running else "there is no migration to resume")
        elif running:
            objection = "another migration job is already running for domain (code 55)"
        elif not domain.place.alive:
            objection = "domain is not running"
        if objection:
            raise HypervisorRefused("transfer-failed", objection)
        fault = self._faults.pop(0) if self._faults else None
        self.requests.append(request)
        if request.resumes:
            running[0].resume(fault)
            return running[0]
        target = self.servers[request.target.name]
        transfer = FakeTransfer(source, target, domain, request, fault)
        self.transfers.append(transfer)
        return transfer

    def peer_trouble(self, source: FakeServer, target: str) -> str:
        """Why the source's daemon would not reach the target's."""
        peer = self.servers.get(target)
        if peer is None or source.network_cut or peer.network_cut or peer.frozen:
            return f"unable to connect to server at '{target}:16514': No route to host"
        return ""

    def note_change(self, server: str, uuid: str) -> None:
        """Everything that changes a domain passes here: it must never run twice."""
        running = self.running(uuid)
        if len(running) > 1:
            self.ran_twice.append(f"{uuid} ran on {' and '.join(running)}")
        self.news.tell(server, uuid)

    # --- time ---------------------------------------------------------------------------------

    def _drive(self) -> None:
        while not self._closed.is_set():
            with self.lock:
                busy = bool(self.transfers) or self._something_is_due()
                ticks = 1 if busy else IDLE_TICKS
                for _ in range(ticks):
                    self._tick(TICK_S)
            self._closed.wait(ticks * TICK_S / self._speed)

    def _tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for transfer in list(self.transfers):
            transfer.advance(seconds)
        self.transfers = [t for t in self.transfers if not t.over]
        for server in self.servers.values():
            self._let_go(server)
        self.lock.notify_all()

    def _let_go(self, server: FakeServer) -> None:
        now = self.clock.monotonic()
        for domain in list(server.domains.values()):
            if domain.vanishes_at is not None and domain.vanishes_at <= now:
                server.remove(domain.guest.uuid)
            elif domain.off_at is not None and domain.off_at <= now:
                server.end_guest(domain, Why.USER)

    def _something_is_due(self) -> bool:
        domains = [d for server in self.servers.values() for d in server.domains.values()]
        return any(d.vanishes_at is not None or d.off_at is not None for d in domains)
