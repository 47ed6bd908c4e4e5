"""Gathers what validation judges: asks both servers, all at once.

Nothing is changed by it. What cannot be had is left out, and the check that names the missing
thing says so; so one silent server never hides what the other would have said.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from openlpm.decide.copy_plan import Ends, of_one_server, plan, pool_of
from openlpm.decide.examination import Examination, Side
from openlpm.decide.reserve import moves_at
from openlpm.decide.same_disk import IN_POOLS
from openlpm.engine.encryption import Encryption
from openlpm.engine.estate import Estate
from openlpm.engine.postcopy import Postcopy
from openlpm.engine.watch import Watch
from openlpm.model.encryption import is_encrypted
from openlpm.model.errors import OpenLpmError
from openlpm.model.hardware import DiskKind, Hardware
from openlpm.model.migration import Kind, Migration
from openlpm.model.partition import Partition
from openlpm.model.policy import Policy
from openlpm.model.system import Link
from openlpm.model.verdict import PeerVerdict
from openlpm.ports import Clock, Journal

T = TypeVar("T")
CALLS = 3
"""Tries before an objection is believed: another's call of the same kind is a job for a moment."""


class Examiner:
    """Examines a partition against targets. Its threads only ever wait for servers."""

    def __init__(self, estate: Estate, journal: Journal, clock: Clock) -> None:
        self._estate = estate
        self._journal = journal
        self._encryption = Encryption(journal, clock)
        self._postcopy = Postcopy(clock)
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="examine")

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def examine(
        self,
        partition: Partition,
        to: str,
        policy: Policy,
        *,
        pool: str = "",
        thorough: bool = True,
    ) -> Examination:
        """One partition, seen just now, against one target as it is now, for such a move.

        `pool`: at the target, for disks that must be copied.

        Not `thorough`, for a live move that begins now: the disks are not opened from the target,
        nor its processor time tried (that takes a QEMU process; the move's own opens the disks and
        is given its time before memory is sent), an encrypted
        way or a target's post-copy that was proved of late is not proved anew, and whether the
        agent answers is libvirt's word, not the busy guest's.
        """
        source, target = self._estate.watch(partition.system), self._estate.watch(to)
        unfinished = self._journal.unfinished()
        here = self._pool.submit(self._source_side, source, unfinished)
        there = self._pool.submit(self._target_side, target, unfinished)
        unanswered: list[str] = []
        uuid = partition.uuid
        begun = Examination(
            partition=partition,
            source=Side(source.system, source.facts),
            target=Side(target.system, target.facts),
            policy=policy,
            move_under_way=next((m.id for m in unfinished if m.partition_uuid == uuid), ""),
        )
        is_pair = _connected(target) and source is not target
        ends = (source, target)
        described = self._pool.submit(
            _answer, "its devices", lambda: source.host.describe(uuid), unanswered
        )
        way = (
            self._pool.submit(self._way, begun, ends, described, unanswered, thorough=thorough)
            if is_pair
            else None
        )
        hardware = described.result()
        if is_pair and hardware is not None:
            tries = thorough or not begun.is_live
            begun = self._fitted(begun, hardware, ends, unanswered, thorough=tries)
            begun = self._with_copying(begun, hardware, ends, unanswered, pool=pool)
        if way is not None:
            busy, peer = way.result()
            begun = replace(begun, job_under_way=busy, peer=peer)
        return replace(
            begun,
            hardware=hardware,
            source=_known(here, source),
            target=_known(there, target),
            unanswered=tuple(sorted(unanswered)),
        )

    def _fitted(
        self,
        e: Examination,
        hardware: Hardware,
        ends: tuple[Watch, Watch],
        unanswered: list[str],
        *,
        thorough: bool,
    ) -> Examination:
        """Whether what it is made of would work at the target, each question in a thread."""
        uuid = e.partition.uuid
        here, there = ends
        there_too = [d for d in hardware.disks if not (e.is_live and of_one_server(d))]
        tried = [d for d in there_too if thorough and d.kind is not DiskKind.EMPTY]

        def later(what: str, question: Callable[[], T]) -> Future[T | None]:
            return self._pool.submit(_answer, what, question, unanswered)

        rmc = later("the agent", lambda: here.host.rmc(uuid) if thorough else e.partition.rmc)
        cpu = later("the processor", lambda: there.host.compare_cpu(hardware.cpu))
        disks = later("the disks", lambda: there.host.open_disks(tried) if tried else {})
        in_pools = any(d.kind in IN_POOLS for d in hardware.disks)
        pools = later(
            "the storage pools",
            lambda: (tuple(here.host.pools()), tuple(there.host.pools())) if in_pools else None,
        )
        may_switch = e.policy.postcopy and e.kind is Kind.ACTIVE
        postcopy = later(
            "post-copy",
            lambda: self._postcopy.tried(there, anew=thorough) if may_switch else "",
        )
        asks = thorough and hardware.entitled
        time = later("its processor time", lambda: there.host.try_division() if asks else None)
        return replace(
            e,
            partition=replace(e.partition, rmc=rmc.result() or e.partition.rmc),
            cpu=cpu.result(),
            failing_disks=disks.result() or {},
            pools=pools.result(),
            no_postcopy=postcopy.result() or "",
            time=time.result(),
        )

    def _with_copying(
        self,
        e: Examination,
        hardware: Hardware,
        ends: tuple[Watch, Watch],
        unanswered: list[str],
        *,
        pool: str,
    ) -> Examination:
        """And what becomes of disks that only the source can reach."""
        disks = [disk for disk in hardware.disks if of_one_server(disk)]
        if not e.is_live or e.pools is None or not disks:
            return e
        here, there = e.pools
        names = {pool_of(disk, here)[0] for disk in disks} - {""}
        host = ends[0].host
        volumes = _answer(
            "the volumes", lambda: {name: host.volumes(name) for name in names}, unanswered
        )
        if volumes is None:
            return e
        arriving = [m for m in self._journal.unfinished() if m.target == e.target.name]
        promised = Counter[str]()
        for copy in (copy for move in arriving for copy in move.copies):
            promised[copy.to_pool] += copy.capacity_bytes
        found = Ends(e.source.name, e.target.name, here, there, volumes, pool, promised)
        return replace(e, copying=plan(disks, found))

    def _way(
        self,
        e: Examination,
        ends: tuple[Watch, Watch],
        described: Future[Hardware | None],
        unanswered: list[str],
        *,
        thorough: bool,
    ) -> tuple[bool, PeerVerdict | None]:
        """Whether a job is under way; and if none is, whether the source reaches the target."""
        uuid = e.partition.uuid
        source, target = ends
        peer = None
        copied: list[str] = []
        for _ in range(CALLS if e.is_live else 0):
            # A job under way makes the call fail, for a reason that has its own finding.
            if _answer("its jobs", lambda: source.host.busy(uuid), unanswered):
                return True, None
            if e.move_under_way:
                break
            call = partial(source.host.call_peer, uuid, target.system, copied)
            peer = _answer("the way", call, unanswered)
            if peer is None or not peer.objection:
                break
            hardware = described.result()  # libvirt objects to disks that it was not told to copy
            copied = [d.target for d in hardware.disks if of_one_server(d)] if hardware else []
        if peer != PeerVerdict() or not is_encrypted(source.system, target.system):
            return False, peer
        tried = lambda: self._encryption.tried(source, target, anew=thorough)  # noqa: E731
        return False, _answer("the encrypted way", tried, unanswered)

    def _source_side(self, watch: Watch, unfinished: Sequence[Migration]) -> Side:
        return Side(
            system=watch.system,
            facts=watch.host.facts(),
            trouble=watch.trouble,
            moves=moves_at(watch.system.name, unfinished),
        )

    def _target_side(self, watch: Watch, unfinished: Sequence[Migration]) -> Side:
        host = watch.host
        return Side(
            system=watch.system,
            facts=host.facts(),
            trouble=watch.trouble,
            partitions=tuple(host.partitions()),
            reservations=tuple(self._journal.reservations(watch.system.name)),
            moves=moves_at(watch.system.name, unfinished),
        )


def _connected(watch: Watch) -> bool:
    return watch.link is Link.CONNECTED


def _answer(what: str, question: Callable[[], T], unanswered: list[str]) -> T | None:
    """The answer; None where there is none to be had, and then `unanswered` says why."""
    try:
        return question()
    except OpenLpmError as error:
        unanswered.append(f"{what}: {error.cause or error.message}")
        return None


def _known(asked: Future[Side], watch: Watch) -> Side:
    try:
        return asked.result()
    except OpenLpmError as error:
        return Side(watch.system, None, watch.trouble or error.message, watch.partitions)
