"""The outside, as the engine sees it: Protocols that the adapters and the tests' fake world fill.

    Hypervisors   connects to a managed system and gives its `Host`
    Host          one connected managed system: look, describe, act
    Journal       migrations, reservations and events: one transaction for each turn
    Inventory     the managed systems, and what was last seen of their partitions
    Leadership    which of several consoles writes, and touches the servers
    Clock         the time

Adapters translate every foreign exception into the tree of `model/errors.py`. All methods may
be called from any thread. Every call is bounded: it ends, if only with `ServerUnreachable`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from openlpm.decide.leadership import Terms
from openlpm.model.assignment import Assignment
from openlpm.model.backup import Backup, BackupReport, RestoreReport
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.estimate import Load
from openlpm.model.event import Event
from openlpm.model.hardware import Hardware, VirtualDisk
from openlpm.model.leadership import Leader
from openlpm.model.migration import Migration, Progress, Reservation
from openlpm.model.partition import Mark, Partition, PartitionSpec, Rmc
from openlpm.model.processor import GuestCpu, NamedCpu, OfferedCpu, PartitionCpu
from openlpm.model.profile import Adapter, Profiles
from openlpm.model.resize import Running
from openlpm.model.sight import Place
from openlpm.model.storage import PartitionIo, Pool, Volume
from openlpm.model.system import System, SystemFacts
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer to ask for. `mark`: what the partition's metadata says once it has arrived.

    `postcopy`: it may be switched to post-copy; `resumes`: it goes on with one that broke there.
    `copies`: disks that are copied to volumes that the target has, by these names.
    """

    partition_uuid: str
    target: System
    mark: Mark
    suspended: bool
    throttled: bool
    pause_ms: int
    bandwidth_mib_s: int
    encrypted: bool = True
    postcopy: bool = False
    resumes: bool = False
    copies: tuple[DiskCopy, ...] = ()


class Stream(Protocol):
    """A serial console: bytes both ways until either side closes."""

    def read(self, timeout_s: float) -> bytes | None:
        """Some bytes; b"" when closed; None when nothing came in time."""
        ...

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


MOST_VOLUMES = 5000
"""Of one pool, that are read at once: each takes a round trip."""


class Host(Protocol):
    """One connected managed system. Raises `ServerUnreachable` when it does not answer."""

    @property
    def alive(self) -> bool:
        """The connection has not been found broken (no round trip)."""
        ...

    def facts(self) -> SystemFacts: ...
    def partitions(self) -> Sequence[Partition]:
        """Every domain of this system, others' included (their `mark` is None)."""
        ...

    def partition(self, uuid: str) -> Partition | None: ...
    def rmc(self, uuid: str) -> Rmc:
        """Ask the partition's agent; bounded to about two seconds."""
        ...

    def look(self, uuid: str) -> Place:
        """Where the partition is here, now; `Sight.ABSENT` when there is none."""
        ...

    def describe(self, uuid: str) -> Hardware:
        """What the partition holds. Raises `Gone`."""
        ...

    def create(
        self, spec: PartitionSpec, mark: Mark, profiles: Profiles | None = None
    ) -> Partition:
        """Define a new partition, with its lease where this system has a lockspace."""
        ...

    def write_mark(self, uuid: str, mark: Mark) -> None:
        """Mark a partition as ours, in its running and its stored definition."""
        ...

    def remove_mark(self, uuid: str) -> None:
        """Take mark and profiles from its running and its stored definition. Idempotent."""
        ...

    def profiles(self, uuid: str) -> Profiles | None:
        """What is kept in its metadata; None where nothing is.

        Raises `Conflict` ("profiles-damaged") where it cannot be read.
        """
        ...

    def write_profiles(self, uuid: str, profiles: Profiles) -> None:
        """Keep them in the metadata of its running and its stored definition."""
        ...

    def delete(self, uuid: str) -> None:
        """Undefine a partition that is off, and remove its lease; its disks stay."""
        ...

    def activate(self, uuid: str, wanted: Assignment, mark: Mark, profiles: Profiles) -> bool:
        """Give this to a partition that is off, with mark and profiles, and power it on.

        False: it runs, but this system cannot divide processor time among its partitions.
        One that does not start has the definition again that it had. Raises `Conflict` where its
        definition cannot take it.
        """
        ...

    def running(self, uuid: str) -> Running:
        """What a running partition has, and how far it can be resized."""
        ...

    def set_memory(self, uuid: str, mib: int) -> None:
        """Let the running guest give up or take memory, and wait for that, within 90 s.

        Raises `HypervisorRefused` where it does not: then it was told to go back.
        """
        ...

    def set_processors(self, uuid: str, count: int) -> str:
        """Plug or unplug virtual processors; "", or why its guest may not use what it got."""
        ...

    def set_entitlement(self, uuid: str, units: float, processors: int, *, capped: bool) -> bool:
        """Divide time anew, for what runs. False: this system does not divide it."""
        ...

    def plug(self, uuid: str, adapter: Adapter, *, stored: bool) -> None:
        """Add an adapter to what runs; `stored`: and to its stored definition."""
        ...

    def unplug(self, uuid: str, key: str, *, stored: bool) -> None:
        """Take an adapter from what runs, and wait until its guest lets go of it.

        Raises `HypervisorRefused` where it does not, or uses it.
        """
        ...

    def start(self, uuid: str) -> None: ...
    def shutdown(self, uuid: str) -> None:
        """Ask the guest to power off (agent, then ACPI); does not wait for it."""
        ...

    def destroy(self, uuid: str) -> None:
        """Pull the plug. Idempotent."""
        ...

    def pause(self, uuid: str) -> None: ...
    def resume(self, uuid: str) -> None: ...
    def open_console(self, uuid: str) -> Stream: ...

    def start_transfer(self, transfer: Transfer) -> None:
        """Move it peer-to-peer; returns when it has ended well, raises how it failed.

        The move goes on when this process dies. Blocks for the whole transfer.
        """
        ...

    def progress(self, uuid: str) -> Progress | None:
        """The running outbound transfer's figures; None when there is none."""
        ...

    def completed(self, uuid: str) -> Progress | None:
        """The figures of the inbound or outbound transfer that ended last, where kept."""
        ...

    def busy(self, uuid: str) -> bool:
        """Some libvirt job of the partition is under way, anybody's."""
        ...

    def set_pause_limit(self, uuid: str, pause_ms: int) -> None: ...
    def start_postcopy(self, uuid: str) -> None:
        """Let the target run what is being sent, and fetch the rest. Idempotent.

        Raises `HypervisorRefused` before the first memory is sent, and without `postcopy`.
        """
        ...

    def load(self, uuid: str, seconds: int) -> Load:
        """What a move of the running guest would have to send.

        Measures the dirty rate for `seconds`, and takes little longer; 0 leaves it out.
        """
        ...

    def abort_transfer(self, uuid: str) -> None:
        """Ask the running transfer to end. Idempotent; returns before it has ended."""
        ...

    def exported(self, uuid: str, mark: Mark) -> str:
        """The partition's definition to be given to another host, with `mark` in its metadata."""
        ...

    def define(self, definition: str, /) -> None:
        """Define from another host's `exported`. Idempotent."""
        ...

    def undefine(self, uuid: str) -> None:
        """Remove the definition of a partition that is off. Idempotent."""
        ...

    def compare_cpu(self, cpu: GuestCpu) -> CpuVerdict:
        """Can this system give a partition this processor? By libvirt's own comparison."""
        ...

    def offered_cpus(self) -> Sequence[OfferedCpu]:
        """The most that it gives to partitions, by hypervisor; the one of new partitions first."""
        ...

    def baseline_cpu(self, hypervisor: str, cpus: Sequence[NamedCpu]) -> NamedCpu:
        """What these and this system's own have in common, and a move allows. libvirt computes it.

        Raises `HypervisorRefused` where that is nothing, or one of them is unknown here.
        """
        ...

    def partition_cpus(self) -> Sequence[PartitionCpu]:
        """The processors of every domain of this system. Waits for no QEMU."""
        ...

    def call_peer(self, uuid: str, target: System, copied: Sequence[str] = ()) -> PeerVerdict:
        """Let this system's daemon call the target's, as a move would; changes nothing.

        `copied`: the disks that a move would copy, by `VirtualDisk.target`.
        """
        ...

    def try_encryption(self, target: System) -> PeerVerdict:
        """Move a throwaway guest there by TLS, and end it: the way that memory would go."""
        ...

    def try_postcopy(self) -> str:
        """Start a throwaway QEMU that waits for memory, and end it: may one arrive by post-copy?

        Why not, or why that cannot be tried; empty when it may.
        """
        ...

    def try_division(self) -> TimeVerdict:
        """Start a throwaway QEMU that has CPU shares, and end it: are entitlements kept here?"""
        ...

    def lease_is_free(self, uuid: str) -> bool:
        """Nobody who shares this system's lockspace holds the partition's lease.

        Raises `HypervisorRefused` where that cannot be tried.
        """
        ...

    def open_disks(self, disks: Sequence[VirtualDisk]) -> dict[str, str]:
        """Try each disk from here, read-only; maps those that fail to the reason."""
        ...

    def pools(self) -> Sequence[Pool]:
        """Every storage pool, inactive ones too, as of its last refresh."""
        ...

    def volumes(self, pool: str) -> Sequence[Volume]:
        """The volumes of an active pool, as of its last refresh; the first `MOST_VOLUMES` of them.

        Raises `Gone` where there is no such pool, `HypervisorRefused` where it is inactive.
        """
        ...

    def partition_io(self) -> Sequence[PartitionIo]:
        """The virtual adapters of every domain of this system. Waits for no QEMU."""
        ...

    def refresh_pool(self, pool: str) -> None:
        """Let libvirt look what is in an active pool: others may have changed it."""
        ...

    def create_volume(self, pool: str, volume: Volume) -> Volume:
        """Make one of this name, capacity and, in a pool of files, format. Nothing is filled.

        Raises `AlreadyExists`, `HypervisorRefused`, `Gone` where there is no such pool.
        """
        ...

    def grow_volume(self, pool: str, volume: str, capacity_bytes: int) -> None:
        """Enlarge one that no running partition has open."""
        ...

    def grow_disk(self, uuid: str, target: str, capacity_bytes: int) -> None:
        """Enlarge the disk of an active partition: its backing, and the guest is told."""
        ...

    def delete_volume(self, pool: str, volume: str) -> None:
        """Remove one for good. Raises `Gone` where there is none."""
        ...

    def watch(self, changed: Callable[[str], None]) -> Callable[[], None]:
        """Call `changed(uuid)` on each event until the returned function is called."""
        ...

    def close(self) -> None: ...


class Hypervisors(Protocol):
    """Connects to managed systems."""

    def connect(self, system: System) -> Host:
        """A new connection. Raises `ServerUnreachable` within a few seconds."""
        ...


Hold = Callable[[Sequence[Reservation], Sequence[Migration]], Reservation]
"""Given the target's reservations and all unfinished migrations: the room that is held."""


class Journal(Protocol):
    """Migrations, reservations and events. A method is one transaction: all of it, or nothing.

    Raises `StoreFailed` when it cannot be written, `NotLeader` when another console leads.
    """

    def begin(self, migration: Migration, hold: Hold) -> None:
        """Open a migration and hold its room.

        `hold` is called inside the transaction and may refuse by raising. Raises `Busy` when
        the partition has an unfinished migration already.
        """
        ...

    def turn(
        self, migration: Migration, *, release: bool = False, events: Sequence[Event] = ()
    ) -> Migration:
        """Write one turn of the state machine: the record, its reservation, its events.

        Returns the record as it is stored: an operator's halt requested meanwhile is kept.
        A final record releases by itself. Raises `NotFound`; `TooLate` when it is final already.
        """
        ...

    def halt(self, migration_id: str, event: Event) -> Migration:
        """Note the operator's wish to stop; returns the record. Raises `TooLate`, `NotFound`."""
        ...

    def given_up(self) -> Sequence[Migration]:
        """Ended without one of their systems (`gone`), which has not been looked after since."""
        ...

    def looked_after(self, migration_id: str, event: Event) -> None:
        """What such a system had left of it is dealt with; does nothing the second time."""
        ...

    def migration(self, migration_id: str) -> Migration:
        """Raises `NotFound`."""
        ...

    def migrations(self, *, partition: str = "", limit: int = 100) -> Sequence[Migration]:
        """Newest first; `partition` is a name or a UUID."""
        ...

    def unfinished(self) -> Sequence[Migration]: ...
    def reservations(self, system: str = "") -> Sequence[Reservation]: ...
    def tell(self, event: Event) -> Event:
        """Append an event; returns it with its `seq` and time."""
        ...

    def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[Event]: ...
    def last_seq(self) -> int: ...
    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each commit until the returned function is called.

        It is called on the writer's thread, and must be short and not raise: set an event.
        """
        ...


class Inventory(Protocol):
    """The managed systems, and what was last seen of their partitions."""

    def add(self, system: System) -> None:
        """Raises `AlreadyExists`."""
        ...

    def change(self, system: System) -> None:
        """Describe a system of this name anew; what was seen of it stays. Raises `NotFound`."""
        ...

    def remove(self, name: str) -> None:
        """Forget a system and what was seen of it; it is not touched. Raises `NotFound`."""
        ...

    def systems(self) -> Sequence[System]: ...
    def seen(self, system: str, partitions: Sequence[Partition]) -> None:
        """Replace what was last seen on a system. Raises `NotFound`."""
        ...

    def last_seen(self, system: str) -> Sequence[Partition]: ...


class Archive(Protocol):
    """Copies of all that the console keeps."""

    def save(self, file: str, *, force: bool = False) -> BackupReport:
        """Write a backup and read it again. Raises `AlreadyExists`, `Conflict`, `BadRequest`."""
        ...

    def read(self, file: str) -> Backup:
        """All that a backup holds, if it is whole. Raises `NotFound`, `BadRequest`."""
        ...

    def restore(self, backup: Backup) -> RestoreReport:
        """Take it over, all or nothing, the present state kept aside.

        Raises `Conflict` while a migration is unfinished.
        """
        ...


class Leadership(Protocol):
    """Which of the consoles on one database leads: by a lease, and the database's own clock.

    `name` is this console's. `terms` are None where the console has its database to itself: then it
    leads for good. Every call raises `StoreFailed` when the database cannot be asked.
    """

    name: str
    database: str
    """For people: a path, or a URL without its password."""
    terms: Terms | None

    def who(self) -> Leader:
        """Who leads."""
        ...

    def claim(self) -> Leader:
        """Take over if nobody's lease is valid. Returns who leads: us, or another one."""
        ...

    def renew(self) -> None:
        """Go on leading for another term. Raises `NotLeader`."""
        ...

    def confirm(self) -> None:
        """Ask the database whether we lead, and will for a moment. Raises `NotLeader`."""
        ...

    def follow(self) -> None:
        """Write no more, whatever the database says."""
        ...

    def resign(self) -> None:
        """Follow, and let another one lead at once."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...
