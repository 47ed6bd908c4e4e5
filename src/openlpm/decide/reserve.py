"""Room at a target: what is configured, less what active partitions and promises hold; and room
in the movers of both ends, which take so many moves at once.

Called twice with the same rules: by validation, to tell; and inside the journal's transaction
that opens a move, to hold. So two moves asked for at once cannot be promised the same room.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from openlpm.model.errors import Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.migration import Kind, Migration, Reservation
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight
from openlpm.model.system import NOTHING, Resources, System


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds what of a system: an active partition, or a move or a start under way."""

    name: str
    holds: Resources


def holders(
    partitions: Iterable[Partition], reservations: Iterable[Reservation], but: str = ""
) -> list[Holder]:
    """All of a system, but the partition with UUID `but`.

    One that arrives, is being activated or resized is counted once, by the larger figure.
    """
    held: dict[str, Holder] = {}
    for r in reservations:
        if r.partition_uuid != but:
            why = "a move of it" if r.migration_id else "being activated"
            held[r.partition_uuid] = Holder(f"{r.partition!r} ({why})", r.resources)
    for p in partitions:
        # An UNKNOWN partition may well be running: it keeps its room.
        if p.uuid != but and p.state not in (Sight.OFF, Sight.ABSENT):
            there = held.get(p.uuid)
            more = larger(p.demand, there.holds if there else NOTHING)
            held[p.uuid] = Holder(repr(p.name), more)
    return list(held.values())


def left(total: Resources, held: Iterable[Holder]) -> Resources:
    """What of `total` nobody holds."""
    return total - sum((holder.holds for holder in held), NOTHING)


def free(
    total: Resources, partitions: Iterable[Partition], reservations: Iterable[Reservation]
) -> Resources:
    """What is left of `total`."""
    return left(total, holders(partitions, reservations))


def larger(one: Resources, other: Resources) -> Resources:
    """The larger figure of each."""
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
    findings = shortages(wanted.system, wanted.resources, free(total, partitions, others))
    if findings:
        raise Refused(
            "no-room",
            f"{wanted.system} has no room for {wanted.partition!r}.",
            findings,
        )
    return wanted


def shortages(system: str, demand: Resources, available: Resources) -> list[Finding]:
    """What `available` lacks of `demand`, as findings."""
    found: list[Finding] = []
    remedy = f"Move or power off a partition on {system}, or choose another server."
    if demand.memory_mib > available.memory_mib:
        found.append(
            Finding(
                "memory-short",
                Severity.ERROR,
                system,
                "memory not held by partitions or reservations",
                f"{demand.memory_mib} MiB are needed, {max(0, available.memory_mib)} MiB are free.",
                remedy,
            )
        )
    if demand.processing_units > available.processing_units:
        found.append(
            Finding(
                "processors-short",
                Severity.ERROR,
                system,
                "processing units not held by partitions or reservations",
                f"{demand.processing_units:g} processing units are needed, "
                f"{max(0.0, available.processing_units):g} are free.",
                remedy,
            )
        )
    return found


def moves_at(system: str, unfinished: Iterable[Migration]) -> int:
    """How many moves its mover is at work on; to send a definition is no work for it."""
    live = [m for m in unfinished if m.kind is not Kind.INACTIVE]
    return sum(system in (m.source, m.target) for m in live)


def mover_shortages(system: System, moves: int) -> list[Finding]:
    """That one more live move is one too many for this end's mover, if it is."""
    limit = system.mover.concurrent
    if moves < limit:
        return []
    return [
        Finding(
            "mover-busy",
            Severity.ERROR,
            system.name,
            "unfinished moves from and to this server",
            f"{moves} moves are under way, its mover takes {limit} at once.",
            "Wait for one to end (lpm migration list), or raise the mover's limit.",
        )
    ]


def enter_movers(
    record: Migration, ends: Sequence[System], unfinished: Iterable[Migration]
) -> None:
    """Raises `Refused` when the mover of an end has no room for this move."""
    if record.kind is Kind.INACTIVE:
        return
    others = list(unfinished)
    findings = [f for end in ends for f in mover_shortages(end, moves_at(end.name, others))]
    if findings:
        raise Refused(
            "movers-busy", f"The movers have no room to move {record.partition!r}.", findings
        )
