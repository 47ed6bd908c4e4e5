"""The volumes of a move without shared storage: made at the target, and removed where superfluous.

Each bears the name of its move, so making one again after a crash finds the same, and removing one
that is not there has been done.
"""

from contextlib import suppress

from openlpm.decide.copies import Superfluous
from openlpm.decide.uses import Known
from openlpm.engine.layers import lying_over
from openlpm.engine.world import World
from openlpm.model.errors import AlreadyExists, Conflict, Gone, HypervisorRefused
from openlpm.model.migration import Migration
from openlpm.model.storage import SystemStorage, Volume
from openlpm.ports import Host


def make_copies(record: Migration, world: World) -> None:
    """Volumes for what is copied, empty or as they are. Raises `HypervisorRefused`."""
    for copy in record.copies:
        wanted = Volume(copy.to_volume, format=copy.format, capacity_bytes=copy.capacity_bytes)
        with suppress(AlreadyExists):  # by a console that died since, or before it was throttled
            world.host(record.target).create_volume(copy.to_pool, wanted)


def remove_copies(what: Superfluous | None, world: World) -> None:
    """All of them that nobody there uses. Raises `HypervisorRefused` for the first that is left."""
    if what is None:
        return
    host = world.host(what.system)
    refusal: HypervisorRefused | None = None
    for pool, name in what.volumes:
        try:
            _remove(host, what.system, pool, name)
        except Gone:
            continue
        except HypervisorRefused as error:
            refusal = refusal or error
    if refusal:
        raise refusal


def _remove(host: Host, system: str, pool: str, name: str) -> None:
    volume = next((each for each in host.volumes(pool) if each.name == name), None)
    if volume is None:
        return
    told = SystemStorage(system, tuple(host.pools()), tuple(host.partition_io()))
    user = _user(host, told, pool, volume)
    if user:
        raise HypervisorRefused(
            "volume-in-use",
            f"{pool}/{name} on {system} is left there: {user}.",
            remedy="Remove it once nobody uses it: lpm storage delete.",
        )
    host.delete_volume(pool, name)


def _user(host: Host, told: SystemStorage, pool: str, volume: Volume) -> str:
    """Who uses it on its system, or may; "" for nobody."""
    known = Known([told])
    (own,) = (each for each in told.pools if each.name == pool)
    for use in known.users(told.system, own, volume):
        return f"{use.partition!r} uses it"
    for io in told.partitions:
        if io.trouble:
            return f"what {io.partition!r} uses is not known"
    places = known.places(told.system, own, volume)
    try:
        over = lying_over(places, known, told.system, host)
    except Conflict as error:
        return error.message.rstrip(".")
    return f"{over[0]} lies over it" if over else ""
