"""Storage pools and volumes of a managed system, and what refers to them.

A pool is what libvirt calls one: a folder, a volume group, a target's LUNs, a Ceph pool. Where its
bytes lie is told by its `PoolSource`, as it was defined there; whether pools of several systems are
the same storage is decided in `decide/places.py`.
"""

from dataclasses import dataclass, field

from openlpm.model.hardware import DiskKind, VirtualDisk, VirtualEthernet
from openlpm.model.sight import Sight

FILE_POOLS = frozenset(("dir", "fs", "netfs", "gluster", "vstorage"))
"""Whose volumes are files: they have a format of their own."""
LOCAL_POOLS = frozenset(("dir", "fs"))
"""That may be a server's own; any other kind is taken for shared where that matters."""
CHANGED_POOLS = LOCAL_POOLS | {"netfs", "rbd"}
"""Whose volumes are made, enlarged and removed here. LUNs are the storage's to make, partitions of
a disk and logical volumes whoever's who keeps that table: libvirt names neither in a way that tells
who on another server has them, and makes logical volumes as snapshots that fill up."""
FORMATS = ("raw", "qcow2")
"""Of a volume that is made here: those whose blocks QEMU may write from two servers in turn."""
LEASES = "openlpm-leases"
"""The pool whose volumes are the partitions' leases: see docs/locking.md."""


@dataclass(frozen=True, slots=True)
class PoolSource:
    """What a pool is made of. `hosts`: name or address, with ":port" where one is given."""

    hosts: tuple[str, ...] = ()
    name: str = ""
    folder: str = ""
    devices: tuple[str, ...] = ()
    format: str = ""
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """A storage pool as one system has it. Sizes are libvirt's of its last refresh, in bytes.

    `kind`: libvirt's type (dir, netfs, rbd, …). `path`: where its volumes appear there, "" for
    none. `keys`: libvirt's keys of its volumes where these tell what it is (volume groups, LUNs).
    `trouble`: why it cannot be read.
    """

    name: str
    kind: str
    uuid: str = ""
    active: bool = True
    path: str = ""
    source: PoolSource = field(default_factory=PoolSource)
    capacity_bytes: int = 0
    allocation_bytes: int = 0
    available_bytes: int = 0
    keys: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume of a pool. `kind`: file, block, dir, network, …; `backing`: what it lies over."""

    name: str
    path: str = ""
    key: str = ""
    kind: str = ""
    format: str = ""
    capacity_bytes: int = 0
    allocation_bytes: int = 0
    backing: str = ""


@dataclass(frozen=True, slots=True)
class Backing:
    """Something that a disk of a partition refers to.

    `source` is spelled as in `VirtualDisk`. `how`: "runs" for what it runs with, "defined" for what
    it is stored to get, "profile" for what one of its profiles names; `behind`: it lies below the
    disk, as the image that another image was made over.
    """

    disk: str
    kind: DiskKind
    source: str
    how: str
    behind: bool = False


@dataclass(frozen=True, slots=True)
class PartitionIo:
    """The virtual adapters of one partition, as it runs or, when it is off, as it would.

    `backings`: all that it refers to, in whatever way. `trouble`: why that is not known whole.
    """

    uuid: str
    partition: str
    system: str
    state: Sight
    disks: tuple[VirtualDisk, ...] = ()
    ethernets: tuple[VirtualEthernet, ...] = ()
    backings: tuple[Backing, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SystemStorage:
    """What one system says of its pools, and of its partitions' adapters."""

    system: str
    pools: tuple[Pool, ...] = ()
    partitions: tuple[PartitionIo, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolPlace:
    """A pool of a system, by names."""

    system: str
    pool: str


@dataclass(frozen=True, slots=True)
class KnownPool:
    """A pool with what is known of it. `shared`: other systems can reach it, as `reason` says;
    `same_as`: those of the other systems that are the same storage."""

    system: str
    pool: Pool
    shared: bool
    reason: str
    same_as: tuple[PoolPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """A partition that uses a volume.

    `how` and `behind`: see `Backing`. `certain` False: it may be another volume, one of the same
    name in a storage that only its host's spelling tells from this one, or a file of that path.
    """

    partition: str
    uuid: str
    system: str
    state: Sight
    disk: str
    how: str
    behind: bool = False
    certain: bool = True
