"""Is a disk in a storage pool the same bytes on another system? By the pools of both.

A name or a path proves nothing: two systems may have different pools of one name, and different
file systems at one path.
"""

from collections.abc import Sequence

from openlpm.decide.places import identity, innermost, name_in, of_backing
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.storage import Backing, Pool

# A logical volume in common proves a volume group, and with it all names in it. A LUN in common
# proves nothing of the others behind that adapter: each server numbers them in its own way.
_LV = "lv:"
IN_POOLS = (DiskKind.FILE, DiskKind.VOLUME)


def is_shared(disk: VirtualDisk, pools: Sequence[Pool]) -> bool:
    """It lies in a pool that other systems can reach."""
    return disk.kind in IN_POOLS and bool(_proofs(disk, pools))


def is_same(disk: VirtualDisk, here: Sequence[Pool], there: Sequence[Pool]) -> bool:
    """Its name means the same bytes on both systems."""
    return bool(_proofs(disk, here) & _proofs(disk, there))


def _proofs(disk: VirtualDisk, pools: Sequence[Pool]) -> frozenset[str]:
    """Places that only it has: its own, or those of its pool with its name there.

    A pool that is not in service proves nothing: another file may lie where it would be mounted.
    """
    active = [pool for pool in pools if pool.active]
    around = innermost(disk.source, active) if disk.kind is DiskKind.FILE else active
    known = [(pool, identity(pool, active)) for pool in around]
    places = of_backing("", Backing(disk.target, disk.kind, disk.source, "runs"), known)
    found = {place for place in places if not place.startswith(" ")}
    for pool, told in known:
        if name := name_in("", places, pool, told):
            found |= {f"{place} {name}" for place in told.places if place.startswith(_LV)}
    return frozenset(found)
