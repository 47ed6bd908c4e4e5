"""Records to store: a migration, and the room it asks for."""

from collections.abc import Sequence

from openlpm.model.migration import Kind, Migration, Reservation
from openlpm.model.policy import Policy
from openlpm.model.system import Resources

DEMAND = Resources(0.5, 512)


def migration(number: int = 1, *, uuid: str = "") -> Migration:
    return Migration(
        id=f"m{number}",
        partition_uuid=uuid or f"uuid-{number}",
        partition=f"web{number}",
        source="s1",
        target="s2",
        kind=Kind.ACTIVE,
        demand=DEMAND,
        policy=Policy(),
        created_at=100.0 + number,
    )


def room(move: Migration) -> Reservation:
    return Reservation(move.id, move.target, move.partition_uuid, move.partition, move.demand)


class Room:
    """A `hold` that grants, and remembers what it was shown."""

    def __init__(self, move: Migration) -> None:
        self._move = move
        self.shown: Sequence[Reservation] = ()
        self.others: list[str] = []

    def __call__(self, held: Sequence[Reservation], unfinished: Sequence[Migration]) -> Reservation:
        self.shown, self.others = held, [m.id for m in unfinished]
        return room(self._move)
