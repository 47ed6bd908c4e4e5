"""May this volume be made, enlarged, removed? Each rule raises, or lets it pass.

What is not known counts against it: a system out of reach, a definition that cannot be read, a
volume of the same name in a storage whose host is only spelled in another way.
"""

from collections.abc import Sequence

from openlpm.decide.uses import Known
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.names import checked_range
from openlpm.model.sight import Sight
from openlpm.model.storage import (
    CHANGED_POOLS,
    FILE_POOLS,
    FORMATS,
    LEASES,
    LOCAL_POOLS,
    KnownPool,
    Use,
    Volume,
)

_MIB = 1024 * 1024
_MOST_BYTES = 2**50


def checked_capacity(size_mib: int) -> int:
    """In bytes. Raises `BadRequest` unless a volume may have this capacity."""
    checked_range("The volume's size in MiB", size_mib, 1, _MOST_BYTES // _MIB)
    return size_mib * _MIB


def new_volume(known: KnownPool, name: str, capacity_bytes: int, file_format: str) -> Volume:
    """The volume to make. Raises `BadRequest` for a wrong format, `Conflict`."""
    pool = known.pool
    refuse_fixed(known, "makes")
    if file_format and file_format not in FORMATS:
        raise BadRequest(
            "bad-format",
            f"{file_format[:80]!r} is no format of a volume that partitions can move with.",
            remedy=f"Give one of {', '.join(FORMATS)}.",
        )
    if file_format not in ("", "raw") and pool.kind not in FILE_POOLS:
        raise BadRequest(
            "bad-format",
            f"Volumes of pool {pool.name} are no files: they are raw.",
            remedy="Leave out the format.",
        )
    if pool.available_bytes < capacity_bytes and file_format != "qcow2":
        raise Conflict(
            "pool-full",
            f"Pool {pool.name} on {known.system} has not enough room for {name!r}.",
            cause=f"{pool.available_bytes // _MIB} MiB are free, "
            f"{capacity_bytes // _MIB} MiB are wanted.",
            remedy="Choose a smaller size or another pool, or make room there.",
        )
    made_as = (file_format or "raw") if pool.kind in FILE_POOLS else ""
    return Volume(name, format=made_as, capacity_bytes=capacity_bytes)


def refuse_fixed(known: KnownPool, does: str) -> None:
    """Raise `Conflict` where volumes are not changed here. `does`: what would be done to them."""
    pool = known.pool
    if pool.name == LEASES:
        raise Conflict(
            "pool-of-leases",
            f"Pool {LEASES} holds what keeps partitions from running twice.",
            remedy="Choose another pool: lpm storage pools.",
        )
    if pool.kind not in CHANGED_POOLS:
        raise Conflict(
            "pool-fixed",
            f"The volumes of pool {pool.name} are the storage's own: not lpm, but who keeps it, "
            f"{does} them.",
            cause=f"It is of kind {pool.kind}, not {', '.join(sorted(CHANGED_POOLS))}.",
            remedy="Do it there; then virsh pool-refresh on each system shows the change.",
        )


def require_meant(known: KnownPool, unseen: Sequence[tuple[str, str]], system: str) -> None:
    """Raise `Conflict` where no system is named, and one out of reach may have such a pool too."""
    if unseen and not system:
        raise Conflict(
            "ambiguous-pool",
            f"Other storage pools may be named {known.pool.name!r} as well.",
            cause=f"Out of reach: {', '.join(name for name, _ in unseen)}.",
            remedy=f"Name the system: --on {known.system}.",
        )


def require_all_seen(known: KnownPool, unseen: Sequence[tuple[str, str]]) -> None:
    """Raise `Conflict` where a system that could use a shared volume is out of reach."""
    if may_be_shared(known) and unseen:
        names = ", ".join(name for name, _ in unseen)
        raise Conflict(
            "users-unknown",
            f"Whether {names} uses the volume cannot be known: the storage is shared.",
            cause="; ".join(f"{name}: {why}" for name, why in unseen),
            remedy=f"Let {names} be reached again, or remove it: lpm system remove.",
        )


def may_be_shared(known: KnownPool) -> bool:
    """Also what nobody else is known to have: an export of `/`, say, tells nothing of itself."""
    return known.shared or known.pool.kind not in LOCAL_POOLS


def require_readable(known: KnownPool, everything: Known) -> None:
    """Raise `Conflict` where what a partition uses cannot be read."""
    for io in everything.partitions():
        if io.trouble and (may_be_shared(known) or io.system == known.system):
            raise Conflict(
                "users-unknown",
                f"Whether {io.partition} on {io.system} uses the volume cannot be known.",
                cause=io.trouble,
                remedy=f"Mend its definition or its profiles: lpm partition show {io.uuid}.",
            )


def require_whole(system: str, pool: str, listed: int, most: int) -> None:
    """Raise `Conflict` where a pool has more volumes than are read: any may lie over the one."""
    if listed >= most:
        raise Conflict(
            "users-unknown",
            f"Whether a volume of pool {pool} on {system} was made over it cannot be known.",
            cause=f"It has {most} volumes or more.",
            remedy=f"Use virsh on {system}, once you know.",
        )


def require_nothing_over(known: KnownPool, volume: Volume, over: Sequence[str]) -> None:
    """Raise `Conflict` where another volume was made over it: it must stay as it is."""
    if over:
        raise Conflict(
            "volume-in-use",
            f"Volume {volume.name!r} of pool {known.pool.name} is used.",
            cause=f"Made over it: {', '.join(over[:8])}.",
            remedy="Remove these first.",
        )


def require_unused(known: KnownPool, volume: Volume, uses: Sequence[Use]) -> None:
    """Raise `Conflict` unless the volume may be removed."""
    refuse_fixed(known, "removes")
    if uses:
        raise Conflict(
            "volume-in-use",
            f"Volume {volume.name!r} of pool {known.pool.name} is used.",
            cause="; ".join(map(_told, uses)) + ".",
            remedy="Take it out of these partitions first, or delete them. Where you know that "
            "theirs is another one: virsh vol-delete.",
        )


def _told(use: Use) -> str:
    ways = {"runs": "runs with it", "defined": "is defined with it", "profile": "names it"}
    does = ways[use.how] + (", below its disk" if use.behind else "")
    doubt = "" if use.certain else " (or with one of that name, in a storage that may be the same)"
    return f"{use.partition} on {use.system} {does} ({use.disk}){doubt}"


def require_growth(known: KnownPool, volume: Volume, capacity_bytes: int) -> None:
    """Raise `Conflict` unless it would become larger, and the pool can do that."""
    refuse_fixed(known, "enlarges")
    if capacity_bytes <= volume.capacity_bytes:
        raise Conflict(
            "volume-would-shrink",
            f"Volume {volume.name!r} has {volume.capacity_bytes // _MIB} MiB already.",
            cause="A smaller disk would lose what its guest wrote at its end.",
            remedy="Give a larger size.",
        )
    growth = capacity_bytes - volume.capacity_bytes
    if volume.format != "qcow2" and known.pool.available_bytes < growth:
        raise Conflict(
            "pool-full",
            f"Pool {known.pool.name} on {known.system} has not enough room.",
            cause=f"{known.pool.available_bytes // _MIB} MiB are free, {growth // _MIB} MiB more "
            "are wanted.",
            remedy="Choose a smaller size, or make room there.",
        )


def opener(volume: Volume, uses: Sequence[Use]) -> Use | None:
    """Who has it open, and has to enlarge it; None where nobody has. Raises `Conflict`."""
    for use in uses:
        if use.behind or not use.certain:
            raise Conflict(
                "volume-in-use",
                f"Volume {volume.name!r} cannot be enlarged.",
                cause=f"{_told(use)}.",
                remedy="Only a volume that is itself a disk can be, and surely no other's.",
            )
    running = [use for use in uses if use.how == "runs"]
    unknown = [use for use in uses if use.state is Sight.UNKNOWN]
    if len(running) > 1 or unknown:
        raise Conflict(
            "volume-shared",
            f"Volume {volume.name!r} is open more than once, or it is not known how often.",
            cause="; ".join(map(_told, [*running, *unknown])) + ".",
            remedy="Shut down all but one of these partitions.",
        )
    return running[0] if running else None
