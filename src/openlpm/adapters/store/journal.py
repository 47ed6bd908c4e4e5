"""The journal: migrations, the room held for them, and what happened (`ports.Journal`).

Each method is one transaction. What must be decided between reading and writing is decided
inside it: whether the partition is free to move, whether the target has room, whether a move
can still be stopped. So two callers cannot both be told yes.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from openlpm.adapters.store import events as log
from openlpm.adapters.store import records
from openlpm.adapters.store.transactions import Transactions
from openlpm.model.errors import Busy, TooLate
from openlpm.model.event import Event
from openlpm.model.migration import STEPS, Halt, Migration, Phase, Reservation
from openlpm.model.spoken import spoken
from openlpm.ports import Hold


class Journal:
    """`ports.Journal` on a database."""

    def __init__(self, transactions: Transactions, now: Callable[[], float]) -> None:
        self._transactions = transactions
        self._now = now

    def begin(self, migration: Migration, hold: Hold) -> None:
        """Open a migration and hold its room."""
        with self._transactions.writing() as connection:
            _refuse_second(connection, migration)
            room = hold(records.held(connection, migration.target), records.unfinished(connection))
            records.add(connection, migration, room)
            self._append(connection, [_begun(migration)])

    def turn(
        self, migration: Migration, *, release: bool = False, events: Sequence[Event] = ()
    ) -> Migration:
        """Write one turn of the state machine; returns the record as it is stored."""
        with self._transactions.writing() as connection:
            stored = _changeable(connection, migration.id)
            merged = _keeping_halt(migration, stored)
            records.update_migration(connection, merged)
            if release or merged.phase.final:  # nothing will come after it to release it
                records.release(connection, migration.id)
            self._append(connection, events)
        return merged

    def halt(self, migration_id: str, event: Event) -> Migration:
        """Note the operator's wish to stop. Asking twice is as good as asking once."""
        with self._transactions.writing() as connection:
            stored = _changeable(connection, migration_id)
            _refuse_after_switch_over(stored)
            if stored.halt is Halt.OPERATOR:
                return stored
            halted = replace(stored, halt=Halt.OPERATOR)
            records.update_migration(connection, halted)
            self._append(connection, [event])
        return halted

    def given_up(self) -> Sequence[Migration]:
        """What the reconciler has to look after when a system is seen again."""
        with self._transactions.reading() as connection:
            return records.given_up(connection)

    def looked_after(self, migration_id: str, event: Event) -> None:
        """What such a system had left is dealt with."""
        with self._transactions.writing() as connection:
            stored = records.migration(connection, migration_id)
            if stored.gone:
                records.update_migration(connection, replace(stored, gone=""))
                self._append(connection, [event])

    def migration(self, migration_id: str) -> Migration:
        """One migration by its id."""
        with self._transactions.reading() as connection:
            return records.migration(connection, migration_id)

    def migrations(self, *, partition: str = "", limit: int = 100) -> Sequence[Migration]:
        """Newest first; `partition` is a name or a UUID."""
        with self._transactions.reading() as connection:
            return records.newest(connection, partition, limit)

    def unfinished(self) -> Sequence[Migration]:
        """What the reconciler has to look after, oldest first."""
        with self._transactions.reading() as connection:
            return records.unfinished(connection)

    def reservations(self, system: str = "") -> Sequence[Reservation]:
        """The room held on one system, or on all."""
        with self._transactions.reading() as connection:
            return records.held(connection, system)

    def tell(self, event: Event) -> Event:
        """Append an event."""
        with self._transactions.writing() as connection:
            return log.append(connection, event, self._now())

    def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """The events that follow number `after`, oldest first."""
        with self._transactions.reading() as connection:
            return log.after(connection, after, limit)

    def last_seq(self) -> int:
        """The newest event's number; 0 when there is none."""
        with self._transactions.reading() as connection:
            return log.last_seq(connection)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit until the returned function is called."""
        return self._transactions.subscribe(callback)

    def _append(self, connection: Connection, told: Sequence[Event]) -> None:
        for event in told:
            log.append(connection, event, self._now())


def _begun(migration: Migration) -> Event:
    return Event(
        "migration-begun",
        f"Moving {migration.partition!r} from {migration.source} to {migration.target} "
        f"({migration.kind}).",
        system=migration.source,
        partition=migration.partition,
        migration_id=migration.id,
    )


def _refuse_second(connection: Connection, migration: Migration) -> None:
    for other in records.unfinished(connection, migration.partition_uuid):
        raise Busy(
            "already-moving",
            f"{migration.partition!r} is being moved already.",
            cause=f"Its migration {other.id} to {other.target} has not ended.",
            remedy=f"Wait for it (lpm migration watch {other.id}) or stop it.",
        )


def _changeable(connection: Connection, migration_id: str) -> Migration:
    """The stored record, which nobody may change once it has ended."""
    stored = records.migration(connection, migration_id)
    if stored.phase.final:
        raise TooLate("migration-over", f"Migration {migration_id} has ended: {stored.phase}.")
    return stored


def _refuse_after_switch_over(stored: Migration) -> None:
    if stored.switched or STEPS.index(stored.phase) >= STEPS.index(Phase.SWITCH_OVER):
        raise TooLate(
            "switching-over",
            f"{stored.partition!r} is going over to {stored.target} already.",
            remedy="Let it arrive, then take it back: "
            f"lpm return {spoken(stored.partition, stored.partition_uuid)}",
        )


def _keeping_halt(migration: Migration, stored: Migration) -> Migration:
    """The operator's wish outlasts whatever the mover decided before it heard of it."""
    if stored.halt is not Halt.OPERATOR:
        return migration
    return replace(migration, halt=Halt.OPERATOR, switched=stored.switched)
