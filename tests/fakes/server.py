"""One fake server: its domains, what it says of itself, and what may go wrong with it."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.guest import Domain, Guest
from fakes.processors import MODELS, features_in, features_of, named
from fakes.storage import Store, local_pool
from openlpm.model.errors import Gone, HypervisorRefused
from openlpm.model.partition import Partition, Rmc
from openlpm.model.processor import GuestCpu, OfferedCpu, PartitionCpu
from openlpm.model.sight import Place, Sight, Why
from openlpm.model.storage import Volume
from openlpm.model.system import Lockspace, System, SystemFacts, VirtualSwitch
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict

if TYPE_CHECKING:
    from fakes.world import World

LOCKSPACE = Lockspace("openlpm", "/var/lib/openlpm/lockspace")


class FakeServer:
    """A server. Tests set its public fields; `world.lock` guards them where threads run."""

    def __init__(self, world: "World", name: str, number: int) -> None:
        self.world = world
        self.name = name
        self.system = System(name, f"qemu+ssh://{name}/system", f"qemu+tls://{name}/system")
        self.facts = _facts(name, number)
        self.domains: dict[str, Domain] = {}
        self.reachable = True  # from the console; guests and transfers go on without
        self.frozen = False  # hangs, guests and all, until it is thawed
        self.network_cut = False  # from the other servers: transfers stall
        self.refuses_guests = ""  # why it takes no arriving guest
        self.objection = ""  # why it would not let a guest go
        self.division = TimeVerdict()  # what becomes of shares and quota here
        self.division_tries = 0
        self.cpu = named("Haswell", "aes")  # the most that it gives to a guest
        self.cpu_missing = ""  # what its processor lacks of whatever is asked for
        self.accelerators = ("qemu",)  # how it can run guests
        self.unknown_models: set[str] = set()  # which its libvirt has never heard of
        self.encryption = PeerVerdict()  # what a trial of an encrypted move finds
        self.encryption_tries = 0
        self.no_postcopy = ""  # why its QEMU cannot fetch memory
        self.postcopy_tries = 0
        self.failing_disks: dict[str, str] = {}  # disk target -> why it cannot be opened
        self.stores: dict[str, Store] = {"local": local_pool()}  # its storage pools
        self.told_guests: list[tuple[str, str, int]] = []  # whose disk has grown, and to what
        self._refusals: dict[str, str] = {}
        self._refusals_left: Counter[str] = Counter()

    def refuse(self, method: str, message: str, times: int = 1) -> None:
        """Let the next calls of a `Host` method be refused."""
        self._refusals[method] = message
        self._refusals_left[method] = times

    def maybe_refuse(self, method: str) -> None:
        if self._refusals_left[method] > 0:
            self._refusals_left[method] -= 1
            raise HypervisorRefused("hypervisor-refused", self._refusals[method])

    def current_facts(self) -> SystemFacts:
        space = self.facts.lockspace
        if space is None:
            return self.facts
        return replace(self.facts, lockspace=replace(space, keys=frozenset(self.world.leases)))

    def offers(self) -> list[OfferedCpu]:
        can = features_of(self.cpu)
        models = frozenset(model for model, has in MODELS.items() if has <= can)
        return [OfferedCpu(each, self.cpu, models) for each in self.accelerators]

    def compare(self, cpu: GuestCpu) -> CpuVerdict:
        lacking = features_in(cpu.xml) - features_of(self.cpu) if cpu.mode == "custom" else set()
        missing = self.cpu_missing or " ".join(sorted(lacking))
        if cpu.model in self.unknown_models:
            missing = f"Unknown CPU model {cpu.model}."
        return CpuVerdict(compatible=not missing, missing=missing)

    def add(self, domain: Domain) -> None:
        self.domains[domain.guest.uuid] = domain
        self.world.note_change(self.name, domain.guest.uuid)

    def put(self, domain: Domain, place: Place) -> None:
        """The domain's new state. A transient one that is off is gone."""
        domain.place = place
        domain.off_at = None
        domain.guest.unfenced = False
        if not place.alive:
            for stream in domain.streams:
                stream.close()
            domain.streams.clear()
            if not domain.persistent:
                self.domains.pop(domain.guest.uuid, None)
        self.world.note_change(self.name, domain.guest.uuid)

    def remove(self, uuid: str) -> None:
        if self.domains.pop(uuid, None) is not None:
            self.world.note_change(self.name, uuid)

    def file(self, pool: str, volume: str) -> Volume | None:
        """A volume of one of its pools."""
        return self.stores[pool].volumes.get(volume) if pool in self.stores else None

    def domain(self, uuid: str) -> Domain:
        """A domain of this server. Raises `Gone`."""
        domain = self.domains.get(uuid)
        if domain is None:
            raise Gone("partition-gone", f"{self.name} has no such partition.")
        return domain

    def may_run(self, guest: Guest) -> bool:
        """What lockd says: a leased guest runs at one place only."""
        elsewhere = [name for name in self.world.running(guest.uuid) if name != self.name]
        return not (guest.leased and elsewhere) or guest.unfenced

    def end_guest(self, domain: Domain, why: Why) -> None:
        """The guest's QEMU ends here, whatever it was doing."""
        for transfer in self.world.transfers_of(domain.guest.uuid):
            if transfer.source is self:
                transfer.lost_source(why)
                return
            transfer.lost_target()
        if domain.place.alive:
            self.put(domain, Place(Sight.OFF, why))

    def crash(self) -> None:
        """The power fails: guests die, definitions stay."""
        self.reachable = False
        for domain in list(self.domains.values()):
            if domain.place.alive:
                self.end_guest(domain, Why.NONE)

    def restart_daemon(self) -> None:
        """Guests live on; transfers that this daemon drives do not."""
        for transfer in self.world.transfers:
            if transfer.source is self:
                transfer.lost_daemon()

    def partition(self, domain: Domain) -> Partition:
        guest = domain.guest
        return Partition(
            uuid=guest.uuid,
            name=guest.name,
            system=self.name,
            state=domain.place.state,
            why=domain.place.why,
            processors=guest.hardware.processors,
            memory_mib=guest.hardware.memory_mib,
            mark=domain.mark,
            rmc=guest.agent if domain.runs else Rmc.INACTIVE,
            seen_at=self.world.clock.now(),
            writes=tuple(disk.source for disk in guest.hardware.disks),
            macs=tuple(each.mac.lower() for each in guest.hardware.ethernets),
        )

    def partition_cpu(self, domain: Domain) -> PartitionCpu:
        guest, state = domain.guest, domain.place.state
        told = PartitionCpu(guest.uuid, guest.name, self.name, state, trouble=guest.unreadable)
        if guest.unreadable:
            return told
        present = guest.cpu if domain.place.alive else None
        stored = (guest.stored_cpu or guest.cpu) if domain.persistent else None
        return replace(told, present=present, stored=stored)


def _facts(name: str, number: int) -> SystemFacts:
    return SystemFacts(
        host_uuid=f"00000000-0000-4000-8000-{number:012d}",
        hostname=name,
        hypervisor="QEMU",
        hypervisor_version=7_002_000,
        libvirt_version=9_000_000,
        arch="x86_64",
        processors=16,
        memory_mib=65_536,
        archs=frozenset({"x86_64"}),
        hypervisors=frozenset({"kvm", "qemu"}),
        machines=frozenset({"q35", "pc-q35-7.2"}),
        cpu_xml="<cpu><model>qemu64</model></cpu>",
        cpu_model="qemu64",
        switches=(VirtualSwitch("guests", "bridge", mtu=1500),),
        lockspace=LOCKSPACE,
    )
