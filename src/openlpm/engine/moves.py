"""Use cases that ask for a move: may it, where to, do it, take it back.

A move, file by file: `migrate` examines both servers and validates, holds the target's room in
the same transaction that opens the record, and hands the record to a mover (`executor`, `mover`).
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from openlpm.decide.examination import Examination
from openlpm.decide.reserve import enter_movers, larger, reserve
from openlpm.decide.validate import require, validate
from openlpm.engine.estate import Estate
from openlpm.engine.estimates import Estimator
from openlpm.engine.examine import Examiner
from openlpm.engine.executor import Executor
from openlpm.engine.states import must_be
from openlpm.engine.views import Examined, MigrationView
from openlpm.model.disk_copy import named
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.migration import Kind, Migration, Reservation
from openlpm.model.names import checked_range
from openlpm.model.partition import Partition
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight
from openlpm.model.spoken import spoken
from openlpm.model.system import NOTHING, configurable
from openlpm.ports import Clock, Journal


class Moves:
    """Validation and the start of moves. Raises as `Console` says."""

    def __init__(self, estate: Estate, journal: Journal, executor: Executor, clock: Clock) -> None:
        self._estate = estate
        self._journal = journal
        self._executor = executor
        self._clock = clock
        self._examiner = Examiner(estate, journal, clock)
        self._estimator = Estimator(estate, journal)

    def close(self) -> None:
        """Let the examiner's threads go."""
        self._examiner.close()

    def validate(self, name: str, to: str, pool: str = "") -> Examined:
        """May it move there? With an estimate from its measured dirty rate if it may.

        `pool`: where to copy the disks that only its own server can reach; "" for the usual one.
        """
        partition = self._estate.partition_now(name)
        to = self._estate.watch(to).system.name
        examination = self._examiner.examine(partition, to, _policy(partition), pool=pool)
        return self._judged(examination, dirty_for_s=1)

    def targets(self, name: str) -> list[Examined]:
        """Each other system: possible or not, and why not."""
        partition = self._estate.partition_now(name)
        others = [
            w.system.name for w in self._estate.watches() if w.system.name != partition.system
        ]
        policy = _policy(partition)
        return [self._judged(self._examiner.examine(partition, other, policy)) for other in others]

    def _judged(self, examination: Examination, dirty_for_s: int = 0) -> Examined:
        validation = validate(examination)
        if not validation.passed or not examination.is_live:
            return Examined(validation, copies=examination.copies)
        estimate = self._estimator.estimate(examination, dirty_for_s)
        return Examined(validation, estimate, examination.copies)

    def migrate(
        self,
        name: str,
        to: str,
        *,
        max_pause_ms: int | None = None,
        throttle: bool | None = None,
        bandwidth_mib_s: int | None = None,
        postcopy: bool | None = None,
        pool: str = "",
        keep_disks: bool = False,
        is_return: bool = False,
    ) -> MigrationView:
        """Validate, hold the room, start. Returns at once. Raises `Refused`, `Busy`.

        `pool` and `keep_disks`: of disks that are copied, where to, and that they stay here, too.
        """
        given = {
            "max_pause_ms": max_pause_ms,
            "throttle": throttle,
            "bandwidth_mib_s": bandwidth_mib_s,
            "postcopy": postcopy,
        }
        limits = {key: value for key, value in given.items() if value is not None}
        _check_policy(replace(Policy(), **limits))
        partition = self._estate.partition_now(name)
        self._estate.watch(to)
        policy = replace(_policy(partition), **limits)
        examination = self._examiner.examine(partition, to, policy, pool=pool, thorough=False)
        validation = validate(examination)
        require(validation)
        if pool or keep_disks:
            _require_copies(examination)
        record = self._record(examination, is_return=is_return, keep_disks=keep_disks)
        record = self._begin(record, examination)
        self._executor.start(record)
        return MigrationView(record, findings=validation.warnings)

    def _begin(self, record: Migration, e: Examination) -> Migration:
        """Open the record and hold its room, in one transaction. Raises `Busy`."""
        total = configurable(e.target.system, e.target.facts) if e.target.facts else NOTHING
        claims = self._estate.claims

        def hold(promised: Sequence[Reservation], unfinished: Sequence[Migration]) -> Reservation:
            self._estate.require_unchanged(e.source.system, e.target.system)
            enter_movers(record, (e.source.system, e.target.system), unfinished)
            # As it is now: what was activated there since the examination has its room.
            taken = [*promised, *claims.rooms(record.target)]
            wanted = Reservation(
                record.id, record.target, record.partition_uuid, record.partition, record.demand
            )
            return reserve(wanted, total, self._estate.partitions(record.target), taken)

        with claims.partition(record.partition_uuid, record.partition, "about to move"):
            if record.kind is Kind.INACTIVE:  # it may have been activated since, or deleted
                now = self._estate.partition_now(record.partition_uuid)
                must_be(now, Sight.OFF)
            else:
                record = self._as_it_is_now(record)
            with claims.counting():
                self._journal.begin(record, hold)
        return record

    def _as_it_is_now(self, record: Migration) -> Migration:
        """It may have been resized since it was examined."""
        here = self._estate.watch(record.source).partitions
        now = next((p.demand for p in here if p.uuid == record.partition_uuid), NOTHING)
        return replace(record, demand=larger(record.demand, now))

    def _record(self, e: Examination, *, is_return: bool, keep_disks: bool) -> Migration:
        kind, policy = e.kind or Kind.ACTIVE, e.policy
        # What does not run is not run before it is whole.
        if kind is not Kind.ACTIVE or e.no_postcopy or e.copies:
            policy = replace(policy, postcopy=False)
        migration_id = secrets.token_hex(4)
        return Migration(
            id=migration_id,
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
            copies=tuple(named(copy, migration_id) for copy in e.copies),
            keep_disks=keep_disks,
        )

    def take_back(self, name: str) -> MigrationView:
        """Move it back to where it last came from. Raises `Conflict` if it never moved."""
        partition = self._estate.partition_now(name)
        if partition.mark is None or not partition.mark.came_from:
            name, uuid = partition.name, partition.uuid
            raise Conflict(
                "no-way-back",
                f"{name!r} has not come from another server.",
                remedy=f"Name one: lpm migrate {spoken(name, uuid)} --to SYSTEM.",
            )
        return self.migrate(name, partition.mark.came_from, is_return=True)


def _require_copies(e: Examination) -> None:
    """Raise `BadRequest` where no disk is copied."""
    if not e.copies:
        raise BadRequest(
            "nothing-copied",
            f"No disk of {e.partition.name!r} is copied.",
            cause=f"{e.target.name} reaches all of them, or it has none.",
            remedy="Leave out the pool, and that disks are kept.",
        )


def _policy(partition: Partition) -> Policy:
    return partition.mark.policy if partition.mark else Policy()


def _check_policy(policy: Policy) -> None:
    checked_range("The longest pause allowed in ms", policy.max_pause_ms, 1, 60_000)
    checked_range("The bandwidth in MiB/s", policy.bandwidth_mib_s, 0, 1_000_000)
