"""A console without servers behind it: the faces' tests ask this one.

What happens depends on the names. Systems: `server1` and `server2` are good; a move to
`narrow` is refused, to `broken` fails, to `endless` lasts until it is stopped; a URI with
`nowhere` does not answer. Partitions: `web1` runs, `stubborn` never shuts down, `paused1` is
paused; creating `full` or `bug` fails.
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from faces.fake_vios import FakeVios
from openlpm.decide.leadership import not_leading
from openlpm.engine.views import (
    Activated,
    ConsoleView,
    Estimate,
    Examined,
    MigrationView,
    ProfilesView,
    Recovery,
    Resized,
    SizeView,
    SystemView,
    activated,
    profiles_view,
    resized,
    size_view,
)
from openlpm.model.backup import BackupReport, RestoreReport
from openlpm.model.baseline import Baseline, Fit, PartitionFit
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.errors import (
    AlreadyExists,
    Conflict,
    HypervisorRefused,
    NotFound,
    Refused,
    ServerUnreachable,
    StoreFailed,
    TooLate,
)
from openlpm.model.event import Event, Level
from openlpm.model.finding import Finding, Severity, Validation
from openlpm.model.leadership import Leader
from openlpm.model.migration import STEPS, Figures, Kind, Migration, Phase, Progress
from openlpm.model.partition import Mark, Partition, PartitionSpec, Rmc
from openlpm.model.processor import NamedCpu
from openlpm.model.profile import DiskAdapter, EthernetAdapter, Profile, Profiles, Span, fixed
from openlpm.model.profile_document import changed, read_profiles
from openlpm.model.resize import Resize, Running
from openlpm.model.sight import ABSENT, Place, Sight, Sighting, Why
from openlpm.model.system import Link, Mover, Resources, System, SystemFacts

T = TypeVar("T")

STEP_S = 0.05
MIB = 1024 * 1024
COPY = DiskCopy("vda", "own", "v", "own", "/own", "raw", 2 * MIB, MIB, "v-m1")
WARNING = Finding(
    "rmc-inactive", Severity.WARNING, "server1", "web1", "Its agent does not answer.", "Start it."
)
ERROR = Finding(
    "memory-short", Severity.ERROR, "narrow", "free memory", "64 MiB are free.", "Free some."
)
BASELINE = NamedCpu("Nehalem", "Intel", ("aes",), ("vme",), "<cpu>\n  <model/>\n</cpu>")
_FITS = (
    (Fit.FITS, "", ""),
    (Fit.RESTART, "server2: avx", "Activate it anew."),
    (Fit.OTHER, "It is emulated.", ""),
)
FACTS = SystemFacts(
    "0000", "host1", "QEMU", 7002000, 9000000, "x86_64", 4, 4096, cpu_xml="<cpu/>",
    machines=frozenset({"q35"}),
)  # fmt: skip


DROPPED = Finding(
    "adapter-dropped", Severity.WARNING, "server1", "its switch", "It runs without.", "Mend it."
)
PROFILE = Profile(
    "default",
    Span(512, 1024, 2048),
    fixed(2),
    fixed(0.5),
    adapters=(
        DiskAdapter("nbd://storage:10809/web1"),
        EthernetAdapter("guests", "52:54:00:00:00:07", required=False),
    ),
)
PLUGGED = PROFILE.adapters


class FakeStream:
    """Echoes what is written; ends at Ctrl-D, or when the partition moves."""

    def __init__(self) -> None:
        self._data = b"login: "
        self._ended = False
        self._news = threading.Condition()
        self.closed = False

    def read(self, timeout_s: float) -> bytes | None:
        with self._news:
            self._news.wait_for(lambda: self._data or self._ended, timeout_s)
            data, self._data = self._data, b""
            return data or (b"" if self._ended else None)

    def write(self, data: bytes) -> None:
        with self._news:
            self._data += data
            if b"\x04" in data:
                self._ended = True
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()

    def close(self) -> None:
        self.closed = True


class FakeConsole(FakeVios):
    """As `engine.console.Console`, seen from the faces."""

    def __init__(self) -> None:
        super().__init__()
        self._news = threading.Condition(threading.RLock())
        self._systems = {
            name: _system(name) for name in ("server1", "server2", "narrow", "broken", "endless")
        }
        self._partitions = {
            name: _partition(name, number)
            for number, name in enumerate(("web1", "stubborn", "paused1"), 1)
        }
        self._profiles = Profiles("default", (PROFILE,))
        self._migrations: dict[str, MigrationView] = {}
        self._events: list[Event] = []
        self.streams: list[FakeStream] = []
        self.waiting = 0
        self.given: dict[str, object] = {}

    # Systems

    def systems(self) -> list[SystemView]:
        return list(self._systems.values())

    def system(self, name: str) -> SystemView:
        return _found(self._systems, "system", name)

    def add_system(self, system: System) -> SystemView:
        if "nowhere" in system.uri:
            raise ServerUnreachable("no-answer", f"{system.name} does not answer.", remedy="Wait.")
        if system.name in self._systems:
            raise AlreadyExists("system-exists", f"There is a system {system.name!r} already.")
        self.given["system"] = system
        self._systems[system.name] = replace(_system(system.name), system=system)
        return self._systems[system.name]

    def remove_system(self, name: str) -> None:
        self.system(name)
        del self._systems[name]

    def baseline(self, systems: Sequence[str]) -> Baseline:
        names = tuple(self.system(name).system.name for name in systems)
        if "narrow" in names:
            raise Conflict("no-common-baseline", "They have none.", cause="Makers differ.")
        fits = tuple(
            PartitionFit(p.uuid, p.name, p.system, p.state, "Haswell", fit, reason, remedy)
            for p, (fit, reason, remedy) in zip(self.partitions(), _FITS, strict=False)
        )
        return Baseline(names, "kvm", BASELINE, ("Nehalem", "qemu64"), fits)

    # Partitions

    def partitions(self, system: str = "") -> list[Partition]:
        return [p for p in self._partitions.values() if system in ("", p.system)]

    def partition(self, name: str) -> Partition:
        by_uuid = {p.uuid: p for p in self._partitions.values()}
        return by_uuid.get(name) or _found(self._partitions, "partition", name)

    def create_partition(self, spec: PartitionSpec) -> Partition:
        if spec.name == "full":
            raise StoreFailed("store-full", "The console's state cannot be written.")
        if spec.name == "follower":
            raise not_leading("node8:/run/lpm.sock")
        if spec.name == "bug":
            raise RuntimeError("unforeseen")
        self.given["spec"] = spec
        made = replace(_partition(spec.name, 9), state=Sight.OFF, system=spec.system)
        return self._put(made)

    def activate(self, p: str, profile: str = "") -> Activated:
        if self.partition(p).state is Sight.RUNNING:
            raise Conflict("not-off", f"{p} is running.", remedy="Shut it down first.")
        chosen = self._profiles.with_current(profile or self._profiles.current).named()
        if chosen.name == "huge":
            raise Refused("not-enough-free", "server1 cannot give the minimum.", [ERROR])
        warnings = [DROPPED] if chosen.name == "night" else []
        return activated(self._become(p, Sight.RUNNING), chosen.name, warnings)

    # Their profiles: all partitions have the same, but for `paused1`, whose are damaged

    def profiles(self, p: str) -> ProfilesView:
        if self.partition(p).name == "paused1":
            raise Conflict("profiles-damaged", "They cannot be read.", remedy="Import them.")
        return profiles_view(self.partition(p), self._profiles)

    def create_profile(self, p: str, profile: str, change: object) -> ProfilesView:
        made = changed(replace(self._profiles.named(), name=profile), change)
        return self._keep(p, self._profiles.with_new(made))

    def copy_profile(self, p: str, profile: str, to: str, change: object) -> ProfilesView:
        made = changed(replace(self._profiles.named(profile), name=to), change)
        return self._keep(p, self._profiles.with_new(made))

    def change_profile(
        self,
        p: str,
        profile: str,
        change: object,
        *,
        require: Collection[str] = (),
        desire: Collection[str] = (),
        current: bool = False,
    ) -> ProfilesView:
        self.given["change"] = change
        made = changed(self._profiles.named(profile), change).needing(require, desire)
        after = self._profiles.with_changed(made)
        return self._keep(p, after.with_current(profile) if current else after)

    def delete_profile(self, p: str, profile: str) -> ProfilesView:
        return self._keep(p, self._profiles.without(profile))

    def replace_profiles(self, p: str, document: object) -> ProfilesView:
        return self._keep(p, read_profiles(document))

    def _keep(self, p: str, profiles: Profiles) -> ProfilesView:
        view = profiles_view(self.partition(p), profiles)
        self._profiles = profiles
        return view

    # Their size: `web1` has adapters; the guest of `stubborn` gives nothing up

    def size(self, p: str) -> SizeView:
        found, _ = self.partition(p), self.profiles(p)
        running = Running(found.memory_mib, 1536, found.processors, 2, 0.4, adapters=PLUGGED)
        active = found.state is Sight.RUNNING
        return size_view(found, running if active else None, self._profiles)

    def resize(self, p: str, asked: Resize) -> Resized:
        self.given["resize"] = asked
        found = self.partition(p)
        if found.name == "stubborn":
            raise HypervisorRefused("memory-refused", "Its guest did not.", cause="It was told to.")
        if (asked.memory_mib or 0) > 2048:
            raise Refused("beyond-limits", f"{p} cannot be resized so.", [ERROR])
        found = self._put(replace(found, memory_mib=asked.memory_mib or found.memory_mib))
        done = [f"memory {asked.memory_mib} MiB"] if asked.memory_mib else []
        done += [f"adapter {one.key} added" for one in asked.add]
        done += [f"adapter {key} removed" for key in asked.remove]
        warnings = [DROPPED] if asked.processors else []
        return resized(found, done, warnings, saved=asked.save)

    def shutdown(self, p: str, *, force: bool = False) -> Partition:
        self.given["force"] = force
        if force:
            return self._become(p, Sight.OFF)
        if p != "stubborn":
            threading.Timer(0.1, self._become, (p, Sight.OFF)).start()
        return self.partition(p)

    def pause(self, p: str) -> Partition:
        return self._become(p, Sight.PAUSED)

    def resume(self, p: str) -> Partition:
        return self._become(p, Sight.RUNNING)

    def delete(self, p: str) -> None:
        if self.partition(p).state is not Sight.OFF:
            raise HypervisorRefused("domain-active", f"{p} is active.", remedy="Shut it down.")
        del self._partitions[p]

    def adopt(self, p: str) -> Partition:
        return self._put(replace(self.partition(p), mark=Mark(1)))

    def release(self, p: str) -> Partition:
        return self._put(replace(self.partition(p), mark=None))

    def open_console(self, p: str) -> FakeStream:
        if self.partition(p).state is not Sight.RUNNING:
            raise Conflict(
                "not-running", f"{self.partition(p).name} is not running.", remedy="Activate it."
            )
        self.streams.append(FakeStream())
        return self.streams[-1]

    # Moves

    def validate(self, p: str, to: str, pool: str = "") -> Examined:
        findings = (WARNING, ERROR) if to == "narrow" else (WARNING,)
        self.system(to)
        validation = Validation(p, self.partition(p).system, to, 17, findings)
        estimate = Estimate(2.5, 40.0, 600 * MIB, True, "measured dirty rate")
        copies = (replace(COPY, to_pool=pool),) if pool else ()
        return Examined(validation, estimate if validation.passed else None, copies)

    def targets(self, p: str) -> list[Examined]:
        here = self.partition(p).system
        return [self.validate(p, name) for name in self._systems if name != here]

    def migrate(self, p: str, to: str, **limits: object) -> MigrationView:
        examined = self.validate(p, to, str(limits.get("pool", "")))
        if not examined.validation.passed:
            raise Refused(
                "refused", f"{p} cannot move to {to}.", findings=examined.validation.findings
            )
        self.given["limits"] = limits
        copies = examined.copies if limits.get("keep_disks") else ()
        return self._begin(self.partition(p), to, copies, is_return=False)

    def return_partition(self, p: str) -> MigrationView:
        return self._begin(self.partition(p), "server1", is_return=True)

    def migrations(self, *, partition: str = "", limit: int = 100) -> list[MigrationView]:
        found = [v for v in self._migrations.values() if partition in ("", v.migration.partition)]
        return found[::-1][:limit]

    def migration(self, migration_id: str) -> MigrationView:
        return _found(self._migrations, "migration", migration_id)

    def wait_migration(
        self, migration_id: str, after: MigrationView | None, timeout_s: float
    ) -> MigrationView:
        return self._wait(
            lambda: self.migration(migration_id), lambda view: view != after, timeout_s
        )

    def stop(self, migration_id: str) -> MigrationView:
        if self.migration(migration_id).migration.phase.final:
            raise TooLate("too-late", "The move has ended already.")
        self._turn(migration_id, phase=Phase.STOPPED, reason="The operator stopped it.")
        return self.migration(migration_id)

    def recover(self, migration_id: str, *, force: bool = False) -> Recovery:
        seen = Sighting(Place(Sight.RUNNING), ABSENT)
        if force:
            raise Conflict("both-in-sight", "Both server1 and server2 answer: nothing to force.")
        return Recovery(self.migration(migration_id), seen, "It runs on server1; the move goes on.")

    # The console's own state

    def console(self) -> ConsoleView:
        leader = Leader("node8:/run/lpm.sock", 4, 1.0, 4.2, 17)
        return ConsoleView("node7:/run/lpm.sock", "postgresql://lpm@db1/lpm", False, leader)

    def backup(self, file: str, *, force: bool = False) -> BackupReport:
        if file.endswith("taken") and not force:
            raise AlreadyExists("backup-exists", f"{file} exists already.", remedy="--force")
        return BackupReport(file, 64 * 1024, len(self._systems), 0, len(self._events))

    def restore(self, file: str) -> RestoreReport:
        if file.endswith("busy"):
            raise Conflict("moves-unfinished", "'web1' is being moved: nothing was restored.")
        return RestoreReport(file, "/kept", ("server9",), (), ("server2",), 3, 4, ("m7",))

    # Events

    def events(self, *, after: int = 0, limit: int = 1000) -> list[Event]:
        return [event for event in self._events if event.seq > after][:limit]

    def wait_events(self, after: int, timeout_s: float) -> list[Event]:
        return self._wait(lambda: self.events(after=after), bool, timeout_s)

    def last_seq(self) -> int:
        return len(self._events)

    def tell(self, message: str) -> None:
        with self._news:
            event = Event("said", message, Level.INFO, "server1", "web1", at=1.0)
            self._events.append(replace(event, seq=len(self._events) + 1))
            self._news.notify_all()

    # How it does that

    def _wait(self, look: Callable[[], T], good: Callable[[T], object], timeout_s: float) -> T:
        with self._news:
            self.waiting += 1
            try:
                self._news.wait_for(lambda: good(look()), timeout_s)
            finally:
                self.waiting -= 1
            return look()

    def _put(self, partition: Partition) -> Partition:
        self._partitions[partition.name] = partition
        self.tell(f"{partition.name} is {partition.state}")
        return partition

    def _end_streams(self) -> None:
        for stream in self.streams:
            stream.end()

    def _become(self, p: str, state: Sight) -> Partition:
        if state is Sight.OFF:
            self._end_streams()
        return self._put(replace(self.partition(p), state=state))

    def _begin(
        self, partition: Partition, to: str, copies: tuple[DiskCopy, ...] = (), *, is_return: bool
    ) -> MigrationView:
        kind = Kind.SUSPENDED if partition.state is Sight.PAUSED else Kind.ACTIVE
        record = Migration(
            f"m{len(self._migrations) + 1}", partition.uuid, partition.name, partition.system,
            to, kind, is_return=is_return, created_at=1.0, copies=copies, keep_disks=bool(copies),
        )  # fmt: skip
        self._migrations[record.id] = MigrationView(record)
        threading.Thread(target=self._drive, args=(record,), daemon=True).start()
        return self._migrations[record.id]

    def _drive(self, record: Migration) -> None:
        for number, phase in enumerate(STEPS[1:], 1):
            time.sleep(STEP_S)
            progress = Progress(0, 512 * MIB, number * 128 * MIB, (4 - number) * 128 * MIB, 9e7)
            self._turn(record.id, progress=progress, phase=phase)
            if record.target == "endless" and phase is Phase.SEND:
                return
            if record.target == "broken" and phase is Phase.SEND:
                self._turn(record.id, phase=Phase.FAILED, reason="The link broke.")
                return
        moved = replace(self.partition(record.partition_uuid), system=record.target)
        self._put(moved)
        self._end_streams()
        figures = Figures(42, 0.9, 545 * MIB, 3, (("send", 0.6),))
        self._turn(record.id, phase=Phase.DONE, figures=figures, finished_at=2.0)

    def _turn(self, migration_id: str, progress: Progress | None = None, **changes: object) -> None:
        with self._news:
            before = self._migrations[migration_id].migration
            if before.phase.final:
                return  # it was stopped while this step came to its end
            migration = replace(before, **changes)  # type: ignore[arg-type]
            self._migrations[migration_id] = MigrationView(
                migration, progress, 1.5 if progress else None
            )
            self._news.notify_all()


def _found(among: dict[str, T], noun: str, name: str) -> T:
    if name not in among:
        raise NotFound(
            f"no-such-{noun}",
            f"There is no {noun} {name!r}.",
            remedy=f"lpm {noun} list shows all.",
        )
    return among[name]


def _system(name: str) -> SystemView:
    system = System(name, f"qemu+ssh://{name}/system", f"qemu+ssh://{name}/system", mover=Mover())
    total = Resources(4.0, 4096)
    return SystemView(system, Link.CONNECTED, 1.0, "", FACTS, total, total, partitions=1)


def _partition(name: str, number: int) -> Partition:
    uuid = f"00000000-0000-0000-0000-{number:012}"
    state = Sight.PAUSED if name == "paused1" else Sight.RUNNING
    return Partition(
        uuid, name, "server1", state, Why.NONE, 1, 512, Mark(number), Rmc.ACTIVE, seen_at=1.0
    )
