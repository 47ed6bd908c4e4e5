"""A guest, and a domain: that guest as one server knows it."""

from dataclasses import dataclass, field

from fakes.processors import guest_cpu
from fakes.stream import FakeStream
from openlpm.model.hardware import DiskKind, Hardware, Lease, VirtualDisk, VirtualEthernet
from openlpm.model.migration import Progress
from openlpm.model.partition import Mark, PartitionSpec, Rmc
from openlpm.model.processor import GuestCpu
from openlpm.model.sight import Place, Sight, Why


@dataclass(eq=False)
class Guest:
    """What is the same wherever it runs. Tests may change its fields at any time.

    `unfenced`: it runs without its lease, so that nothing would refuse a second start.
    `stored_cpu`: the processor that it gets next, if not the same; `unreadable`: why none is told.
    """

    uuid: str
    name: str
    dirty_mib_s: float
    hardware: Hardware
    agent: Rmc = Rmc.ACTIVE
    unfenced: bool = False
    cpu: GuestCpu = field(default_factory=lambda: guest_cpu("Nehalem"))
    stored_cpu: GuestCpu | None = None
    unreadable: str = ""

    @property
    def leased(self) -> bool:
        """A lease keeps it from running twice."""
        return bool(self.hardware.leases)


@dataclass(eq=False)
class Domain:
    """A guest on one server. `vanishes_at`: libvirt still lists what it is taking down."""

    guest: Guest
    place: Place
    mark: Mark | None
    persistent: bool = True
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
    disk = VirtualDisk("sda", "scsi", DiskKind.NETWORK, f"nbd://storage/{spec.name}", cache="none")
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
