"""What of a backup becomes the state, inside a transaction that the caller has begun.

A backup is old. It brings back what the operator told the console, the systems; it does not
undo what happened since (docs/design/0008-old-backups.md).
"""

from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select

from openlpm.adapters.store import events as log
from openlpm.adapters.store import inventory_codec, leadership, records
from openlpm.adapters.store.codec import event_row
from openlpm.adapters.store.schema import events, migrations, systems
from openlpm.adapters.store.seals import sealed
from openlpm.adapters.store.witness import Mark
from openlpm.model.backup import Backup, RestoreReport
from openlpm.model.errors import Conflict
from openlpm.model.event import Event, Level
from openlpm.model.migration import Halt, Migration
from openlpm.model.system import System


def refuse_unfinished(connection: Connection) -> None:
    """Raise `Conflict` while a move is under way: its systems must not be exchanged."""
    for record in records.unfinished(connection):
        raise Conflict(
            "moves-unfinished",
            f"{record.partition!r} is being moved: nothing was restored.",
            cause=f"Its migration {record.id} to {record.target} has not ended.",
            remedy=f"Wait for it (lpm migration watch {record.id}) or stop it.",
        )


def merge(
    connection: Connection, backup: Backup, *, kept: str, now: float, after: Mark | None
) -> RestoreReport:
    """Write it all; `after` is the mark of a database that this new one replaces."""
    beyond = after.seq if after else 0
    added, changed, removed = _exchange_systems(connection, backup)
    told = _add_events(connection, backup)
    moves = _add_migrations(connection, backup)
    unfinished = tuple(move.id for move in moves if not move.phase.final)
    for event in (_restored(backup), *(_taken_up(move) for move in moves if not move.phase.final)):
        log.append(connection, event, now, beyond=beyond)
    if after:
        leadership.continue_after(connection, replace(after, epoch=max(after.epoch, backup.epoch)))
    return RestoreReport(
        file=backup.file,
        kept=kept,
        systems_added=added,
        systems_changed=changed,
        systems_removed=removed,
        migrations=len(moves),
        events=told,
        unfinished=unfinished,
    )


def _exchange_systems(
    connection: Connection, backup: Backup
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Make the systems the backup's; returns the names of those added, changed and removed.

    What was seen of those that stay as they are stays too.
    """
    rows = connection.execute(select(systems)).mappings()
    present = {system.name: system for system in (inventory_codec.system(dict(r)) for r in rows)}
    given: dict[str, System] = {system.name: system for system in backup.systems}
    added = tuple(sorted(given.keys() - present.keys()))
    removed = tuple(sorted(present.keys() - given.keys()))
    both = given.keys() & present.keys()
    changed = tuple(sorted(name for name in both if given[name] != present[name]))
    connection.execute(delete(systems).where(systems.c.name.in_(changed + removed)))
    for name in added + changed:
        row = sealed(inventory_codec.system_row(given[name]))
        connection.execute(insert(systems).values(row))
    return added, changed, removed


def _add_migrations(connection: Connection, backup: Backup) -> list[Migration]:
    """Add the records that we do not have: of those that we have, we know the newer state.

    With them the room of unfinished ones, which may still arrive.
    """
    known = set(connection.scalars(select(migrations.c.id)))
    rooms = {room.migration_id: room for room in backup.reservations}
    moves = [_as_of_old(move) for move in backup.migrations if move.id not in known]
    for move in moves:
        records.add(connection, move, None if move.phase.final else rooms.get(move.id))
    return moves


def _as_of_old(move: Migration) -> Migration:
    """An unfinished move is looked after, and never begun: the wish for it is as old as the backup.

    What had not been asked for then may have been since.
    """
    return move if move.phase.final else replace(move, asked=True, halt=Halt.OPERATOR)


def _add_events(connection: Connection, backup: Backup) -> int:
    """Add those that came after all of ours; none when ours is the same story, further on."""
    last = log.last_seq(connection)
    rows = [
        sealed(event_row(event) | {"seq": event.seq}) for event in backup.events if event.seq > last
    ]
    if rows:
        connection.execute(insert(events), rows)
    return len(rows)


def _restored(backup: Backup) -> Event:
    return Event("backup-restored", f"{backup.file} was restored.", level=Level.WARNING)


def _taken_up(move: Migration) -> Event:
    return Event(
        "migration-from-backup",
        f"{move.partition}: in the backup its move to {move.target} had not ended. It is not begun "
        "again; both servers are asked what became of it.",
        level=Level.WARNING,
        system=move.source,
        partition=move.partition,
        migration_id=move.id,
    )
