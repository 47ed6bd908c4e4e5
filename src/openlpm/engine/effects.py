"""Carrying out an effect. Each may be repeated; what cannot be undone looks once more before.

Raises `HypervisorRefused` when the hypervisor says no and `ServerUnreachable` when nobody
answers: both are for the next turn to judge.
"""

from dataclasses import replace

from openlpm.decide.copies import superfluous
from openlpm.decide.step import Effect, Step
from openlpm.engine.copies import make_copies, remove_copies
from openlpm.engine.transfer import TransferCall
from openlpm.engine.world import World
from openlpm.model.encryption import is_encrypted
from openlpm.model.errors import Gone
from openlpm.model.migration import Kind, Migration
from openlpm.model.partition import Mark
from openlpm.model.sight import Place, Sighting
from openlpm.ports import Host, Transfer


def carry_out(
    step: Step,
    record: Migration,
    seen: Sighting,
    world: World,
    *,
    call: TransferCall,
    pause_ms: int,
) -> bool:
    """Do what a step decided from what was seen; False when it is not as it was, and undone."""
    uuid = record.partition_uuid
    match step.effect:
        case Effect.WAIT | Effect.FORGO_POSTCOPY:
            pass
        case Effect.START_TRANSFER | Effect.RESUME_POSTCOPY:
            resumes = step.effect is Effect.RESUME_POSTCOPY
            wanted = _transfer(record, world, pause_ms, resumes=resumes)
            call.begin(
                world.host(record.source), wanted, prepare=lambda: make_copies(record, world)
            )
        case Effect.DEFINE_TARGET:
            mark = arriving_mark(record, world)
            definition = world.host(record.source).exported(uuid, mark)
            world.host(record.target).define(definition)
        case Effect.START_POSTCOPY:
            world.host(record.source).start_postcopy(uuid)
        case Effect.ABORT_TRANSFER:
            world.host(record.source).abort_transfer(uuid)
        case _:
            if not _is_still_so(record, seen, world):
                return False  # the next turn judges what it is now
            _carry_out_looked(step.effect, record, seen, world)
    return True


def _carry_out_looked(effect: Effect, record: Migration, seen: Sighting, world: World) -> None:
    """What cannot be undone; both ends were just seen to be as they were."""
    uuid = record.partition_uuid
    match effect:
        case Effect.RESUME_SOURCE:
            world.host(record.source).resume(uuid)
        case Effect.RETAKE_LEASE:
            world.host(record.source).pause(uuid)
            world.host(record.source).resume(uuid)
        case Effect.REMOVE_SHELL:
            remove(world.host(record.target), uuid, seen.target)
        case Effect.CUT_SOURCE:
            remove(world.host(record.source), uuid, seen.source)
        case _:
            remove_copies(superfluous(record, seen), world)


def _is_still_so(record: Migration, seen: Sighting, world: World) -> bool:
    """One more look at both ends: the closest to a condition that libvirt's calls allow.

    At both, but for one that was given up: nothing is removed then, and nothing can be seen there.
    """
    uuid = record.partition_uuid
    ends = ((record.target, seen.target), (record.source, seen.source))
    return all(
        world.host(system).look(uuid) == place for system, place in ends if system != record.gone
    )


def remove(host: Host, uuid: str, place: Place) -> None:
    """From a server that was just looked at."""
    if place.alive:
        host.destroy(uuid)
    host.undefine(uuid)


def _transfer(record: Migration, world: World, pause_ms: int, *, resumes: bool) -> Transfer:
    source, target = world.system(record.source), world.system(record.target)
    limits = (
        record.policy.bandwidth_mib_s,
        source.mover.bandwidth_mib_s,
        target.mover.bandwidth_mib_s,
    )
    return Transfer(
        partition_uuid=record.partition_uuid,
        target=target,
        mark=arriving_mark(record, world),
        suspended=record.kind is Kind.SUSPENDED,
        throttled=record.throttled,
        pause_ms=pause_ms,
        bandwidth_mib_s=min((limit for limit in limits if limit), default=0),
        encrypted=is_encrypted(source, target),
        postcopy=record.policy.postcopy,
        resumes=resumes,
        copies=record.copies,
    )


def arriving_mark(record: Migration, world: World) -> Mark:
    """The mark as it will read at the target: the way back, and the same id where it is free."""
    partition = world.host(record.source).partition(record.partition_uuid)
    if partition is None or partition.mark is None:
        raise Gone(
            "partition-gone",
            f"{record.partition!r} is not on {record.source} any more.",
            remedy="lpm partition list shows where it is.",
        )
    there = world.host(record.target).partitions()
    taken = {p.mark.partition_id for p in there if p.mark and p.uuid != record.partition_uuid}
    return replace(
        partition.mark,
        came_from=record.source,
        partition_id=free_id(partition.mark.partition_id, taken),
    )


def free_id(wanted: int, taken: set[int]) -> int:
    """`wanted` if it is free, else the lowest partition id that is."""
    return wanted if wanted not in taken else next(i for i in range(1, 65536) if i not in taken)
