"""Resizing: a running partition is given more, or less, within its current profile's limits.

    what it has → what is asked for → limits, room → steps, one after the other → seen anew

All is checked before the first step. If a step is refused, those before it are taken back; what
could not be is told. Nothing is written down meanwhile: what a partition has is what its server
says, and a console that dies in between leaves some steps done, which is seen by whoever looks.

What runs is changed, not the profile, unless it is to be saved. Meanwhile the partition is claimed
(`claims`), with what it is to get and what it may have to get back: no move of it begins, its
definition is not written, and nobody else is given that. A guest is waited for without any lock.
"""

from collections.abc import Callable, Sequence

from openlpm.decide.implied import implied
from openlpm.decide.reserve import larger
from openlpm.decide.resize import plan, require_limits, require_room, saved, wanted
from openlpm.engine.activation import missing_backing, not_divided
from openlpm.engine.asked_resize import checked
from openlpm.engine.claims import Claim
from openlpm.engine.done import tell_done
from openlpm.engine.estate import Estate
from openlpm.engine.resize_steps import Steps
from openlpm.engine.states import must_be, must_be_ours
from openlpm.engine.taking import held_by_others, room, take_disks
from openlpm.engine.views import Resized, SizeView, resized, size_view
from openlpm.model.errors import Conflict, HypervisorRefused, OpenLpmError, Refused
from openlpm.model.event import Event, Level
from openlpm.model.finding import Finding, Severity
from openlpm.model.partition import Partition
from openlpm.model.profile import Adapter, EthernetAdapter, Profiles, keys
from openlpm.model.profile_document import changed
from openlpm.model.resize import Amounts, Change, Resize, Running
from openlpm.model.sight import Sight
from openlpm.model.spoken import spoken
from openlpm.model.system import configurable
from openlpm.ports import Host, Journal


class Resizing:
    """Raises as `Console` says. `idle` finds a partition that does not move."""

    def __init__(self, estate: Estate, journal: Journal, idle: Callable[[str], Partition]) -> None:
        self._estate = estate
        self._journal = journal
        self._idle = idle

    def show(self, name: str) -> SizeView:
        """What it has, beside its current profile."""
        partition = self._estate.partition_now(name)
        host = self._estate.host(partition.system)
        active = partition.state in (Sight.RUNNING, Sight.PAUSED)
        running = host.running(partition.uuid) if active else None
        return size_view(partition, running, self._kept(host, partition))

    def resize(self, name: str, asked: Resize) -> Resized:
        """Do all that is asked, or nothing."""
        asked = checked(asked)
        found = self._estate.partition(name)
        with self._estate.claims.partition(found.uuid, found.name, "being resized") as claim:
            partition = self._idle(found.uuid)
            _require_running(partition)
            host = self._estate.host(partition.system)
            kept = self._kept(host, partition)
            running = host.running(partition.uuid)
            after = wanted(partition, running, kept.named(), asked)
            require_limits(partition, running, kept.named(), asked, after)
            steps = plan(partition, running, kept.named(), after, asked)
            profiles = kept.with_changed(changed(kept.named(), saved(kept.named(), asked, after)))
            self._take_adapters(host, partition, asked, claim)
            self._take_room(host, partition, running, after, claim)
            done = self._do(host, partition, steps, stored=asked.save)
            what = ", ".join(done.told) or "it was so already"
            self._tell(partition, "partition-resized", f"resized: {what}", Level.INFO)
            if asked.save:
                self._save(host, partition, profiles, done)
            return self._seen(partition, done, saved=asked.save)

    def _kept(self, host: Host, partition: Partition) -> Profiles:
        kept = host.profiles(partition.uuid)
        return implied(partition, host.describe(partition.uuid)) if kept is None else kept

    def _take_adapters(self, host: Host, partition: Partition, asked: Resize, claim: Claim) -> None:
        """What is plugged in must be there, and nobody else's; what goes may have to come back."""
        taken = take_disks(self._estate, [*keys(asked.add), *asked.remove], claim)
        self._require_new_addresses(partition, asked.add)
        missing = missing_backing(host, asked.add, taken)
        if missing:
            raise Refused(
                "adapter-missing",
                f"{partition.system} lacks what is to be plugged into {partition.name!r}.",
                [_lacking(partition, key, why) for key, why in missing.items()],
            )

    def _require_new_addresses(self, partition: Partition, added: Sequence[Adapter]) -> None:
        others = [p for p in self._estate.partitions() if p.uuid != partition.uuid]
        macs = {mac: p for p in others for mac in p.macs}
        for adapter in added:
            if isinstance(adapter, EthernetAdapter) and adapter.key in macs:
                other = macs[adapter.key]
                raise Conflict(
                    "mac-taken",
                    f"{other.name!r} on {other.system} has the MAC address {adapter.key}.",
                    remedy="Give another one, or none: then one is chosen.",
                )

    def _take_room(
        self, host: Host, partition: Partition, running: Running, after: Amounts, claim: Claim
    ) -> None:
        """What it is to have; what it has now, too, as a refused step takes it back there."""
        total = configurable(self._estate.watch(partition.system).system, host.facts())
        with self._estate.claims.counting():
            held = held_by_others(self._estate, self._journal, partition)
            require_room(partition, running, after, total, held)
            claim.room = room(partition, larger(partition.demand, after.resources))

    def _do(
        self, host: Host, partition: Partition, steps: Sequence[Change], *, stored: bool
    ) -> Steps:
        doing = Steps(host, partition, stored=stored)
        try:
            doing.all(steps)
        finally:
            self._estate.watch(partition.system).refresh(partition.uuid)
        return doing

    def _save(self, host: Host, partition: Partition, profiles: Profiles, done: Steps) -> None:
        try:
            host.write_profiles(partition.uuid, profiles)
        except OpenLpmError as error:
            raise HypervisorRefused(
                "not-saved",
                f"{partition.name!r} is resized; its profile {profiles.current!r} is not saved.",
                cause=f"{error.message} {error.cause} Done: {', '.join(done.told)}.",
                remedy="Change the profile by itself: lpm profile set.",
            ) from error

    def _seen(self, partition: Partition, done: Steps, *, saved: bool) -> Resized:
        warnings = _warnings(partition, done)
        for warning in warnings:
            self._tell(partition, warning.code, warning.message, Level.WARNING)
        now = self._estate.partition_now(partition.uuid)
        return resized(now, done.told, warnings, saved=saved)

    def _tell(self, partition: Partition, code: str, message: str, level: Level) -> None:
        tell_done(
            self._journal,
            Event(
                code,
                f"{partition.name}: {message}",
                level=level,
                system=partition.system,
                partition=partition.name,
            ),
        )


def _require_running(partition: Partition) -> None:
    must_be_ours(partition)
    if partition.state is Sight.OFF:
        word = spoken(partition.name, partition.uuid)
        raise Conflict(
            "not-running",
            f"{partition.name!r} is off: what it gets is for its profile to say.",
            remedy=f"Change that: lpm profile set {word} PROFILE; then activate it.",
        )
    must_be(partition, Sight.RUNNING)


def _lacking(partition: Partition, key: str, why: str) -> Finding:
    return Finding(
        "adapter-missing",
        Severity.ERROR,
        partition.system,
        "the backing of the adapters that are to be plugged",
        f"{key}: {why}",
        "Bring it back, power off who uses it, or name another.",
    )


def _warnings(partition: Partition, done: Steps) -> list[Finding]:
    found: list[Finding] = []
    if done.unused:
        found.append(
            Finding(
                "processors-not-used",
                Severity.WARNING,
                partition.system,
                "whether its guest uses the processors that it got",
                f"Its guest was given processors, and may not use them: {done.unused}",
                "Inside, for each: echo 1 > /sys/devices/system/cpu/cpuN/online.",
            )
        )
    if not done.divides:
        found.append(not_divided(partition.system))
    return found
