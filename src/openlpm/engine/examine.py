"""Gathers what validation judges: asks both servers, all at once.

Nothing is changed by it. What cannot be had is left out, and the check that names the missing
thing says so; so one silent server never hides what the other would have said.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from openlpm.decide.examination import Examination, Side
from openlpm.engine.estate import Estate
from openlpm.engine.watch import Watch
from openlpm.model.errors import OpenLpmError
from openlpm.model.hardware import DiskKind, Hardware
from openlpm.model.migration import Migration
from openlpm.model.partition import Partition
from openlpm.ports import Journal

T = TypeVar("T")


class Examiner:
    """Examines a partition against targets. Its threads only ever wait for servers."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="examine")

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def examine(self, partition: Partition, target: str) -> Examination:
        """One partition against one target, as they are now."""
        source_watch, target_watch = (
            self._estate.watch(partition.system),
            self._estate.watch(target),
        )
        unfinished = self._journal.unfinished()
        source, there = (
            self._pool.submit(self._side, watch, unfinished)
            for watch in (source_watch, target_watch)
        )
        fresh = self._ask(lambda: source_watch.host.partition(partition.uuid)) or partition
        hardware = self._ask(lambda: source_watch.host.describe(partition.uuid))
        examination = Examination(
            partition=fresh,
            source=_known(source, source_watch),
            target=_known(there, target_watch),
            hardware=hardware,
            move_under_way=next(
                (m.id for m in unfinished if m.partition_uuid == partition.uuid), ""
            ),
        )
        both_answer = examination.source.facts and examination.target.facts
        if hardware is None or not both_answer or source_watch is target_watch:
            return examination
        return self._ask_the_pair(examination, hardware, source_watch, target_watch)

    def _ask_the_pair(
        self, e: Examination, hardware: Hardware, source: Watch, target: Watch
    ) -> Examination:
        """The questions that need both servers, each in a thread of its own."""
        uuid = e.partition.uuid
        with_backing = tuple(d for d in hardware.disks if d.kind is not DiskKind.EMPTY)
        rmc = self._later(lambda: source.host.rmc(uuid))
        cpu = self._later(lambda: target.host.compare_cpu(hardware))
        disks = self._later(lambda: target.host.open_disks(with_backing))
        busy = e.is_live and self._ask(lambda: source.host.busy(uuid))
        # A job under way would make the call fail for a reason that has its own finding.
        callable_now = e.is_live and not busy and not e.move_under_way
        peer = (
            self._ask(lambda: source.host.call_peer(uuid, target.system)) if callable_now else None
        )
        return replace(
            e,
            partition=replace(e.partition, rmc=rmc.result() or e.partition.rmc),
            cpu=cpu.result(),
            peer=peer,
            failing_disks=disks.result() or {},
            job_under_way=bool(busy),
        )

    def _side(self, watch: Watch, unfinished: Sequence[Migration]) -> Side:
        host = watch.host
        return Side(
            system=watch.system,
            facts=host.facts(),
            trouble=watch.trouble,
            partitions=tuple(host.partitions()),
            reservations=tuple(self._journal.reservations(watch.system.name)),
            moves=sum(watch.system.name in (m.source, m.target) for m in unfinished),
        )

    def _later(self, question: Callable[[], T]) -> Future[T | None]:
        return self._pool.submit(self._ask, question)

    @staticmethod
    def _ask(question: Callable[[], T]) -> T | None:
        """The answer, or None where there is none to be had."""
        try:
            return question()
        except OpenLpmError:
            return None


def _known(asked: Future[Side], watch: Watch) -> Side:
    try:
        return asked.result()
    except OpenLpmError as error:
        return Side(watch.system, None, watch.trouble or error.message, watch.partitions)
