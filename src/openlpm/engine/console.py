"""The console: the one class that faces call. Every use case begins here.

A move, file by file: `migrate` below examines and validates, holds the target's room in the
same transaction that opens the record, and hands the record to a mover (`executor`, `mover`).
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from openlpm.decide.advance import advance
from openlpm.decide.examination import Examination
from openlpm.decide.predict import remaining_s
from openlpm.decide.recover import explain
from openlpm.decide.reserve import reserve
from openlpm.decide.validate import require, validate
from openlpm.engine.bell import Bell
from openlpm.engine.estate import Estate
from openlpm.engine.estimates import Estimator
from openlpm.engine.examine import Examiner
from openlpm.engine.executor import Executor
from openlpm.engine.partitions import Partitions
from openlpm.engine.reconciler import Reconciler
from openlpm.engine.systems import Systems
from openlpm.engine.views import Examined, MigrationView, Recovery, SystemView
from openlpm.engine.world import World
from openlpm.model.errors import Conflict
from openlpm.model.event import Event, Level
from openlpm.model.migration import Kind, Migration, Reservation
from openlpm.model.names import checked_range
from openlpm.model.partition import Partition, PartitionSpec
from openlpm.model.policy import Policy
from openlpm.model.system import NOTHING, System, configurable
from openlpm.ports import Clock, Hypervisors, Inventory, Journal, Stream


class Console:
    """All use cases. Thread-safe; every method is bounded in time.

    Raises errors of `model.errors` only. A refused request has changed nothing.
    """

    def __init__(
        self, journal: Journal, inventory: Inventory, hypervisors: Hypervisors, clock: Clock
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._news = Bell()
        self._estate = Estate(inventory, journal, hypervisors, clock, self._news)
        self._examiner = Examiner(self._estate, journal)
        self._estimator = Estimator(self._estate, journal)
        self._systems = Systems(self._estate, journal)
        self._partitions = Partitions(self._estate, journal)
        self._executor = Executor(
            World(
                journal=journal,
                clock=clock,
                news=self._news,
                host=self._estate.host,
                system=lambda name: self._estate.watch(name).system,
                follow=lambda system, changed: self._estate.watch(system).follow(changed),
                refresh=lambda system, uuid: self._estate.watch(system).refresh(uuid),
            )
        )
        self._reconciler = Reconciler(journal, self._executor)

    def open(self) -> None:
        """Connect to all systems and take up what an earlier console left."""
        self._journal.subscribe(self._news.ring)
        self._estate.open()
        self._reconciler.start()

    def close(self) -> None:
        """Let go of everything. Transfers under way go on between the servers."""
        self._reconciler.close()
        self._executor.close()
        self._examiner.close()
        self._estate.close()

    # Managed systems

    def systems(self) -> list[SystemView]:
        """All managed systems."""
        return self._systems.all()

    def system(self, name: str) -> SystemView:
        """One managed system. Raises `NotFound`."""
        return self._systems.show(name)

    def add_system(self, system: System) -> SystemView:
        """Manage a server; it is kept only if it answers."""
        return self._systems.add(system)

    def remove_system(self, name: str) -> None:
        """Forget a server; nothing on it is touched."""
        self._systems.remove(name)

    # Partitions

    def partitions(self, system: str = "") -> list[Partition]:
        """All partitions, or one system's."""
        return self._estate.partitions(system)

    def partition(self, name: str) -> Partition:
        """One partition by name or UUID, its RMC state asked anew."""
        return self._partitions.show(name)

    def create_partition(self, spec: PartitionSpec) -> Partition:
        """Define a new partition; it is off."""
        return self._partitions.create(spec)

    def activate(self, name: str) -> Partition:
        """Power on."""
        return self._partitions.activate(name)

    def shutdown(self, name: str, *, force: bool = False) -> Partition:
        """Ask the guest to power off; `force` pulls the plug."""
        return self._partitions.shutdown(name, force=force)

    def pause(self, name: str) -> Partition:
        """Suspend its processors."""
        return self._partitions.pause(name)

    def resume(self, name: str) -> Partition:
        """Let its processors run again."""
        return self._partitions.resume(name)

    def delete(self, name: str) -> None:
        """Remove its definition and lease; its disks stay."""
        self._partitions.delete(name)

    def adopt(self, name: str) -> Partition:
        """Take a partition that others made under our care: it gets our mark."""
        return self._partitions.adopt(name)

    def open_console(self, name: str) -> Stream:
        """Its serial console."""
        return self._partitions.open_console(name)

    # Moves

    def validate(self, name: str, to: str) -> Examined:
        """May it move there? With an estimate from its measured dirty rate if it may."""
        partition = self._estate.partition(name)
        examination = self._examiner.examine(partition, self._estate.watch(to).system.name)
        return self._judged(examination, dirty_for_s=1)

    def targets(self, name: str) -> list[Examined]:
        """Each other system: possible or not, and why not."""
        partition = self._estate.partition(name)
        others = [
            w.system.name for w in self._estate.watches() if w.system.name != partition.system
        ]
        return [self._judged(self._examiner.examine(partition, other)) for other in others]

    def _judged(self, examination: Examination, dirty_for_s: int = 0) -> Examined:
        validation = validate(examination)
        if not validation.passed or not examination.is_live:
            return Examined(validation)
        return Examined(validation, self._estimator.estimate(examination, dirty_for_s))

    def migrate(
        self,
        name: str,
        to: str,
        *,
        max_pause_ms: int | None = None,
        throttle: bool | None = None,
        bandwidth_mib_s: int | None = None,
        is_return: bool = False,
    ) -> MigrationView:
        """Validate, hold the room, start. Returns at once. Raises `Refused`, `Busy`."""
        partition = self._estate.partition(name)
        watch = self._estate.watch(to)
        examination = self._examiner.examine(partition, to, try_disks=False)
        validation = validate(examination)
        require(validation)
        given = {
            "max_pause_ms": max_pause_ms,
            "throttle": throttle,
            "bandwidth_mib_s": bandwidth_mib_s,
        }
        mark = examination.partition.mark
        policy = replace(
            mark.policy if mark else Policy(),
            **{key: value for key, value in given.items() if value is not None},
        )
        _check_policy(policy)
        record = self._record(examination, policy, is_return=is_return)
        wanted = Reservation(record.id, to, record.partition_uuid, record.partition, record.demand)
        facts = examination.target.facts or watch.facts
        total = configurable(watch.system, facts) if facts else NOTHING

        def hold(promised: Sequence[Reservation]) -> Reservation:
            return reserve(wanted, total, examination.target.partitions, promised)

        self._journal.begin(record, hold)
        self._executor.start(record)
        return replace(self.migration(record.id), findings=validation.warnings)

    def _record(self, e: Examination, policy: Policy, *, is_return: bool) -> Migration:
        kind = e.kind or Kind.ACTIVE
        return Migration(
            id=secrets.token_hex(4),
            partition_uuid=e.partition.uuid,
            partition=e.partition.name,
            source=e.source.name,
            target=e.target.name,
            kind=kind,
            leased=bool(e.hardware and e.hardware.leases),
            demand=e.partition.demand if kind is not Kind.INACTIVE else NOTHING,
            policy=policy,
            is_return=is_return,
            created_at=self._clock.now(),
        )

    def return_partition(self, name: str) -> MigrationView:
        """Move it back to where it last came from. Raises `Conflict` if it never moved."""
        partition = self._estate.partition(name)
        if partition.mark is None or not partition.mark.came_from:
            raise Conflict(
                "no-way-back",
                f"{partition.name!r} has not come from another server.",
                remedy=f"Name one: lpm migrate {partition.name} --to SYSTEM.",
            )
        return self.migrate(name, partition.mark.came_from, is_return=True)

    # Migrations

    def migrations(self, *, partition: str = "", limit: int = 100) -> list[MigrationView]:
        """The latest first."""
        checked_range("The limit", limit, 1, 10_000)
        records = self._journal.migrations(partition=partition, limit=limit)
        return [self._view(record) for record in records]

    def migration(self, migration_id: str) -> MigrationView:
        """One migration with its live figures. Raises `NotFound`."""
        return self._view(self._journal.migration(migration_id))

    def _view(self, record: Migration) -> MigrationView:
        mover = self._executor.mover(record.id)
        if mover is None or mover.progress is None or record.phase.final:
            return MigrationView(record)
        left_s = remaining_s(mover.progress, mover.course.pause_ms)
        return MigrationView(record, mover.progress, left_s)

    def wait_migration(
        self, migration_id: str, after: MigrationView | None, timeout_s: float
    ) -> MigrationView:
        """The view as soon as it differs from `after`, or at the time-out."""

        def changed() -> MigrationView | None:
            view = self.migration(migration_id)
            return view if view != after else None

        return self._news.until(changed, timeout_s) or self.migration(migration_id)

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

    def recover(self, migration_id: str) -> Recovery:
        """Look at an unfinished move now, and say what is seen and done about it."""
        record = self._journal.migration(migration_id)
        if record.phase.final:
            return Recovery(self._view(record), None, "It has ended; there is nothing to recover.")
        self._drive(record)
        seen = self._news.until(lambda: self._seen_by_mover(migration_id), 10.0)
        record = self._journal.migration(migration_id)
        if seen is None or record.phase.final:
            return Recovery(self._view(record), seen, f"It has ended: {record.phase}.")
        return Recovery(self._view(record), seen, explain(record, seen, advance(record, seen)))

    def _drive(self, record: Migration) -> None:
        self._executor.start(record)
        mover = self._executor.mover(record.id)
        if mover is not None:
            mover.ring()

    def _seen_by_mover(self, migration_id: str):
        mover = self._executor.mover(migration_id)
        return mover.seen if mover else None

    # Events

    def events(self, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Events in order, those after a sequence number."""
        checked_range("The limit", limit, 1, 10_000)
        return list(self._journal.events(after=after, limit=limit))

    def wait_events(self, after: int, timeout_s: float) -> list[Event]:
        """Events after a sequence number, as soon as there are any, or none at the time-out."""
        return self._news.until(lambda: self.events(after=after) or None, timeout_s) or []

    def last_seq(self) -> int:
        """The newest event's sequence number."""
        return self._journal.last_seq()


def _check_policy(policy: Policy) -> None:
    checked_range("The longest pause allowed in ms", policy.max_pause_ms, 1, 60_000)
    checked_range("The bandwidth in MiB/s", policy.bandwidth_mib_s, 0, 1_000_000)
