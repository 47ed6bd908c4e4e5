"""Use cases on storage pools and volumes: look at them; make, enlarge and remove volumes.

Everything is asked of the servers when it is asked for, of all at once, and nothing is kept. To
look, servers out of reach are left out and named. To change, what they might use counts as used.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from openlpm.decide import volumes as rules
from openlpm.decide.uses import Known, brief
from openlpm.engine.estate import Estate
from openlpm.engine.layers import lying_over
from openlpm.engine.views import PoolsView, VolumesView, VolumeView
from openlpm.engine.watch import Watch
from openlpm.model.errors import Busy, Conflict, NotFound, OpenLpmError, ServerUnreachable
from openlpm.model.names import checked_name
from openlpm.model.storage import (
    KnownPool,
    SystemStorage,
    Use,
    Volume,
)
from openlpm.model.system import VirtualSwitch
from openlpm.ports import Host, Journal

T = TypeVar("T")
AT_ONCE = 16
"""Systems that are asked at the same time."""
Unseen = tuple[tuple[str, str], ...]


class Storage:
    """The pools of all managed systems."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal

    def pools(self, system: str = "") -> PoolsView:
        """All pools, or one system's, and which are the same storage. Raises `NotFound`."""
        if system:
            _ = self._estate.host(system)
        known, unseen = self.look()
        return PoolsView(
            tuple(each for each in known.brief() if system in ("", each.system)), unseen
        )

    def volumes(self, pool: str, system: str = "") -> VolumesView:
        """The volumes of a pool, and who uses them, on whichever system.

        Raises `NotFound`; `Conflict` where systems have different pools of that name.
        """
        known, unseen = self.look()
        found = self._one(known, unseen, pool, system)
        listed = self._estate.host(found.system).volumes(pool)
        users = ((each, known.users(found.system, found.pool, each)) for each in listed)
        return VolumesView(
            brief(found), tuple(VolumeView(each, uses) for each, uses in users), unseen
        )

    def create(
        self, pool: str, name: str, size_mib: int, system: str = "", file_format: str = ""
    ) -> VolumeView:
        """Make a volume. Raises `BadRequest`, `Conflict`, `HypervisorRefused`."""
        checked_name("volume", name)
        capacity_bytes = rules.checked_capacity(size_mib)
        known, unseen = self.look()
        found = self._one(known, unseen, pool, system)
        rules.require_meant(found, unseen, system)
        wanted = rules.new_volume(found, name, capacity_bytes, file_format)
        made = self._estate.host(found.system).create_volume(pool, wanted)
        self._refresh_elsewhere(found)
        return VolumeView(made)

    def grow(self, pool: str, name: str, size_mib: int, system: str = "") -> VolumeView:
        """Enlarge a volume; a guest that has it open is told."""
        capacity_bytes = rules.checked_capacity(size_mib)
        found, volume, uses = self._now(pool, name, system)
        rules.require_growth(found, volume, capacity_bytes)
        with ExitStack() as held:
            for uuid, partition in sorted({(use.uuid, use.partition) for use in uses}):
                claim = self._estate.claims.partition(uuid, partition, "getting a larger disk")
                held.enter_context(claim)
            self._refuse_moving(uses)
            uses = self._uses(found, volume)
            opener = rules.opener(volume, uses)
            if opener is None:
                self._estate.host(found.system).grow_volume(pool, name, capacity_bytes)
            else:
                host = self._estate.host(opener.system)
                host.grow_disk(opener.uuid, opener.disk, capacity_bytes)
                self._estate.host(found.system).refresh_pool(pool)
        self._refresh_elsewhere(found)
        return VolumeView(self._volume(found, name), uses)

    def delete(self, pool: str, name: str, system: str = "") -> None:
        """Remove a volume that nobody uses. Raises `Conflict` where somebody does, or may."""
        found, volume, uses = self._now(pool, name, system)
        rules.require_unused(found, volume, uses)
        rules.require_unused(found, volume, self._uses(found, volume))
        self._estate.host(found.system).delete_volume(pool, name)
        self._refresh_elsewhere(found)

    def look(self) -> tuple[Known, Unseen]:
        """What all systems within reach say, and which are out of it."""
        told, unseen = self._of_each(_seen)
        return Known(told.values()), tuple(sorted(unseen.items()))

    def look_at_all(self) -> tuple[Known, dict[str, tuple[VirtualSwitch, ...]], Unseen]:
        """The same, and their virtual switches."""
        told, unseen = self._of_each(lambda name, host: (_seen(name, host), host.facts().switches))
        switches = {name: found for name, (_, found) in told.items()}
        return Known(each for each, _ in told.values()), switches, tuple(sorted(unseen.items()))

    def _of_each(self, question: Callable[[str, Host], T]) -> tuple[dict[str, T], dict[str, str]]:
        """What each says, all asked at once; and why the others say nothing."""
        told: dict[str, T] = {}
        unseen: dict[str, str] = {}

        def ask(watch: Watch) -> None:
            name = watch.system.name
            try:
                told[name] = question(name, watch.host)
            except OpenLpmError as error:
                unseen[name] = error.cause or error.message

        with ThreadPoolExecutor(AT_ONCE, "storage") as pool:
            list(pool.map(ask, self._estate.watches()))
        return told, unseen

    def _one(self, known: Known, unseen: Unseen, pool: str, system: str) -> KnownPool:
        """The pool that is meant: on the system named, or any of those that have the same one."""
        if system:
            _ = self._estate.host(system)
            for name, why in unseen:
                if name == system:
                    raise ServerUnreachable(
                        "server-unreachable", f"{system} does not say what it has.", cause=why
                    )
        found = [k for k in known.pools() if k.pool.name == pool and system in ("", k.system)]
        if not found:
            raise NotFound(
                "no-such-pool",
                f"There is no storage pool {pool[:80]!r}{f' on {system}' if system else ''}.",
                remedy="lpm storage pools shows all.",
            )
        active = next((each for each in found if each.pool.active), found[0])
        same = {active.system, *(place.system for place in active.same_as if place.pool == pool)}
        others = [each.system for each in found if each.system not in same]
        if others:
            raise Conflict(
                "ambiguous-pool",
                f"There are different storage pools named {pool!r}.",
                cause=f"They are on {', '.join(sorted([active.system, *others]))}.",
                remedy="Name the system: --on SYSTEM.",
            )
        if not active.pool.active:
            raise Conflict(
                "pool-inactive",
                f"Storage pool {pool!r} on {active.system} is inactive.",
                remedy=f"Start it there: virsh pool-start {pool}.",
            )
        return active

    def _now(self, pool: str, name: str, system: str) -> tuple[KnownPool, Volume, tuple[Use, ...]]:
        """A volume as it is this moment, and all who use it; for what changes it."""
        known, unseen = self.look()
        found = self._one(known, unseen, pool, system)
        rules.require_meant(found, unseen, system)
        rules.refuse_fixed(found, "changes")  # before it is refreshed, which may fail
        rules.require_all_seen(found, unseen)
        rules.require_readable(found, known)
        self._estate.host(found.system).refresh_pool(pool)
        volume = self._volume(found, name)
        places = known.places(found.system, found.pool, volume)
        over = self._made_over(known, found, places)
        rules.require_nothing_over(found, volume, over)
        return found, volume, known.users_of(places)

    def _uses(self, found: KnownPool, volume: Volume) -> tuple[Use, ...]:
        """Who uses it, asked once more right before it is changed.

        Systems are not asked at one moment: what moved between two answers is on neither. It is on
        its target now.
        """
        known, unseen = self.look()
        rules.require_all_seen(found, unseen)
        rules.require_readable(found, known)
        return known.users_of(known.places(found.system, found.pool, volume))

    def _volume(self, found: KnownPool, name: str) -> Volume:
        for volume in self._estate.host(found.system).volumes(found.pool.name):
            if volume.name == name:
                return volume
        raise NotFound(
            "no-such-volume",
            f"There is no volume {name[:80]!r} in storage pool {found.pool.name!r}.",
            remedy=f"lpm storage volumes {found.pool.name} shows all.",
        )

    def _made_over(self, known: Known, found: KnownPool, places: frozenset[str]) -> list[str]:
        """Volumes of any pool that may have been made over the one at `places`."""
        over: list[str] = []
        systems = known.systems() if rules.may_be_shared(found) else [found.system]
        for system in systems:
            over += lying_over(places, known, system, self._estate.host(system))
        return sorted(set(over))

    def _refuse_moving(self, uses: tuple[Use, ...]) -> None:
        """A partition that moves is on two systems, and either may have the disk open."""
        for record in self._journal.unfinished():
            if record.partition_uuid in {use.uuid for use in uses}:
                raise Busy(
                    "move-under-way",
                    f"{record.partition!r} is moving from {record.source} to {record.target}.",
                    remedy=f"Wait for it: lpm migration watch {record.id}.",
                )

    def _refresh_elsewhere(self, found: KnownPool) -> None:
        """So that the other systems' libvirt sees it too. What fails there has changed nothing."""
        for place in found.same_as:
            try:
                self._estate.host(place.system).refresh_pool(place.pool)
            except OpenLpmError:
                continue


def _seen(system: str, host: Host) -> SystemStorage:
    return SystemStorage(system, tuple(host.pools()), tuple(host.partition_io()))
