"""A guest, and a domain: that guest as one server knows it."""

from dataclasses import dataclass, field, replace

from fakes.processors import guest_cpu
from fakes.stream import FakeStream
from openlpm.model.assignment import Assignment
from openlpm.model.hardware import DiskKind, Hardware, Lease, VirtualDisk, VirtualEthernet
from openlpm.model.migration import Progress
from openlpm.model.partition import Mark, PartitionSpec, Rmc
from openlpm.model.processor import GuestCpu
from openlpm.model.profile import Adapter, DiskAdapter, EthernetAdapter, Profiles
from openlpm.model.sight import Place, Sight, Why


@dataclass(eq=False)
class Guest:
    """What is the same wherever it runs. Tests may change its fields at any time.

    `unfenced`: it runs without its lease, so that nothing would refuse a second start.
    `given`: when last activated.
    `stored_cpu`: the processor that it gets next, if not the same; `unreadable`: why none is told.
    `most_…`: as far as it can be resized; `shares`, `capped`: what it was given of processor time.
    `clings_to`: adapters that it does not let go of; `uses_mib`: memory that it does not give up,
    and, `silent`, does not tell of. `stored`: adapters that came to its stored definition, too.
    """

    uuid: str
    name: str
    dirty_mib_s: float
    hardware: Hardware
    agent: Rmc = Rmc.ACTIVE
    unfenced: bool = False
    given: Assignment | None = None
    cpu: GuestCpu = field(default_factory=lambda: guest_cpu("Nehalem"))
    stored_cpu: GuestCpu | None = None
    unreadable: str = ""
    most_memory_mib: int = 0
    most_processors: int = 0
    shares: float | None = None
    capped: bool = False
    clings_to: set[str] = field(default_factory=set[str])
    stored: set[str] = field(default_factory=set[str])
    uses_mib: int = 0
    silent: bool = False
    writes_mib_s: float = 0.0  # to its disks

    @property
    def leased(self) -> bool:
        """A lease keeps it from running twice."""
        return bool(self.hardware.leases)


@dataclass(eq=False)
class Domain:
    """A guest on one server. `vanishes_at`: libvirt still lists what it is taking down.

    `profiles`: in the metadata of its definition here; `damaged`: why they cannot be read.
    """

    guest: Guest
    place: Place
    mark: Mark | None
    persistent: bool = True
    profiles: Profiles | None = None
    damaged: str = ""
    completed: Progress | None = None
    vanishes_at: float | None = None
    off_at: float | None = None
    streams: list[FakeStream] = field(default_factory=list[FakeStream])

    @property
    def runs(self) -> bool:
        return self.place.state is Sight.RUNNING

    @property
    def waits(self) -> bool:
        """It runs, but for the pages that it lacks since its post-copy broke."""
        return self.place == Place(Sight.RUNNING, Why.POSTCOPY_FAILED)

    @property
    def is_shell(self) -> bool:
        """It is arriving, and has not run here yet."""
        return not self.persistent and self.place == Place(Sight.PAUSED, Why.MIGRATION)


def hardware_of(spec: PartitionSpec, leases: tuple[Lease, ...]) -> Hardware:
    """A partition as `create` would make it."""
    disk = VirtualDisk(
        "sda", "scsi", DiskKind.NETWORK, f"nbd://storage:10809/{spec.name}", cache="none"
    )
    return Hardware(
        arch="x86_64",
        machine="pc-q35-7.2",
        hypervisor="qemu",
        processors=spec.processors,
        memory_mib=spec.memory_mib,
        disks=(disk,),
        ethernets=(VirtualEthernet("52:54:00:00:00:01", "bridge", "guests", mtu=1500),),
        leases=leases,
        guarded_memory=True,
    )


def with_adapter(before: Hardware, adapter: Adapter) -> Hardware:
    """One adapter more."""
    if isinstance(adapter, DiskAdapter):
        taken = {disk.target for disk in before.disks}
        target = next(f"sd{letter}" for letter in "abcdefgh" if f"sd{letter}" not in taken)
        disk = VirtualDisk(target, adapter.bus, DiskKind.NETWORK, adapter.key)
        return replace(before, disks=(*before.disks, disk))
    ethernet = VirtualEthernet(adapter.mac, "bridge", adapter.switch, mtu=1500)
    return replace(before, ethernets=(*before.ethernets, ethernet))


def without_adapter(before: Hardware, key: str) -> Hardware:
    """One adapter less."""
    return replace(
        before,
        disks=tuple(disk for disk in before.disks if disk.source != key),
        ethernets=tuple(each for each in before.ethernets if each.mac.lower() != key),
    )


def hardware_given(before: Hardware, wanted: Assignment) -> Hardware:
    """A partition as activation would change it."""
    disks = [d for d in before.disks if d.source not in wanted.without]
    ethernets = [e for e in before.ethernets if e.mac not in wanted.without]
    for adapter in wanted.adapters:
        if isinstance(adapter, DiskAdapter) and adapter.url not in {d.source for d in disks}:
            target = f"sd{'abcdef'[len(disks)]}"
            disks.append(VirtualDisk(target, adapter.bus, DiskKind.NETWORK, adapter.url))
        if isinstance(adapter, EthernetAdapter) and adapter.mac not in {e.mac for e in ethernets}:
            ethernets.append(VirtualEthernet(adapter.mac, "bridge", adapter.switch, mtu=1500))
    return replace(
        before,
        processors=wanted.processors,
        memory_mib=wanted.memory_mib,
        disks=tuple(disks),
        ethernets=tuple(ethernets),
        entitled=True,
    )
