"""The inventory: managed systems, and what was last seen of their partitions (`ports.Inventory`).

What was seen is shown while a system is out of reach, with the time of the look. The engine
never acts on it: where a partition is, is always looked up anew. Names are sorted here: what order
a database gives depends on its locale.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from openlpm.adapters.store import inventory_codec as codec
from openlpm.adapters.store.schema import seen_partitions, systems
from openlpm.adapters.store.seals import sealed
from openlpm.adapters.store.transactions import Transactions
from openlpm.model.errors import AlreadyExists, NotFound
from openlpm.model.partition import Partition
from openlpm.model.system import System


class Inventory:
    """`ports.Inventory` on a database."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add(self, system: System) -> None:
        """Remember a new system."""
        with self._transactions.writing() as connection:
            if _exists(connection, system.name):
                raise AlreadyExists(
                    "system-exists",
                    f"There is a managed system {system.name!r} already.",
                    remedy="Give it another name, or remove the other one first.",
                )
            connection.execute(insert(systems).values(sealed(codec.system_row(system))))

    def change(self, system: System) -> None:
        """Describe a system anew."""
        with self._transactions.writing() as connection:
            _require(connection, system.name)
            connection.execute(
                update(systems)
                .where(systems.c.name == system.name)
                .values(sealed(codec.system_row(system)))
            )

    def remove(self, name: str) -> None:
        """Forget a system and what was seen of it."""
        with self._transactions.writing() as connection:
            _require(connection, name)
            connection.execute(delete(systems).where(systems.c.name == name))

    def systems(self) -> Sequence[System]:
        """All managed systems, by name."""
        with self._transactions.reading() as connection:
            rows = connection.execute(select(systems)).mappings()
            return sorted((codec.system(dict(row)) for row in rows), key=lambda s: s.name)

    def seen(self, system: str, partitions: Sequence[Partition]) -> None:
        """Replace what was last seen on a system."""
        with self._transactions.writing() as connection:
            _require(connection, system)
            connection.execute(delete(seen_partitions).where(seen_partitions.c.system == system))
            if partitions:
                rows = [sealed(codec.partition_row(p) | {"system": system}) for p in partitions]
                connection.execute(insert(seen_partitions), rows)

    def last_seen(self, system: str) -> Sequence[Partition]:
        """What was last seen on a system, by name."""
        seen = seen_partitions
        query = select(seen).where(seen.c.system == system)
        with self._transactions.reading() as connection:
            rows = connection.execute(query).mappings()
            found = [codec.partition(dict(row)) for row in rows]
        return sorted(found, key=lambda p: (p.name, p.uuid))


def _exists(connection: Connection, name: str) -> bool:
    return connection.scalar(select(systems.c.name).where(systems.c.name == name)) is not None


def _require(connection: Connection, name: str) -> None:
    if not _exists(connection, name):
        raise NotFound("no-such-system", f"There is no managed system {name!r}.")
