"""Use cases that follow a move: list, show, wait, stop, recover."""

from openlpm.decide.advance import advance
from openlpm.decide.gone import hidden_end, needs_free_lease, still_held
from openlpm.decide.predict import remaining_s
from openlpm.decide.recover import explain
from openlpm.engine.executor import Executor
from openlpm.engine.views import MigrationView, Recovery
from openlpm.engine.world import World
from openlpm.model.event import Event, Level
from openlpm.model.migration import Migration
from openlpm.model.names import checked_range
from openlpm.model.sight import Sighting

GIVING_UP_S = 15.0
"""An end is read from what was seen for some seconds; a lease may have to be taken before."""


class Migrations:
    """The records of moves, with the live figures of those under way."""

    def __init__(self, world: World, executor: Executor) -> None:
        self._journal = world.journal
        self._news = world.news
        self._host = world.host
        self._executor = executor

    def newest(self, *, partition: str = "", limit: int = 100) -> list[MigrationView]:
        """The latest first."""
        checked_range("The limit", limit, 1, 10_000)
        records = self._journal.migrations(partition=partition, limit=limit)
        return [self._view(record) for record in records]

    def show(self, migration_id: str) -> MigrationView:
        """One migration with its live figures. Raises `NotFound`."""
        mover = self._executor.mover(migration_id)
        # A mover's record is the journal's, and is looked at dozens of times in a move.
        return self._view(mover.record if mover else self._journal.migration(migration_id))

    def _view(self, record: Migration) -> MigrationView:
        mover = self._executor.mover(record.id)
        if mover is None or record.phase.final:
            return MigrationView(record)
        if mover.progress is None:
            return MigrationView(record, attention=mover.attention)
        left_s = remaining_s(mover.progress, mover.course.pause_ms)
        return MigrationView(record, mover.progress, left_s, mover.attention)

    def wait(
        self, migration_id: str, after: MigrationView | None, timeout_s: float
    ) -> MigrationView:
        """The view as soon as it differs from `after`, or at the time-out."""

        def changed() -> MigrationView | None:
            view = self.show(migration_id)
            return view if view != after else None

        return self._news.until(changed, timeout_s) or self.show(migration_id)

    def stop(self, migration_id: str) -> MigrationView:
        """End a move before its switch-over. Raises `TooLate` after it."""
        record = self._journal.migration(migration_id)
        event = Event(
            "migration-stop-asked",
            f"{record.partition}: the operator asks to stop the move to {record.target}.",
            level=Level.WARNING,
            system=record.source,
            partition=record.partition,
            migration_id=record.id,
        )
        stopped = self._journal.halt(migration_id, event)
        self._drive(stopped)
        return self._view(stopped)

    def recover(self, migration_id: str, *, force: bool = False) -> Recovery:
        """Look at an unfinished move now, and say what is seen and done about it.

        `force`: end it without the server that cannot be seen. Raises `Conflict` as `decide/gone`.
        """
        record = self._journal.migration(migration_id)
        if record.phase.final:
            return Recovery(self._view(record), None, "It has ended; there is nothing to recover.")
        before = self._seen_by_mover(migration_id)
        self._drive(record)
        seen = self._news.until(lambda: self._seen_since(migration_id, before), 10.0)
        if force and seen is not None:
            self._give_up(record, seen)
            self._news.until(lambda: self._is_over(migration_id) or None, GIVING_UP_S)
        mover = self._executor.mover(migration_id)
        record = mover.record if mover else self._journal.migration(migration_id)
        if mover is None or mover.seen is None or record.phase.final:
            return Recovery(self._view(record), seen, _end(record))
        seen = mover.seen
        return Recovery(self._view(record), seen, explain(record, seen, advance(record, seen)))

    def _give_up(self, record: Migration, seen: Sighting) -> None:
        hidden = hidden_end(record, seen)
        visible = record.target if hidden == record.source else record.source
        uuid = record.partition_uuid
        if needs_free_lease(record, seen) and not self._host(visible).lease_is_free(uuid):
            raise still_held(record, seen)
        mover = self._executor.mover(record.id)
        if mover is not None:
            mover.give_up(hidden)

    def _is_over(self, migration_id: str) -> bool:
        return self._journal.migration(migration_id).phase.final

    def _drive(self, record: Migration) -> None:
        self._executor.start(record)
        mover = self._executor.mover(record.id)
        if mover is not None:
            mover.ring()

    def _seen_since(self, migration_id: str, before: Sighting | None) -> Sighting | None:
        """A new look's sighting: what was seen before the question may be so no more."""
        seen = self._seen_by_mover(migration_id)
        return seen if seen is not before else None

    def _seen_by_mover(self, migration_id: str) -> Sighting | None:
        mover = self._executor.mover(migration_id)
        return mover.seen if mover else None


def _end(record: Migration) -> str:
    return f"It has ended: {record.phase}. {record.reason}".rstrip()
