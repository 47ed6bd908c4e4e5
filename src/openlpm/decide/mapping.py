"""Each virtual disk of a partition with the pool and the volume that it lies in."""

from openlpm.decide.places import name_in, of_backing
from openlpm.decide.uses import Known
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.storage import Backing, PartitionIo
from openlpm.model.vios import DiskMapping, Mapping


def mapped(known: Known, io: PartitionIo) -> Mapping:
    """What is behind each adapter of one partition; media that are not inserted are left out."""
    disks = [d for d in io.disks if d.kind is not DiskKind.EMPTY]
    return Mapping(
        io.partition,
        io.uuid,
        io.state,
        tuple(_disk(known, io.system, disk) for disk in disks),
        io.ethernets,
        io.trouble,
    )


def _disk(known: Known, system: str, disk: VirtualDisk) -> DiskMapping:
    pools = known.pools_with_identity(system)
    places = of_backing(system, Backing(disk.target, disk.kind, disk.source, "runs"), pools)
    named = ((each.name, name_in(system, places, each, told)) for each, told in pools)
    pool, volume = next((both for both in named if both[1]), ("", ""))
    shared = disk.kind is DiskKind.NETWORK or not all(p.startswith(f"{system} ") for p in places)
    return DiskMapping(
        *(disk.target, disk.bus, disk.device, disk.kind.value, disk.source, pool, volume),
        shared=shared,
    )
