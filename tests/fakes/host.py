"""`ports.Host`: what one console may do on one fake server, and what libvirt refuses."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from fakes.guest import Domain, Guest, hardware_given, with_adapter, without_adapter
from fakes.line import Line
from fakes.news import Listener
from fakes.processors import baseline
from fakes.sending import MIB
from fakes.server import FakeServer
from fakes.storage import FakeStorage
from fakes.stream import FakeStream
from fakes.transfer import FakeTransfer
from openlpm.decide.copy_plan import of_one_server
from openlpm.decide.implied import adapters
from openlpm.model.assignment import Assignment
from openlpm.model.errors import AlreadyExists, Conflict, HypervisorRefused
from openlpm.model.estimate import Load
from openlpm.model.hardware import Hardware, VirtualDisk
from openlpm.model.migration import Progress
from openlpm.model.partition import Mark, Partition, PartitionSpec, Rmc
from openlpm.model.processor import GuestCpu, NamedCpu, OfferedCpu, PartitionCpu
from openlpm.model.profile import Adapter, Profiles, Sharing
from openlpm.model.resize import Running
from openlpm.model.sight import ABSENT, Place, Sight, Why
from openlpm.model.system import System, SystemFacts
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict
from openlpm.ports import Transfer


class FakeHost(FakeStorage):
    """One connection."""

    def __init__(self, server: FakeServer, line: Line) -> None:
        self._server = server
        self._world = server.world
        self._line = line

    @property
    def alive(self) -> bool:
        return not self._line.broken

    def facts(self) -> SystemFacts:
        with self._line.calling("facts"):
            return self._server.current_facts()

    def partitions(self) -> Sequence[Partition]:
        with self._line.calling("partitions"):
            return [self._server.partition(domain) for domain in self._server.domains.values()]

    def partition(self, uuid: str) -> Partition | None:
        with self._line.calling("partition"):
            domain = self._server.domains.get(uuid)
            return self._server.partition(domain) if domain else None

    def rmc(self, uuid: str) -> Rmc:
        with self._line.calling("rmc"):
            domain = self._server.domain(uuid)
            answers = domain.runs and not domain.waits
            return domain.guest.agent if answers or domain.guest.agent is Rmc.NONE else Rmc.INACTIVE

    def look(self, uuid: str) -> Place:
        with self._line.calling("look"):
            domain = self._server.domains.get(uuid)
            return domain.place if domain else ABSENT

    def describe(self, uuid: str) -> Hardware:
        with self._line.calling("describe"):
            domain = self._server.domain(uuid)
            return replace(domain.guest.hardware, profiled=domain.profiles is not None)

    def create(
        self, spec: PartitionSpec, mark: Mark, profiles: Profiles | None = None
    ) -> Partition:
        with self._line.calling("create"):
            if any(d.guest.name == spec.name for d in self._server.domains.values()):
                raise AlreadyExists("name-taken", f"{spec.name!r} exists already.")
            guest = self._world.new_guest(spec, has_lease=self._server.facts.lockspace is not None)
            domain = Domain(guest, Place(Sight.OFF, Why.USER), mark, profiles=profiles)
            self._server.add(domain)
            return self._server.partition(domain)

    def write_mark(self, uuid: str, mark: Mark) -> None:
        with self._line.calling("write_mark"):
            self._server.domain(uuid).mark = mark

    def remove_mark(self, uuid: str) -> None:
        with self._line.calling("remove_mark"):
            domain = self._server.domain(uuid)
            domain.mark = domain.profiles = None
            domain.damaged = ""

    def delete(self, uuid: str) -> None:
        with self._line.calling("delete"):
            domain = self._server.domain(uuid)
            _require_off(domain)
            self._server.remove(uuid)
            self._world.leases -= {lease.key for lease in domain.guest.hardware.leases}

    def start(self, uuid: str) -> None:
        with self._line.calling("start"):
            domain = self._server.domain(uuid)
            _require(not domain.place.alive, "domain is already running")
            self._run(domain, Why.NONE)

    def profiles(self, uuid: str) -> Profiles | None:
        with self._line.calling("profiles"):
            domain = self._server.domain(uuid)
            if domain.damaged:
                raise Conflict("profiles-damaged", "They cannot be read.", cause=domain.damaged)
            return domain.profiles

    def write_profiles(self, uuid: str, profiles: Profiles) -> None:
        with self._line.calling("write_profiles"):
            domain = self._server.domain(uuid)
            domain.profiles, domain.damaged = profiles, ""

    def activate(self, uuid: str, wanted: Assignment, mark: Mark, profiles: Profiles) -> bool:
        with self._line.calling("activate"):
            domain = self._server.domain(uuid)
            if domain.place.alive:
                raise Conflict("wrong-state", f"{domain.guest.name!r} is active.")
            self._run(domain, Why.NONE)
            guest = domain.guest
            hardware = hardware_given(guest.hardware, wanted)
            entitled = not self._server.division.refusal  # libvirt would not start it with shares
            guest.hardware = replace(hardware, entitled=entitled)
            domain.profiles, guest.given, domain.mark = profiles, wanted, mark
            guest.most_memory_mib = max(wanted.memory_mib, wanted.most_memory_mib)
            guest.most_processors = max(wanted.processors, wanted.most_processors)
            guest.shares, guest.capped = wanted.units, wanted.sharing is Sharing.CAPPED
            return self._server.division == TimeVerdict()

    def running(self, uuid: str) -> Running:
        with self._line.calling("running"):
            domain = self._server.domain(uuid)
            _require(domain.place.alive, "domain is not running")
            guest, has = domain.guest, domain.guest.hardware
            return Running(
                has.memory_mib,
                max(has.memory_mib, guest.most_memory_mib),
                has.processors,
                max(has.processors, guest.most_processors),
                guest.shares,
                guest.capped,
                keeps_processors=has.hypervisor == "qemu",
                spare_mib=None if guest.silent else has.memory_mib - guest.uses_mib,
                adapters=tuple(adapters(has)),
            )

    def set_memory(self, uuid: str, mib: int) -> None:
        with self._line.calling("set_memory"):
            guest = self._active(uuid)
            if mib < guest.uses_mib:
                raise HypervisorRefused("memory-refused", "Its guest did not give up the memory.")
            guest.hardware = replace(guest.hardware, memory_mib=mib)

    def set_processors(self, uuid: str, count: int) -> str:
        with self._line.calling("set_processors"):
            guest = self._active(uuid)
            guest.hardware = replace(guest.hardware, processors=count)
            return "" if guest.agent is Rmc.ACTIVE else "Its agent does not answer."

    def set_entitlement(self, uuid: str, units: float, processors: int, *, capped: bool) -> bool:
        with self._line.calling("set_entitlement"):
            guest = self._active(uuid)
            _require(processors > 0, "no processors")
            if self._server.division != TimeVerdict():
                return False
            guest.shares, guest.capped = units, capped
            return True

    def plug(self, uuid: str, adapter: Adapter, *, stored: bool) -> None:
        with self._line.calling("plug"):
            guest = self._active(uuid)
            plugged = {one.key for one in adapters(guest.hardware)}
            _require(adapter.key not in plugged, "target exists already")
            guest.hardware = with_adapter(guest.hardware, adapter)
            if stored:
                guest.stored.add(adapter.key)

    def unplug(self, uuid: str, key: str, *, stored: bool) -> None:
        with self._line.calling("unplug"):
            guest = self._active(uuid)
            if key in guest.clings_to:
                raise HypervisorRefused("adapter-kept", "The guest did not let go of it.")
            guest.hardware = without_adapter(guest.hardware, key)
            if stored:
                guest.stored.discard(key)

    def _active(self, uuid: str) -> Guest:
        domain = self._server.domain(uuid)
        _require(domain.runs, "domain is not running")
        _require(not self._world.transfers_of(uuid), "another job is under way")
        return domain.guest

    def resume(self, uuid: str) -> None:
        with self._line.calling("resume"):
            domain = self._server.domain(uuid)
            _require(domain.place.state is Sight.PAUSED, "domain is not paused")
            _require(not domain.is_shell, "domain is waiting for an incoming migration")
            _require(not domain.place.fetching, "job is actively monitored by another thread")
            self._run(domain, Why.RESUMED)

    def _run(self, domain: Domain, why: Why) -> None:
        if not self._server.may_run(domain.guest):
            raise HypervisorRefused(
                "lease-held", "Requested operation is not valid: resource busy: it is locked"
            )
        self._server.put(domain, Place(Sight.RUNNING, why))

    def shutdown(self, uuid: str) -> None:
        with self._line.calling("shutdown"):
            domain = self._server.domain(uuid)
            _require(domain.runs, "domain is not running")
            domain.off_at = self._world.clock.monotonic() + self._world.pace.shutdown_s

    def destroy(self, uuid: str) -> None:
        with self._line.calling("destroy"):
            domain = self._server.domains.get(uuid)
            if domain and domain.place.alive:
                self._server.end_guest(domain, Why.USER)

    def pause(self, uuid: str) -> None:
        with self._line.calling("pause"):
            domain = self._server.domain(uuid)
            _require(domain.runs, "domain is not running")
            _require(not domain.place.fetching, "job is actively monitored by another thread")
            self._server.put(domain, Place(Sight.PAUSED, Why.USER))

    def open_console(self, uuid: str) -> FakeStream:
        with self._line.calling("open_console"):
            domain = self._server.domain(uuid)
            _require(domain.place.alive, "domain is not running")
            domain.streams.append(FakeStream())
            return domain.streams[-1]

    def start_transfer(self, transfer: Transfer) -> None:
        with self._line.calling("start_transfer"):
            running = self._world.begin_transfer(self._server, transfer)
            while not running.answered:
                self._world.lock.wait(timeout=1)
                self._line.require()
            if running.refusal:
                code = "transfer-aborted" if running.aborted else "transfer-failed"
                raise HypervisorRefused(code, running.refusal)

    def progress(self, uuid: str) -> Progress | None:
        with self._line.calling("progress"):
            transfer = self._outbound(uuid)
            return transfer.progress() if transfer else None

    def completed(self, uuid: str) -> Progress | None:
        with self._line.calling("completed"):
            domain = self._server.domains.get(uuid)
            return domain.completed if domain else None

    def busy(self, uuid: str) -> bool:
        with self._line.calling("busy"):
            return bool(self._world.transfers_of(uuid))

    def set_pause_limit(self, uuid: str, pause_ms: int) -> None:
        with self._line.calling("set_pause_limit"):
            transfer = self._outbound(uuid)
            _require(self._server.domain(uuid).place.alive, "domain is not running")
            if transfer:
                transfer.sending.pause_ms = pause_ms

    def start_postcopy(self, uuid: str) -> None:
        with self._line.calling("start_postcopy"):
            transfer = self._outbound(uuid)
            _require(transfer is not None, "post-copy needs an outgoing migration")
            if transfer:
                transfer.switch()

    def load(self, uuid: str, seconds: int) -> Load:
        with self._line.calling("load"):
            domain = self._server.domain(uuid)
            measured = domain.guest.dirty_mib_s * MIB if seconds and domain.runs else None
            return Load(domain.guest.hardware.memory_mib * MIB, measured)

    def abort_transfer(self, uuid: str) -> None:
        with self._line.calling("abort_transfer"):
            transfer = self._outbound(uuid)
            if transfer:
                transfer.abort()

    def _outbound(self, uuid: str) -> FakeTransfer | None:
        found = [t for t in self._world.transfers_of(uuid) if t.source is self._server]
        return found[0] if found else None

    def exported(self, uuid: str, mark: Mark) -> str:
        with self._line.calling("exported"):
            domain = self._server.domain(uuid)
            return self._world.keep_definition(replace(domain, mark=mark))

    def define(self, definition: str) -> None:
        with self._line.calling("define"):
            kept = self._world.definitions[definition]
            present = self._server.domains.get(kept.guest.uuid)
            if present:
                present.mark, present.profiles = kept.mark, kept.profiles
                return
            names = {d.guest.name for d in self._server.domains.values()}
            _require(kept.guest.name not in names, f"domain {kept.guest.name!r} already exists")
            off = Place(Sight.OFF)
            self._server.add(Domain(kept.guest, off, kept.mark, profiles=kept.profiles))

    def undefine(self, uuid: str) -> None:
        with self._line.calling("undefine"):
            domain = self._server.domains.get(uuid)
            if domain:
                _require_off(domain)
                self._server.remove(uuid)

    def compare_cpu(self, cpu: GuestCpu) -> CpuVerdict:
        with self._line.calling("compare_cpu"):
            return self._server.compare(cpu)

    def offered_cpus(self) -> Sequence[OfferedCpu]:
        with self._line.calling("offered_cpus"):
            return self._server.offers()

    def baseline_cpu(self, hypervisor: str, cpus: Sequence[NamedCpu]) -> NamedCpu:
        with self._line.calling("baseline_cpu"):
            _require(hypervisor in self._server.accelerators, f"no {hypervisor} here")
            return baseline([*cpus, self._server.cpu], self._server.unknown_models)

    def partition_cpus(self) -> Sequence[PartitionCpu]:
        with self._line.calling("partition_cpus"):
            return [self._server.partition_cpu(each) for each in self._server.domains.values()]

    def call_peer(self, uuid: str, target: System, copied: Sequence[str] = ()) -> PeerVerdict:
        with self._line.calling("call_peer"):
            disks = self._server.domain(uuid).guest.hardware.disks
            if {d.target for d in disks if of_one_server(d)} - set(copied):
                return PeerVerdict(objection="Migration without shared storage is unsafe")
            trouble = self._world.peer_trouble(self._server, target.name)
            return PeerVerdict(daemon=trouble, objection=self._server.objection)

    def try_encryption(self, target: System) -> PeerVerdict:
        with self._line.calling("try_encryption"):
            self._server.encryption_tries += 1
            return self._server.encryption

    def try_postcopy(self) -> str:
        with self._line.calling("try_postcopy"):
            self._server.postcopy_tries += 1
            return self._server.no_postcopy

    def try_division(self) -> TimeVerdict:
        with self._line.calling("try_division"):
            self._server.division_tries += 1
            return self._server.division

    def lease_is_free(self, uuid: str) -> bool:
        with self._line.calling("lease_is_free"):
            if self._server.facts.lockspace is None or uuid not in self._world.leases:
                raise HypervisorRefused("lease-unseen", "It shares no lockspace.")
            return not self._world.running(uuid)

    def open_disks(self, disks: Sequence[VirtualDisk]) -> dict[str, str]:
        with self._line.calling("open_disks"):
            failing = self._server.failing_disks
            return {d.target: failing[d.target] for d in disks if d.target in failing}

    def watch(self, changed: Callable[[str], None]) -> Callable[[], None]:
        with self._line.calling("watch"):
            return self._world.news.listen(Listener(self._server.name, changed, self._line.hears))

    def close(self) -> None:
        self._line.broken = True


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        message = f"Requested operation is not valid: {otherwise}"
        raise HypervisorRefused("hypervisor-refused", message)


def _require_off(domain: Domain) -> None:
    if domain.place.alive:
        raise HypervisorRefused("partition-not-off", f"{domain.guest.name!r} is not off.")
