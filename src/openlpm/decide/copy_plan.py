"""Before a move without shared storage: which disks are copied, and where to.

plan(disks, ends)    each disk's way (`DiskCopy`), or a finding that says what stands in it
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openlpm.decide.places import identity, innermost
from openlpm.decide.same_disk import IN_POOLS
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.storage import FORMATS, LEASES, LOCAL_POOLS, Pool, Volume

_MIB = 1024 * 1024
_SHARE = "Or put it on network storage, or in a storage pool that both servers share."


@dataclass(frozen=True, slots=True)
class Copying:
    """What is to be copied, and what stands in the way of it."""

    copies: tuple[DiskCopy, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends' names and pools. `volumes`: of the source's pools that hold such disks.

    `wanted`: the pool at the target that the operator named, or "". `promised`: bytes that other
    moves under way are going to fill there, by pool.
    """

    source: str
    target: str
    here: Sequence[Pool]
    there: Sequence[Pool]
    volumes: Mapping[str, Sequence[Volume]]
    wanted: str = ""
    promised: Mapping[str, int] = field(default_factory=dict[str, int])


class _Obstacle(Exception):
    """`finding` says what stands in the way of one disk."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def of_one_server(disk: VirtualDisk) -> bool:
    """A file or volume that only its own server can reach."""
    in_file = disk.kind in IN_POOLS and disk.device in ("disk", "lun")
    return in_file and not disk.on_shared_storage


def pool_of(disk: VirtualDisk, pools: Sequence[Pool]) -> tuple[str, str]:
    """The pool and the volume's name in it; "" where it is in none that is in service."""
    active = [pool for pool in pools if pool.active]
    if disk.kind is DiskKind.VOLUME:
        name, _, volume = disk.source.partition("/")
        return (name, volume) if any(pool.name == name for pool in active) else ("", "")
    around = innermost(disk.source, active)
    if not around:
        return "", ""
    pool = min(around, key=lambda each: each.name)
    return pool.name, disk.source.removeprefix(pool.path.rstrip("/")).lstrip("/")


def plan(disks: Sequence[VirtualDisk], ends: Ends) -> Copying:
    """Each disk's way. A disk that cannot be copied has a finding, and blocks the move."""
    copies: list[DiskCopy] = []
    findings: list[Finding] = []
    wanted = dict(ends.promised)
    for disk in disks:
        try:
            volume, pool = _source(disk, ends)
            there = _target(disk, pool, ends)
            _require_room(disk, there, wanted.get(there.name, 0) + volume.capacity_bytes, ends)
        except _Obstacle as obstacle:
            findings.append(obstacle.finding)
            continue
        wanted[there.name] = wanted.get(there.name, 0) + volume.capacity_bytes
        copies.append(
            DiskCopy(
                disk=disk.target,
                pool=pool,
                volume=volume.name,
                to_pool=there.name,
                to_folder=there.path,
                format=volume.format,
                capacity_bytes=volume.capacity_bytes,
                allocation_bytes=volume.allocation_bytes,
            )
        )
    return Copying(tuple(copies), tuple(findings))


def host_local(disk: VirtualDisk, system: str, why: str, remedy: str) -> Finding:
    """A disk of one server that cannot be copied, either."""
    return Finding(
        "disk-host-local",
        Severity.ERROR,
        system,
        f"disk {disk.target}: {disk.source}",
        f"Disk {disk.target} is a file on {system} itself{why}",
        f"{remedy} {_SHARE}".strip(),
    )


def _source(disk: VirtualDisk, ends: Ends) -> tuple[Volume, str]:
    def obstacle(why: str, remedy: str) -> _Obstacle:
        return _Obstacle(host_local(disk, ends.source, f", and not copied: {why}", remedy))

    if disk.read_only or disk.shareable or disk.device != "disk":
        raise obstacle(
            "it is read-only, shared with others or a LUN.",
            "Take it from the partition for the move.",
        )
    pool, name = pool_of(disk, ends.here)
    volume = next((v for v in ends.volumes.get(pool, ()) if v.name == name), None)
    if volume is None:
        raise obstacle(
            "it is a volume of no storage pool there.",
            f"Define a pool of its folder on {ends.source}, or refresh that (virsh pool-refresh).",
        )
    if volume.backing:
        raise obstacle(
            f"it lies over another image, {volume.backing}.",
            "Make it whole first: virsh blockpull.",
        )
    if volume.format not in FORMATS or volume.format != (disk.format or "raw"):
        raise obstacle(
            f"its file is {volume.format or 'of an unknown format'}, the partition takes it for "
            f"{disk.format or 'raw'}.",
            f"Give it one of the formats {', '.join(FORMATS)}.",
        )
    return volume, pool


def _target(disk: VirtualDisk, pool: str, ends: Ends) -> Pool:
    """The pool named; else the one of the source's name; else the only one there is."""
    fit = {each.name: each for each in ends.there if _may_take(each, ends.there)}
    chosen = ends.wanted or (pool if pool in fit else "")
    if not chosen and len(fit) == 1:
        chosen = next(iter(fit))
    if chosen in fit:
        return fit[chosen]
    names = ", ".join(sorted(fit)) or "none"
    which = f"{chosen[:80]!r} is none of them." if chosen else "None of them is named like its own."
    raise _Obstacle(
        Finding(
            "pool-needed",
            Severity.ERROR,
            ends.target,
            f"pools of files of {ends.target}'s own, in service",
            f"Where to copy disk {disk.target} is not clear: the pools are {names}. {which}",
            f"Name one: --pool POOL; or make one there (virsh pool-define-as). {_SHARE}",
        )
    )


def _may_take(pool: Pool, beside: Sequence[Pool]) -> bool:
    own = pool.kind in LOCAL_POOLS and not identity(pool, beside).shared
    return own and pool.active and pool.name != LEASES and pool.path.startswith("/")


def _require_room(disk: VirtualDisk, pool: Pool, needed: int, ends: Ends) -> None:
    if needed <= pool.available_bytes:
        return
    raise _Obstacle(
        Finding(
            "pool-full",
            Severity.ERROR,
            ends.target,
            f"room in pool {pool.name}, less what other moves are about to fill",
            f"Pool {pool.name} on {ends.target} has not enough room for disk {disk.target}: "
            f"{needed // _MIB} MiB are needed, {pool.available_bytes // _MIB} MiB are free.",
            "Make room there, or name another pool: --pool POOL.",
        )
    )
