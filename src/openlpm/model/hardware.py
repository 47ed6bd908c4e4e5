"""What a partition holds: its processors, memory, virtual I/O and whatever ties it to a host.

The libvirt adapter reads this from a domain's XML; validation judges it without ever seeing XML.
"""

from dataclasses import dataclass
from enum import StrEnum

from openlpm.model.processor import GuestCpu


class DiskKind(StrEnum):
    """Where a disk's bytes lie."""

    NETWORK = "network"
    FILE = "file"
    BLOCK = "block"
    VOLUME = "volume"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class VirtualDisk:
    """A virtual SCSI (or block) adapter and its backing.

    `source` names the backing the same way on each server: a URL for network disks, a path
    for files and block devices, pool/volume for volumes. `device`: disk, cdrom, floppy or lun.
    `on_shared_storage`: the file lies in a pool that servers share (NFS, a cluster file system).
    `format`: raw, qcow2, …, as the partition takes it; "" for libvirt's default, raw.
    """

    target: str
    bus: str
    kind: DiskKind
    source: str
    device: str = "disk"
    cache: str = ""
    read_only: bool = False
    shareable: bool = False
    protocol: str = ""
    on_shared_storage: bool = False
    format: str = ""


@dataclass(frozen=True, slots=True)
class VirtualEthernet:
    """A virtual Ethernet adapter. `kind`: network, bridge, direct, user, …"""

    mac: str
    kind: str
    switch: str
    port_group: str = ""
    vlans: tuple[int, ...] = ()
    mtu: int = 0


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A physical I/O adapter passed through (PCI, USB, SCSI, mediated): it pins the partition."""

    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class HostLocal:
    """Something else that exists on one host only: a kernel file, a socket, a shared folder."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run: one key of a shared lockspace."""

    lockspace: str
    key: str


EMULATION_MENDED_IN = 10_000_000
"""The first QEMU (libvirt's packed number) seen to move emulated partitions unharmed: 7.2 was seen
to lose writes to their memory (adapters/libvirt/lost_writes.py)."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """All of one partition. `cpu_xml` is opaque outside the adapter, empty for QEMU's default.

    `entitled`: its definition asks for shares or a quota of processor time. `profiled`: it keeps
    profiles, so its next activation asks for them.
    `not_run_here`: it arrived paused and has not run since, so QEMU has not taken over its disks.
    """

    arch: str
    machine: str
    hypervisor: str
    processors: int
    memory_mib: int
    cpu_xml: str = ""
    cpu_mode: str = ""
    disks: tuple[VirtualDisk, ...] = ()
    ethernets: tuple[VirtualEthernet, ...] = ()
    host_devices: tuple[HostDevice, ...] = ()
    host_local: tuple[HostLocal, ...] = ()
    leases: tuple[Lease, ...] = ()
    huge_page_kib: int = 0
    guarded_memory: bool = False
    entitled: bool = False
    profiled: bool = False
    snapshots: int = 0
    checkpoints: int = 0
    block_jobs: tuple[str, ...] = ()
    managed_save: bool = False
    not_run_here: bool = False

    @property
    def cpu(self) -> GuestCpu:
        """Its processor, with what decides who can give it."""
        return GuestCpu(self.arch, self.machine, self.hypervisor, self.cpu_xml, self.cpu_mode)
