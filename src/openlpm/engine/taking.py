"""What a start or a resizing takes, so that nobody else is given it meanwhile: disks and room.

Both are counted under the short lock of `claims`, and noted in the claim on the partition.
"""

from collections.abc import Collection

from openlpm.decide.clash import in_use
from openlpm.decide.reserve import Holder, holders
from openlpm.engine.claims import Claim
from openlpm.engine.estate import Estate
from openlpm.model.migration import Reservation
from openlpm.model.partition import Partition
from openlpm.model.system import Resources
from openlpm.ports import Journal


def take_disks(estate: Estate, disks: Collection[str], claim: Claim) -> dict[str, str]:
    """Claim them; those that another one writes to, or is about to, and who: not claimed."""
    with estate.claims.counting():
        taken = in_use(disks, claim.uuid, estate.partitions())
        taken |= estate.claims.using(disks, claim.uuid)
        claim.disks = frozenset(disks) - taken.keys()
    return taken


def held_by_others(estate: Estate, journal: Journal, partition: Partition) -> list[Holder]:
    """Who holds what of its system but itself. To be asked, and taken, in one `counting`."""
    system = partition.system
    promised = [*journal.reservations(system), *estate.claims.rooms(system)]
    return holders(estate.watch(system).partitions, promised, but=partition.uuid)


def room(partition: Partition, resources: Resources) -> Reservation:
    """What it is about to hold, as a promise that belongs to no move."""
    return Reservation("", partition.system, partition.uuid, partition.name, resources)
