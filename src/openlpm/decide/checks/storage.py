"""Does every disk mean the same bytes on both servers, and does the lease follow?"""

from collections.abc import Iterator

from openlpm.decide.copy_plan import host_local, of_one_server
from openlpm.decide.examination import Examination
from openlpm.decide.same_disk import IN_POOLS, is_same
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import DiskKind, VirtualDisk

SAFE_CACHES = ("none", "directsync")
_ACTIVATE = "Activate it: disks of an active partition are copied as it moves."


def data_disks(e: Examination) -> tuple[VirtualDisk, ...]:
    """The disks that must be shared: all but removable media, which `ties` looks at."""
    if e.hardware is None:
        return ()
    return tuple(d for d in e.hardware.disks if d.device in ("disk", "lun"))


def disks_are_shared(e: Examination) -> Iterator[Finding]:
    """A file or device of one host is another thing, or nothing, on the other, unless copied."""
    yield from e.copying.findings if e.copying else ()
    for disk in data_disks(e):
        if disk.kind is DiskKind.OTHER:
            yield Finding(
                "disk-not-shareable",
                Severity.ERROR,
                e.source.name,
                f"disk {disk.target}: {disk.source}",
                f"Disk {disk.target} is of a kind that cannot be shared between servers.",
                "Put it on network storage that both servers reach.",
            )
        elif of_one_server(disk) and e.copying is None:
            yield host_local(disk, e.source.name, ".", "" if e.is_live else _ACTIVATE)


def pools_are_the_same(e: Examination) -> Iterator[Finding]:
    """The same pool name or path may be other storage at the target, and hold a disk like it."""
    for disk in data_disks(e):
        if e.pools is None or disk.kind not in IN_POOLS or not disk.on_shared_storage:
            continue
        if not is_same(disk, *e.pools):
            yield Finding(
                "pool-differs",
                Severity.ERROR,
                e.target.name,
                f"disk {disk.target}: {disk.source}, by the storage pools of both servers",
                f"Nothing shows that {disk.source} is the same storage on {e.target.name}.",
                f"Define a pool of the same storage, name and path on {e.target.name}; "
                "lpm storage pools shows which are the same.",
            )


def caches_are_safe(e: Examination) -> Iterator[Finding]:
    """A host's page cache would hold writes that the other host does not see."""
    for disk in data_disks(e):
        if disk.read_only or disk.kind is DiskKind.EMPTY or disk.cache in SAFE_CACHES:
            continue
        if e.copying and of_one_server(disk):
            continue  # its copy is ended, and whole, before the target opens it
        yield Finding(
            "disk-cache-unsafe",
            Severity.ERROR if e.is_live else Severity.WARNING,
            e.source.name,
            f"cache mode of disk {disk.target}",
            f"Disk {disk.target} has cache mode {disk.cache or 'default'!r}.",
            "Set cache='none' or 'directsync' on it; it takes effect at the next activation.",
        )


def disks_open_at_target(e: Examination) -> Iterator[Finding]:
    """Tried from the target itself, read-only."""
    for disk, why in e.failing_disks.items():
        yield Finding(
            "disk-unreachable",
            Severity.ERROR,
            e.target.name,
            f"disk {disk}, opened read-only from {e.target.name}",
            f"{e.target.name} cannot open disk {disk}: {why}",
            f"Give {e.target.name} access to the storage, or choose another server.",
        )


def lease_follows(e: Examination) -> Iterator[Finding]:
    """The lease is what keeps a partition from running twice; it must be the same one."""
    if e.hardware is None or e.target.facts is None:
        return
    if not e.hardware.leases:
        yield Finding(
            "lease-none",
            Severity.WARNING,
            e.source.name,
            "the partition's leases",
            "It has no lease: nothing but care keeps it from being started twice.",
            "Give its servers a shared lockspace (docs/locking.md) and create it there.",
        )
    space = e.target.facts.lockspace
    for lease in e.hardware.leases:
        if space is None or space.name != lease.lockspace:
            yield Finding(
                "lockspace-missing",
                Severity.ERROR,
                e.target.name,
                f"lockspace {lease.lockspace}",
                f"{e.target.name} has no lockspace {lease.lockspace!r}.",
                "Mount the shared lockspace there and define its pool (docs/locking.md).",
            )
        elif lease.key not in space.keys:
            yield Finding(
                "lease-not-shared",
                Severity.ERROR,
                e.target.name,
                f"lease {lease.key} in lockspace {lease.lockspace}",
                f"{e.target.name} does not see the partition's lease: it is not the same folder.",
                "Mount the same shared folder on both servers (docs/locking.md).",
            )
