"""Room at a target: what is configured, less what active partitions and promises hold.

Called twice with the same rule: by validation, to tell; and inside the journal's transaction
that opens a move, to hold. So two moves asked for at once cannot be promised the same room.
"""

from collections.abc import Iterable, Sequence

from openlpm.model.errors import Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.migration import Reservation
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight
from openlpm.model.system import NOTHING, Resources


def free(
    total: Resources, partitions: Iterable[Partition], reservations: Iterable[Reservation]
) -> Resources:
    """What is left of `total`. A partition that arrives is counted once, by the larger figure."""
    held = {r.partition_uuid: r.resources for r in reservations}
    for p in partitions:
        # An UNKNOWN partition may well be running: it keeps its room.
        if p.state not in (Sight.OFF, Sight.ABSENT):
            held[p.uuid] = _larger(p.demand, held.get(p.uuid, NOTHING))
    return total - sum(held.values(), NOTHING)


def _larger(one: Resources, other: Resources) -> Resources:
    return Resources(
        max(one.processing_units, other.processing_units),
        max(one.memory_mib, other.memory_mib),
    )


def reserve(
    wanted: Reservation,
    total: Resources,
    partitions: Iterable[Partition],
    reservations: Sequence[Reservation],
) -> Reservation:
    """Return `wanted` if there is room for it; raises `Refused` with what is short."""
    others = [r for r in reservations if r.partition_uuid != wanted.partition_uuid]
    left = free(total, partitions, others)
    findings = shortages(wanted.system, wanted.resources, left)
    if findings:
        raise Refused(
            "no-room",
            f"{wanted.system} has no room for {wanted.partition!r}.",
            findings,
        )
    return wanted


def shortages(system: str, demand: Resources, left: Resources) -> list[Finding]:
    """What `left` lacks of `demand`, as findings."""
    found: list[Finding] = []
    remedy = f"Move or power off a partition on {system}, or choose another server."
    if demand.memory_mib > left.memory_mib:
        found.append(
            Finding(
                "memory-short",
                Severity.ERROR,
                system,
                "memory not held by partitions or reservations",
                f"{demand.memory_mib} MiB are needed, {max(0, left.memory_mib)} MiB are free.",
                remedy,
            )
        )
    if demand.processing_units > left.processing_units:
        found.append(
            Finding(
                "processors-short",
                Severity.ERROR,
                system,
                "processing units not held by partitions or reservations",
                f"{demand.processing_units:g} processing units are needed, "
                f"{max(0.0, left.processing_units):g} are free.",
                remedy,
            )
        )
    return found
