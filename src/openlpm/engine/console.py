"""The console: the one class that faces call. It wires the use cases and adds nothing to them.

They live by noun: `systems`, `partitions`, `moves` (asking for one), `migrations` (following one).
Those that change something, or try things on servers, are the leader's (`leadership`).
"""

from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from openlpm.engine.backups import Backups
from openlpm.engine.baseline import Baselines
from openlpm.engine.bell import Bell
from openlpm.engine.estate import Estate
from openlpm.engine.executor import Executor
from openlpm.engine.fence import Fence
from openlpm.engine.following import Following
from openlpm.engine.guard import Guard
from openlpm.engine.leadership import Leading
from openlpm.engine.migrations import Migrations
from openlpm.engine.moves import Moves
from openlpm.engine.partitions import Partitions
from openlpm.engine.profiles import ProfileUses
from openlpm.engine.reconciler import Reconciler
from openlpm.engine.resizing import Resizing
from openlpm.engine.storage import Storage
from openlpm.engine.systems import Systems
from openlpm.engine.views import (
    Activated,
    ConsoleView,
    Examined,
    MigrationView,
    NetworksView,
    PoolsView,
    ProfilesView,
    Recovery,
    Resized,
    SizeView,
    SystemView,
    VolumesView,
    VolumeView,
)
from openlpm.engine.vios import VirtualIo
from openlpm.engine.world import World
from openlpm.model.backup import BackupReport, RestoreReport
from openlpm.model.baseline import Baseline
from openlpm.model.event import Event, Level
from openlpm.model.leadership import Leader
from openlpm.model.names import checked_range
from openlpm.model.partition import Partition, PartitionSpec
from openlpm.model.resize import Resize
from openlpm.model.system import System
from openlpm.model.vios import Vios
from openlpm.ports import Archive, Clock, Hypervisors, Inventory, Journal, Leadership, Stream

P = ParamSpec("P")
R = TypeVar("R")


def leaders(
    use: Callable[Concatenate["Console", P], R],
) -> Callable[Concatenate["Console", P], R]:
    """A use case that is refused while another console leads (`NotLeader`)."""

    @wraps(use)
    def asked(console: "Console", *args: P.args, **options: P.kwargs) -> R:
        console.leading.require()
        return use(console, *args, **options)

    return asked


class Console:
    """All use cases. Thread-safe; every method is bounded in time.

    Raises errors of `model.errors` only. A refused request has changed nothing.
    """

    def __init__(
        self,
        journal: Journal,
        inventory: Inventory,
        archive: Archive,
        hypervisors: Hypervisors,
        clock: Clock,
        *,
        leadership: Leadership,
    ) -> None:
        self._journal = journal
        self._news = Bell()
        self.leading = Leading(leadership, clock, begin=self._lead, end=self._follow)
        fenced = Fence(hypervisors, self.leading.confirm)
        self._estate = Estate(inventory, journal, fenced, clock, self._news)
        self._systems = Systems(self._estate, journal)
        self._baselines = Baselines(self._estate)
        self._storage = Storage(self._estate, journal)
        self._vios = VirtualIo(self._estate, journal, self._storage)
        self._backups = Backups(self._estate, archive)
        self._partitions = Partitions(self._estate, journal)
        self._profiles = ProfileUses(self._estate, self._partitions.idle)
        self._resizing = Resizing(self._estate, journal, self._partitions.idle)
        self._world = world = World(
            journal=journal,
            clock=clock,
            news=self._news,
            host=self._estate.host,
            system=lambda name: self._estate.watch(name).system,
            follow=lambda system, uuid, ring: self._estate.watch(system).follow(uuid, ring),
            refresh=lambda system, uuid: self._estate.watch(system).refresh(uuid),
            forget=lambda system, uuid: self._estate.watch(system).forget(uuid),
            systems=lambda: [watch.system.name for watch in self._estate.watches()],
        )
        self._executor = Executor(world)
        self._moves = Moves(self._estate, journal, self._executor, clock)
        self._migrations = Migrations(world, self._executor)
        self._following = Following(self.leading, self._estate, self._news)
        self._reconciler: Reconciler | None = None
        self._guard: Guard | None = None

    def open(self) -> None:
        """Connect to all systems; if we lead, take up what an earlier console left."""
        self._journal.subscribe(self._news.ring)
        self.leading.open()
        self._estate.sync()
        self._following.start()

    def close(self) -> None:
        """Let go of everything. Transfers under way go on between the servers."""
        self._following.close()
        self.leading.close()
        self._executor.close()
        self._moves.close()
        self._estate.close()

    def _lead(self, leader: Leader, before: Leader) -> None:
        self._estate.sync()
        if leader.left_s is not None:
            self._journal.tell(_leads(leader, before))
        self._executor.open()
        self._reconciler = Reconciler(self._world, self._executor)
        self._reconciler.start()
        self._guard = Guard(self._estate, self._journal)
        self._guard.start()

    def _follow(self) -> None:
        for periodic in (self._guard, self._reconciler):
            if periodic is not None:
                periodic.close()
        self._executor.close()

    def console(self) -> ConsoleView:
        """This console itself, and who leads."""
        return self.leading.view()

    # Managed systems

    def systems(self) -> list[SystemView]:
        """All managed systems."""
        return self._systems.all()

    def system(self, name: str) -> SystemView:
        """One managed system. Raises `NotFound`."""
        return self._systems.show(name)

    @leaders
    def add_system(self, system: System) -> SystemView:
        """Manage a server; it is kept only if it answers."""
        return self._systems.add(system)

    @leaders
    def remove_system(self, name: str) -> None:
        """Forget a server; nothing on it is touched."""
        self._systems.remove(name)

    def baseline(self, systems: Sequence[str]) -> Baseline:
        """What processor all of them can give, and which of their partitions fit it.

        Raises `NotFound`, `ServerUnreachable`, `BadRequest`; `Conflict` where there is none.
        """
        return self._baselines.compute(systems)

    # Virtual I/O Servers

    def vios(self, system: str) -> Vios:
        """A system's Virtual I/O Server: each virtual adapter and its backing, pools, mover."""
        return self._vios.show(system)

    @leaders
    def set_vios(
        self,
        system: str,
        *,
        mover_address: str | None = None,
        mover_bandwidth_mib_s: int | None = None,
        concurrent: int | None = None,
    ) -> SystemView:
        """Change its mover, for moves that begin from now on. Raises `Conflict`, `BadRequest`."""
        self._systems.change_mover(
            system,
            address=mover_address,
            bandwidth_mib_s=mover_bandwidth_mib_s,
            concurrent=concurrent,
        )
        return self._systems.show(system)

    def networks(self, system: str = "") -> NetworksView:
        """Virtual switches, what is plugged into them, and on which systems they are the same."""
        return self._vios.networks(system)

    def pools(self, system: str = "") -> PoolsView:
        """Storage pools, and on which systems they are the same storage."""
        return self._storage.pools(system)

    def volumes(self, pool: str, system: str = "") -> VolumesView:
        """A pool's volumes, and who uses them."""
        return self._storage.volumes(pool, system)

    @leaders
    def create_volume(
        self, pool: str, name: str, size_mib: int, *, system: str = "", file_format: str = ""
    ) -> VolumeView:
        """Make a volume; nothing is written into it."""
        return self._storage.create(pool, name, size_mib, system, file_format)

    @leaders
    def grow_volume(self, pool: str, name: str, size_mib: int, *, system: str = "") -> VolumeView:
        """Enlarge a volume; a guest that has it as its disk is told. Raises `Conflict`."""
        return self._storage.grow(pool, name, size_mib, system)

    @leaders
    def delete_volume(self, pool: str, name: str, *, system: str = "") -> None:
        """Remove a volume that no partition uses. Raises `Conflict`."""
        self._storage.delete(pool, name, system)

    # Partitions

    def partitions(self, system: str = "") -> list[Partition]:
        """All partitions, or one system's."""
        return self._estate.partitions(system)

    def partition(self, name: str) -> Partition:
        """One partition by name or UUID, its RMC state asked anew."""
        return self._partitions.show(name)

    @leaders
    def create_partition(self, spec: PartitionSpec) -> Partition:
        """Define a new partition; it is off."""
        return self._partitions.create(spec)

    @leaders
    def activate(self, name: str, profile: str = "") -> Activated:
        """Power on, with the current profile or the one named, which becomes the current one."""
        return self._partitions.activate(name, profile)

    @leaders
    def shutdown(self, name: str, *, force: bool = False) -> Partition:
        """Ask the guest to power off; `force` pulls the plug."""
        return self._partitions.shutdown(name, force=force)

    @leaders
    def pause(self, name: str) -> Partition:
        """Suspend its processors."""
        return self._partitions.pause(name)

    @leaders
    def resume(self, name: str) -> Partition:
        """Let its processors run again."""
        return self._partitions.resume(name)

    @leaders
    def delete(self, name: str) -> None:
        """Remove its definition and lease; its disks stay."""
        self._partitions.delete(name)

    @leaders
    def adopt(self, name: str) -> Partition:
        """Take a partition that others made under our care: it gets our mark."""
        return self._partitions.adopt(name)

    @leaders
    def release(self, name: str) -> Partition:
        """Give a partition back to whoever made it: our mark and its profiles go."""
        return self._partitions.release(name)

    @leaders
    def open_console(self, name: str) -> Stream:
        """Its serial console."""
        return self._partitions.open_console(name)

    # Their profiles

    def profiles(self, name: str) -> ProfilesView:
        """All profiles of a partition; one that is told from what it is, where it keeps none."""
        return self._profiles.show(name)

    @leaders
    def create_profile(self, name: str, profile: str, change: object) -> ProfilesView:
        """A new profile: what the partition is now, but for `change`."""
        return self._profiles.create(name, profile, change)

    @leaders
    def copy_profile(self, name: str, profile: str, to: str, change: object) -> ProfilesView:
        """A new profile like another, but for `change`."""
        return self._profiles.copy(name, profile, to, change)

    @leaders
    def change_profile(
        self,
        name: str,
        profile: str,
        change: object,
        *,
        require: Collection[str] = (),
        desire: Collection[str] = (),
        current: bool = False,
    ) -> ProfilesView:
        """Change a profile: members of its document, and which of its adapters it needs.

        `current`: and activate with it from now on.
        """
        return self._profiles.change(
            name, profile, change, require=require, desire=desire, current=current
        )

    @leaders
    def delete_profile(self, name: str, profile: str) -> ProfilesView:
        """Remove a profile. Raises `Conflict` for the current one."""
        return self._profiles.delete(name, profile)

    @leaders
    def replace_profiles(self, name: str, document: object) -> ProfilesView:
        """Those of a document in place of all, damaged ones too."""
        return self._profiles.replace_all(name, document)

    # Their size while they run

    def size(self, name: str) -> SizeView:
        """What a running partition has, how far it can be resized, and its current profile."""
        return self._resizing.show(name)

    @leaders
    def resize(self, name: str, asked: Resize) -> Resized:
        """Change a running partition within its current profile's limits: all of it, or nothing.

        Raises `Refused`, `Conflict`, `HypervisorRefused` where the hypervisor or guest refuses.
        """
        return self._resizing.resize(name, asked)

    # Moves

    @leaders
    def validate(self, name: str, to: str, pool: str = "") -> Examined:
        """May it move there? With an estimate from its measured dirty rate if it may."""
        return self._moves.validate(name, to, pool)

    @leaders
    def targets(self, name: str) -> list[Examined]:
        """Each other system: possible or not, and why not."""
        return self._moves.targets(name)

    @leaders
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
    ) -> MigrationView:
        """Validate, hold the room, start. Returns at once. Raises `Refused`, `Busy`."""
        return self._moves.migrate(
            name,
            to,
            max_pause_ms=max_pause_ms,
            throttle=throttle,
            bandwidth_mib_s=bandwidth_mib_s,
            postcopy=postcopy,
            pool=pool,
            keep_disks=keep_disks,
        )

    @leaders
    def return_partition(self, name: str) -> MigrationView:
        """Move it back to where it last came from. Raises `Conflict` if it never moved."""
        return self._moves.take_back(name)

    # Migrations

    def migrations(self, *, partition: str = "", limit: int = 100) -> list[MigrationView]:
        """The latest first."""
        return self._migrations.newest(partition=partition, limit=limit)

    def migration(self, migration_id: str) -> MigrationView:
        """One migration with its live figures. Raises `NotFound`."""
        return self._migrations.show(migration_id)

    def wait_migration(
        self, migration_id: str, after: MigrationView | None, timeout_s: float
    ) -> MigrationView:
        """The view as soon as it differs from `after`, or at the time-out."""
        return self._migrations.wait(migration_id, after, timeout_s)

    @leaders
    def stop(self, migration_id: str) -> MigrationView:
        """End a move before its switch-over. Raises `TooLate` after it."""
        return self._migrations.stop(migration_id)

    @leaders
    def recover(self, migration_id: str, *, force: bool = False) -> Recovery:
        """Look at an unfinished move now, and say what is seen and done about it.

        `force` ends it without the server that cannot be seen. Raises `Conflict` unless that is
        proved not to run the partition.
        """
        return self._migrations.recover(migration_id, force=force)

    # The console's own state

    @leaders
    def backup(self, file: str, *, force: bool = False) -> BackupReport:
        """Copy the state as it is now into a new file; `force` replaces one that exists."""
        return self._backups.save(file, force=force)

    @leaders
    def restore(self, file: str) -> RestoreReport:
        """Take the systems back from a backup. Raises `Conflict` while a move is unfinished."""
        return self._backups.restore(file)

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


def _leads(leader: Leader, before: Leader) -> Event:
    """Told at each take-over; as a warning where the last one did not give the lead up."""
    message = f"The console {leader.name} leads (epoch {leader.epoch})."
    if not before.name:
        return Event("console-leads", message)
    lost = f"{message} The lease of {before.name} had ended."
    return Event("console-leads", lost, level=Level.WARNING)
