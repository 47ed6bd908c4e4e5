"""The stage of the console's tests in the lab: two real servers, a console, a partition of use.

One stage serves the whole run. `scene` hands it out whole before each test, whatever the last one
broke: links healed, daemons started, no move unfinished, the partition running and serving. On
which of the servers is the test's to ask (`scene.here`): moves go either way.
"""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import pytest

from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab import LabError
from openlpm.lab.command import wait_until
from openlpm.lab.configuration import LOCKSPACE
from openlpm.lab.image import check_records
from openlpm.lab.stage import Guest, Stage

T = TypeVar("T")
NAME = "web1"
FINAL = ("done", "failed", "stopped")
_RECORDS = """
import sys
from openlpm.lab.image import read_records
for record in read_records(sys.argv[1], int(sys.argv[2])):
    sys.stdout.buffer.write(record)
"""


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What `look` finds, as soon as it finds it."""
    found: list[T] = []

    def seen() -> bool:
        result = look()
        if result:
            found.append(result)
        return bool(result)

    wait_until(seen, seconds=seconds, what=what)
    return found[0]


class Scene:
    """The stage, as an operator and an inspector of both servers use it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lab = stage.lab
        self.client = Client(str(stage.socket))
        self.guest: Guest = stage.make_partition(NAME, on="s1", memory_mib=256)
        self.lpm("partition", "activate", NAME)

    # As an operator

    def run(self, *words: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """`lpm`, to its end, however it ends."""
        return subprocess.run(
            [*self.stage.command(), *words], capture_output=True, text=True, timeout=timeout
        )

    def popen(self, *words: str) -> "subprocess.Popen[str]":
        """`lpm`, going on."""
        return subprocess.Popen(
            [*self.stage.command(), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def lpm(self, *words: str) -> Any:
        """`lpm`, which must succeed; its answer."""
        return self.stage.lpm(*words)

    def begin(self, *options: str, to: str = "") -> str:
        """Begin a move to the other server; its id."""
        there = to or self.there
        return self.lpm("migrate", NAME, "--to", there, "--no-wait", *options)["migration"]["id"]

    def move(self, move_id: str) -> dict[str, Any]:
        """The record of a move."""
        return self.client.get(path_of("migrations", move_id))["migration"]

    def ended(self, move_id: str, seconds: float = 60) -> dict[str, Any]:
        """The record once it is final."""

        def final() -> dict[str, Any] | None:
            with suppress(Problem):
                record = self.move(move_id)
                return record if record["phase"] in FINAL else None
            return None

        return until(final, seconds, f"the end of move {move_id}")

    def in_step(self, move_id: str, phase: str = "send", sent: int = 4 * 2**20) -> None:
        """Wait until a move is in the midst of a step."""

        def there() -> bool:
            view = self.client.get(path_of("migrations", move_id))
            assert view["migration"]["phase"] not in FINAL, view["migration"]
            progress = view["progress"] or {"sent_bytes": 0}
            return view["migration"]["phase"] == phase and progress["sent_bytes"] >= sent

        until(there, 20, f"move {move_id} to be in step {phase!r}")

    def events(self, move_id: str) -> list[str]:
        """The codes of what was told of a move, in order."""
        last = self.client.get(path_of("events"), last=500)
        return [event["code"] for event in last if event["migration_id"] == move_id]

    def kill_console(self) -> None:
        """kill -9."""
        console = self.stage.console
        assert console
        console.kill()
        console.wait(10)

    # As an inspector: what the servers say, not what the console says

    @property
    def here(self) -> str:
        """Where it runs (or is paused)."""
        alive = [s.name for s in self.lab.servers if self.state(s.name).startswith(_ALIVE)]
        assert len(alive) == 1, {s.name: self.state(s.name) for s in self.lab.servers}
        return alive[0]

    @property
    def there(self) -> str:
        """The other one."""
        return other(self.here)

    def virsh(self, server: str, *words: str, check: bool = True) -> str:
        """virsh on the server itself: it works while management is cut."""
        return self.lab.run(["virsh", *words], server, check=check).stdout.strip()

    def state(self, server: str) -> str:
        """libvirt's word; empty when it is not defined there."""
        return self.virsh(server, "domstate", NAME, "--reason", check=False)

    def reservations(self) -> int:
        """Rooms held for moves."""
        with sqlite3.connect(self.stage.database) as base:
            return base.execute("select count(*) from reservations").fetchone()[0]

    def leases(self) -> int:
        """How many hold the partition's lease: locks on its file, by the kernel's own list."""
        file = self.lab.folder.leases / LOCKSPACE / self.guest.uuid
        inode = f":{file.stat().st_ino} "
        with open("/proc/locks") as locks:
            return sum(inode in line and "->" not in line for line in locks)

    def assert_only_at(self, server: str, state: str = "running") -> None:
        """It is there, whole, once; nothing of it and no room for it is left elsewhere."""
        assert self.state(server).startswith(state), self.state(server)
        assert NAME not in self.virsh(other(server), "list", "--all", "--name").split()
        assert "persistent:     yes" in " ".join(
            line for line in self.virsh(server, "dominfo", NAME).lower().splitlines()
        )
        assert self.virsh(server, "domuuid", NAME) == self.guest.uuid
        # libvirt lets go of the lease while it is paused, and takes it again before it resumes.
        assert self.leases() == (1 if state == "running" else 0)
        assert self.reservations() == 0
        shown = self.lpm("partition", "show", NAME)
        assert (shown["system"], shown["state"]) == (server, "off" if state == "shut" else state)

    def pause_ms(self, server: str) -> int:
        """QEMU's pause in the last move, by libvirt's own word at its target."""
        said = self.virsh(server, "domjobinfo", NAME, "--completed", "--keep-completed")
        lines = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        return int(lines["Total downtime"].split()[0])

    def kill_qemu(self, server: str) -> None:
        """kill -9 of the partition's QEMU there."""
        pid = f"/run/libvirt/qemu/{NAME}.pid"
        self.lab.run(["sh", "-c", f"kill -9 $(cat {pid})"], server)

    def signal_libvirtd(self, server: str, name: str) -> None:
        """STOP or CONT libvirtd alone: the partitions go on."""
        # Not its forked children, which have its name for a moment: the oldest.
        script = f"kill -{name} $(pidof libvirtd | tr ' ' '\\n' | sort -n | head -1)"
        self.lab.run(["sh", "-c", script], server)

    # As a user of the partition

    def fetch(self, page: str) -> Any:
        return self.stage.fetch(self.guest, page)

    def dirty(self, mb_per_s: int, mib: int) -> None:
        """Make the partition busy.

        Beside it processes come and go, as they do where there is work: QEMU before 9.0 without
        KVM sees some writes only after the guest has switched between processes.
        """
        self.fetch(f"/dirty?mb_per_s={mb_per_s}&mib={mib}")
        if mb_per_s:
            loop = "for i in $(seq 1500); do usleep 20000; done"
            words = {"path": "/bin/sh", "arg": ["-c", loop]}
            request = json.dumps({"execute": "guest-exec", "arguments": words})
            ask = ("qemu-agent-command", NAME, request)
            until(lambda: self.virsh(self.here, *ask, check=False), 30, "its agent")

    def link(self, rate: str = "") -> None:
        """Shape the migration link; as it was without a rate.

        To be slow in the midst of a move only. QEMU before 9.0 without KVM loses writes to memory
        that it has sent before, so a move whose end takes several passes breaks the partition.
        """
        for server in self.lab.servers:
            self.lab.set_rate(server, rate or self.lab.plan.link)

    def assert_sequence(self, first: int) -> None:
        """No record of the running partition's disk since `first` is missing or doubled."""
        argv = [sys.executable, "-c", _RECORDS, self.guest.address, str(first)]
        said = self.lab.run(argv).stdout.encode()
        report = check_records(said.splitlines(keepends=True))
        assert report.intact, report
        assert report.torn == 0
        assert report.last > first

    # Whole again

    def restore(self) -> None:
        """Undo whatever a test broke."""
        for server in self.lab.servers:
            for link in self.lab.cut_links(server):
                self.lab.heal(server, link)
            self.lab.thaw(server)
            if "libvirtd" not in server.daemons():
                self.lab.start_libvirtd(server)
        self.link()
        if self.stage.console is None or self.stage.console.poll() is not None:
            self.stage.start_console()
        until(self._connected, 30, "both systems to be connected")
        until(self._idle, 60, "all moves to end")
        self._running()

    def _connected(self) -> bool:
        systems = self.client.get(path_of("systems"))
        return all(view["link"] == "connected" for view in systems)

    def _idle(self) -> bool:
        return all(
            view["migration"]["phase"] in FINAL for view in self.client.get(path_of("migrations"))
        )

    def _running(self) -> None:
        states = [self.state(server.name).split(" ")[0] for server in self.lab.servers]
        if sorted(states) == ["", "paused"]:
            self.lpm("partition", "resume", NAME)
        elif sorted(states) == ["", "shut"]:
            self.lpm("partition", "activate", NAME)
        elif sorted(states) != ["", "running"]:
            self._made_anew()
        if self._served():
            self.dirty(0, 0)
            return
        self._made_anew()
        until(self._served, 60, "the partition to serve")

    def _served(self) -> bool:
        """It serves, or does within the time that it takes to boot."""

        def answers() -> bool:
            with suppress(RuntimeError):
                return self.fetch("/health") == {"status": "ok"}
            return False

        try:
            wait_until(answers, seconds=40, what="the partition to serve")
        except LabError:
            return False
        return True

    def _made_anew(self) -> None:
        """A test has failed and left it beyond repair: others shall not fail for that."""
        for server in self.lab.servers:
            self.virsh(server.name, "destroy", NAME, check=False)
            self.virsh(server.name, "undefine", NAME, check=False)
        until(lambda: not self.client.get(path_of("partitions")), 20, "the partition to be gone")
        with suppress(LabError):
            self.lab.delete_volume(NAME)
        self.guest = self.stage.make_partition(NAME, on="s1", memory_mib=256)
        self.lpm("partition", "activate", NAME)


_ALIVE = ("running", "paused")


def other(server: str) -> str:
    """The other of the two."""
    return {"s1": "s2", "s2": "s1"}[server]


_KEY = pytest.StashKey[Scene]()


def _the_scene(request: pytest.FixtureRequest, name: str) -> Scene:
    """One for the run, whichever module asks first."""
    config = request.config
    if _KEY not in config.stash:
        stage = Stage.up(name)
        config.add_cleanup(lambda: stage.__exit__(None, None, None))
        config.stash[_KEY] = Scene(stage)
    return config.stash[_KEY]


@pytest.fixture
def scene(request: pytest.FixtureRequest, run_id: str) -> Iterator[Scene]:
    """The stage, whole."""
    found = _the_scene(request, f"{run_id}m")
    found.restore()
    begun = found.client.get(path_of("events"), last=1)[-1]["seq"]
    yield found
    with suppress(Problem):  # shown when the test has failed
        for event in found.client.get(path_of("events"), after=begun):
            print(f"{event['at']:.3f} {event['code']}: {event['message']}")
