"""The rows of migrations and reservations, inside a transaction that the caller has begun."""

from collections.abc import Sequence

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from openlpm.adapters.store import codec
from openlpm.adapters.store.schema import migrations, reservations
from openlpm.adapters.store.seals import sealed
from openlpm.model.errors import NotFound
from openlpm.model.migration import Migration, Phase, Reservation

KEPT = 10_000
"""Migrations that are remembered; unfinished ones always are."""
PRUNED_EVERY = 100

_FINAL = tuple(phase.value for phase in Phase if phase.final)


def add(connection: Connection, migration: Migration, room: Reservation | None) -> None:
    """Write a new migration with its reservation, if it holds one."""
    result = connection.execute(insert(migrations).values(sealed(codec.migration_row(migration))))
    if room is not None:
        connection.execute(insert(reservations).values(sealed(codec.reservation_row(room))))
    (number,) = result.inserted_primary_key or (0,)
    if number % PRUNED_EVERY == 0:
        prune(connection)


def update_migration(connection: Connection, migration: Migration) -> None:
    """Write a migration over its older self."""
    row = sealed(codec.migration_row(migration))
    connection.execute(update(migrations).where(migrations.c.id == migration.id).values(row))


def release(connection: Connection, migration_id: str) -> None:
    """Give back the room that a migration held, if it still does."""
    connection.execute(delete(reservations).where(reservations.c.migration_id == migration_id))


def migration(connection: Connection, migration_id: str) -> Migration:
    """One migration. Raises `NotFound`."""
    query = select(migrations).where(migrations.c.id == migration_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(
            "no-such-migration",
            f"There is no migration {migration_id!r}.",
            remedy="lpm migration list shows all.",
        )
    return codec.migration(dict(row))


def newest(connection: Connection, partition: str, limit: int) -> Sequence[Migration]:
    """Newest first; `partition` is a name, a UUID, or "" for all."""
    query = select(migrations).order_by(migrations.c.number.desc()).limit(limit)
    if partition:
        c = migrations.c
        query = query.where(or_(c.partition == partition, c.partition_uuid == partition))
    return _migrations(connection, query)


def unfinished(connection: Connection, partition_uuid: str = "") -> Sequence[Migration]:
    """Oldest first, of one partition or of all."""
    query = select(migrations).where(migrations.c.phase.not_in(_FINAL))
    if partition_uuid:
        query = query.where(migrations.c.partition_uuid == partition_uuid)
    return _migrations(connection, query.order_by(migrations.c.number))


def given_up(connection: Connection) -> Sequence[Migration]:
    """Ended without one of their systems, oldest first."""
    c = migrations.c
    query = select(migrations).where(c.gone != "", c.phase.in_(_FINAL)).order_by(c.number)
    return _migrations(connection, query)


def held(connection: Connection, system: str) -> Sequence[Reservation]:
    """The room held on one system, or on all ("")."""
    query = select(reservations).order_by(reservations.c.migration_id)
    if system:
        query = query.where(reservations.c.system == system)
    return [codec.reservation(dict(row)) for row in connection.execute(query).mappings()]


def prune(connection: Connection) -> None:
    """Forget finished migrations but the newest."""
    last = connection.scalar(select(func.max(migrations.c.number))) or 0
    old = migrations.c.number <= last - KEPT
    connection.execute(delete(migrations).where(old, migrations.c.phase.in_(_FINAL)))


def _migrations(connection: Connection, query: Select[*tuple[object, ...]]) -> list[Migration]:
    return [codec.migration(dict(row)) for row in connection.execute(query).mappings()]
