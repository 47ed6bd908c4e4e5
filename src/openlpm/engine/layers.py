"""Images that lie over a volume: they are lost with it, whoever removes it."""

from openlpm.decide import volumes as rules
from openlpm.decide.uses import Known
from openlpm.model.storage import FILE_POOLS, Pool, Volume
from openlpm.ports import MOST_VOLUMES, Host


def lying_over(places: frozenset[str], known: Known, system: str, host: Host) -> list[str]:
    """Volumes of a system that may have been made over the one at `places`.

    Raises `Conflict` for a pool of more volumes than are read: any of them may.
    """
    others: list[tuple[Pool, Volume]] = []
    for pool, _ in known.pools_with_identity(system):
        if pool.active and pool.kind in FILE_POOLS | {"logical"}:
            listed = host.volumes(pool.name)
            rules.require_whole(system, pool.name, len(listed), MOST_VOLUMES)
            others += [(pool, volume) for volume in listed]
    return known.lies_over(places, system, others)
