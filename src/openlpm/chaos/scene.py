"""The scene of the crime: two servers, a console, a partition of use, and an inspector of them all.

scene = Scene(Stage.up("chaos"))
scene.restore()                       # whole again, whatever was broken
scene.kill_qemu(scene.here)
scene.state("s1")                     # libvirt's word, not the console's
scene.share()                         # two consoles on PostgreSQL, until `share_no_more`
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from openlpm.chaos.pair import NAMES, Pair
from openlpm.chaos.postgresql import Cluster
from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.command import run, wait_until
from openlpm.lab.configuration import LOCKSPACE
from openlpm.lab.errors import LabError
from openlpm.lab.stage import Guest, Stage

T = TypeVar("T")
NAME = "web1"
MEMORY_MIB = 256
FINAL = ("done", "failed", "stopped")
_RESERVATIONS = """
import sqlite3, sys
base = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(base.execute("select count(*) from reservations").fetchone()[0])
"""
_RECORDS = """
import sys
from openlpm.lab.image import read_records
for record in read_records(sys.argv[1], int(sys.argv[2])):
    sys.stdout.buffer.write(record)
"""
_PORTS = (49152, 49215)
_ALIVE = ("running", "paused")


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What `look` finds, as soon as it finds it. Raises `LabError` when it is not in time."""
    found: list[T] = []

    def seen() -> bool:
        result = look()
        if result:
            found.append(result)
        return bool(result)

    wait_until(seen, seconds=seconds, what=what)
    return found[0]


def lock_holders(file: Path) -> int:
    """How many hold a lock on it, by the kernel's own list; those who wait do not count."""
    inode = f":{file.stat().st_ino} "
    locks = Path("/proc/locks").read_text().splitlines()
    return sum(inode in line and "->" not in line for line in locks)


def other(server: str) -> str:
    """The other of the two."""
    return {"s1": "s2", "s2": "s1"}[server]


class Scene:
    """The stage, as an operator and an inspector of both servers use it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lab = stage.lab
        self._own_socket = stage.socket
        self._ask_at(stage.socket)
        self._pair: Pair | None = None
        self.mended: list[str] = []
        """What `restore` had to do that no console could: evidence against the case before."""
        self._kept = ExitStack()
        self.guest: Guest = stage.make_partition(NAME, on="s1", memory_mib=MEMORY_MIB)
        self.lpm("partition", "activate", NAME)

    def close(self) -> None:
        """Remove everything."""
        try:
            self._kept.close()
        finally:
            self.lab.down()

    # Which console is asked

    @cached_property
    def cluster(self) -> Cluster:
        """The scene's PostgreSQL, started when it is first asked for."""
        return self._kept.enter_context(Cluster.started())

    @property
    def pair(self) -> Pair:
        """The two consoles on PostgreSQL, between `share` and `share_no_more`."""
        if self._pair is None:
            raise LabError("one-console", "There is one console, on a file of its own.")
        return self._pair

    def share(self) -> None:
        """Two consoles on a fresh PostgreSQL database, instead of the one on a file."""
        self._end_console(signal.SIGTERM)
        self._pair = Pair(self.lab, self.cluster)
        self.ask("one")
        self.stage.add_systems()
        self._pair.start("two")
        for name in NAMES:
            self.ask(name)
            until(self.is_connected, 30, f"both systems to be connected to console {name}")
        self.ask("one")

    def share_no_more(self) -> None:
        """The console on a file again. Where the partition is, it sees from the servers."""
        if self._pair is not None:
            self._pair.end()
            self._pair = None
            self._ask_at(self._own_socket)
            self.stage.start_console()

    def ask(self, name: str) -> None:
        """Ask this one of the pair from now on."""
        self._ask_at(self.pair.socket(name))
        self.stage.console = self.pair.consoles[name]

    def _ask_at(self, socket: Path) -> None:
        self.stage.socket = socket
        self.client = Client(str(socket))

    def _end_console(self, number: int) -> None:
        console = self.stage.console
        if console:
            console.send_signal(number)
            console.wait(20)

    # As an operator

    def lpm(self, *words: str) -> Any:
        """`lpm`, which must succeed; its answer."""
        return self.stage.lpm(*words)

    def ask_to_move(self, to: str, **limits: Any) -> str:
        """Ask for a move; its id. Raises `Problem`."""
        path = path_of("partitions", NAME, "migrate")
        return self.client.post(path, {"to": to, **limits})["migration"]["id"]

    def move(self, move_id: str) -> dict[str, Any]:
        """The record of a move."""
        return self.client.get(path_of("migrations", move_id))["migration"]

    def latest(self) -> str:
        """The id of the newest move; empty when there was none."""
        moves = self.client.get(path_of("migrations"), limit=1)
        return moves[0]["migration"]["id"] if moves else ""

    def ended(self, move_id: str, seconds: float = 60) -> dict[str, Any]:
        """The record once it is final. Raises `LabError` when it is not in time."""

        def final() -> dict[str, Any] | None:
            with suppress(Problem):
                record = self.move(move_id)
                return record if record["phase"] in FINAL else None
            return None

        try:
            return until(final, seconds, f"the end of move {move_id}")
        except LabError as error:
            raise LabError(error.code, error.message, cause=self._picture(move_id)) from error

    def _picture(self, move_id: str) -> str:
        """A move that does not end, as its record and both servers have it."""
        states = [f"{one.name}: {self.state(one.name) or 'absent'}" for one in self.lab.servers]
        said = self.attention(move_id) or "It asks for nothing."
        return f"It is in {self.move(move_id)['phase']}; {', '.join(states)}. {said}"

    def forced(self, move_id: str) -> str:
        """What the console says when it ended the move without a server; empty if it does not."""
        path = path_of("migrations", move_id, "recover")
        with suppress(Problem):
            recovery = self.client.post(path, {"force": True})
            ended = recovery["view"]["migration"]["phase"] in FINAL
            return str(recovery["explanation"]) if ended else ""
        return ""

    def sent_bytes(self, move_id: str) -> int:
        """How much of its memory is across, by the console's figures."""
        return self._figure(move_id, "sent_bytes")

    def remaining_bytes(self, move_id: str) -> int:
        """How much of its memory is still to come, by the same."""
        return self._figure(move_id, "remaining_bytes")

    def _figure(self, move_id: str, name: str) -> int:
        progress = self.client.get(path_of("migrations", move_id))["progress"]
        return progress[name] if progress else 0

    def events_of(self, move_id: str) -> list[str]:
        """The codes of what was told of a move, in order."""
        last = self.client.get(path_of("events"), last=500)
        return [event["code"] for event in last if event["migration_id"] == move_id]

    def attention(self, move_id: str) -> str:
        """What the console asks an operator to look at in a move, as `migration show` has it."""
        return self.client.get(path_of("migrations", move_id))["attention"]

    def link_of(self, system: str) -> str:
        """Whether the console reaches a system, by its own word."""
        return self.client.get(path_of("systems", system))["link"]

    def kill_console(self) -> None:
        """kill -9."""
        self._end_console(signal.SIGKILL)

    # As an inspector: what the servers say, not what the console says

    @property
    def here(self) -> str:
        """Where it runs (or is paused)."""
        states = {s.name: self.state(s.name) for s in self.lab.servers}
        alive = [name for name, state in states.items() if state.startswith(_ALIVE)]
        if len(alive) != 1:
            raise LabError("not-one", f"The partition is not alive on one server: {states}.")
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

    def defined(self, server: str) -> list[str]:
        """All that libvirt has there, running or not."""
        return self.virsh(server, "list", "--all", "--name").split()

    def reservations(self) -> int:
        """Rooms held for moves."""
        if self._pair is not None:
            return self._pair.reservations()
        argv = [sys.executable, "-c", _RESERVATIONS, str(self.stage.database)]
        return int(run(self.stage.beside_console(argv), doing="read the console's database"))

    def leases(self) -> int:
        """How many hold the partition's lease."""
        return lock_holders(self.lab.folder.leases / LOCKSPACE / self.guest.uuid)

    def pause_ms(self, server: str) -> int | None:
        """QEMU's pause in the last move, by libvirt's word at its target; None: it knows none."""
        said = self.virsh(server, "domjobinfo", NAME, "--completed", "--keep-completed")
        lines = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        told = lines.get("Total downtime")
        return int(told.split()[0]) if told else None

    def qemus(self, server: str) -> list[int]:
        """The processes there that are, or would become, the partition."""
        return self.lab.server(server).qemus(NAME)

    def open_ports(self, server: str) -> list[str]:
        """Migration ports on which somebody there still listens."""
        listening = self.lab.run(["ss", "-Hltn"], server).stdout.splitlines()
        ports = [line.split()[3].rpartition(":")[2] for line in listening if line.split()]
        return [port for port in ports if _PORTS[0] <= int(port) <= _PORTS[1]]

    def reset_transfer(self, server: str) -> int:
        """Reset the connections that carry memory; how many there were."""
        argv = ["ss", "-HKtn", f"sport >= :{_PORTS[0]} and sport <= :{_PORTS[1]}"]
        dialled = ["ss", "-HKtn", f"dport >= :{_PORTS[0]} and dport <= :{_PORTS[1]}"]
        said = [self.lab.run(words, server).stdout.splitlines() for words in (argv, dialled)]
        return sum(map(len, said))

    def last_words(self, server: str) -> str:
        """What the partition's QEMU there has said since it was last started; empty if nothing."""
        log = self.lab.folder.server(server) / f"var-log/qemu/{NAME}.log"
        return (
            log.read_text(errors="replace").rpartition(" starting up ")[2] if log.exists() else ""
        )

    def is_fetching(self, server: str) -> bool:
        """It runs there, and its memory comes."""
        return self.state(server) == "running (post-copy)"

    def signal_qemu(self, server: str, number: int) -> int:
        """Send a signal to the partition's QEMU there; how many there were."""
        found = self.qemus(server)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(found)

    def libvirtd(self, server: str) -> int:
        """The process id of libvirtd there."""
        # Its forked children have its name for a moment: it is the oldest.
        return self.lab.server(server).pids(lambda argv: argv[0] == "libvirtd")[0]

    # As a user of the partition

    def fetch(self, page: str) -> Any:
        """A page of its service."""
        return self.stage.fetch(self.guest, page)

    def records(self, first: int) -> list[bytes]:
        """The records from a number on, as the running partition reads them from its disk."""
        argv = [sys.executable, "-c", _RECORDS, self.guest.address, str(first)]
        return self.lab.run(argv).stdout.encode().splitlines(keepends=True)

    def serves(self) -> bool:
        """Its service answers."""
        with suppress(RuntimeError):
            return self.fetch("/health") == {"status": "ok"}
        return False

    def dirty(self, mb_per_s: int, mib: int) -> None:
        """Make the partition busy.

        Beside it processes come and go, as they do where there is work: QEMU before 9.0 without
        KVM sees some writes only after the guest has switched between processes.
        """
        self.fetch(f"/dirty?mb_per_s={mb_per_s}&mib={mib}&processes=1")

    def link(self, rate: str = "") -> None:
        """Shape the migration link; as it was without a rate."""
        for server in self.lab.servers:
            self.lab.set_rate(server, rate or self.lab.plan.link)

    # Whole again

    def restore(self) -> None:
        """Undo whatever was broken; the partition runs afterwards, and serves."""
        self.mended = []
        self.heal_servers()
        if self.stage.disk:
            self.stage.disk.free()
        self.link()
        self.share_no_more()
        if self.stage.console is None or self.stage.console.poll() is not None:
            self.stage.start_console()
        until(self.is_connected, 30, "both systems to be connected")
        until(self._idle, 60, "all moves to end")
        self._run_it()
        self.dirty(0, 0)

    def heal_servers(self) -> None:
        """Power, cables and daemons as they were."""
        for server in self.lab.servers:
            if not server.is_up():
                self.lab.start_server(server)
            for link in self.lab.cut_links(server):
                self.lab.heal(server, link)
            self.lab.thaw(server)
            if "libvirtd" not in server.daemons():
                self.lab.start_libvirtd(server)

    def is_connected(self) -> bool:
        """The console reaches both servers, by its own word."""
        systems = self.client.get(path_of("systems"))
        return all(view["link"] == "connected" for view in systems)

    def _idle(self) -> bool:
        moves = self.client.get(path_of("migrations"), limit=10)
        return all(view["migration"]["phase"] in FINAL for view in moves)

    def _run_it(self) -> None:
        states = sorted(self.state(server.name).split(" ")[0] for server in self.lab.servers)
        if states == ["", "paused"]:
            self.virsh(self.here, "resume", NAME)
        elif states == ["", "shut"]:
            self._activate()
        elif states != ["", "running"]:
            self.make_anew()
        try:
            wait_until(self.serves, seconds=40, what="the partition to serve")
        except LabError:
            self.make_anew()
            wait_until(self.serves, seconds=60, what="the new partition to serve")

    def _activate(self) -> None:
        try:
            until(self._activated, 60, "the partition to be activated")
        except LabError:
            server = next(s.name for s in self.lab.servers if self.state(s.name))
            self.lab.kill_libvirtd(server)
            self.lab.start_libvirtd(server)
            until(self._activated, 60, "the partition to be activated after all")
            self.mended.append(f"the case before left {server} busy, until its libvirtd restarted")

    def _activated(self) -> bool:
        """libvirt may be busy with the rest of a transfer, or coming back: that is waited for."""
        try:
            self.client.post(path_of("partitions", NAME, "activate"))
        except Problem as problem:
            if problem.code not in ("partition-busy", "server-unreachable"):
                raise
            return False
        return True

    def make_anew(self) -> None:
        """It is beyond repair: others shall not fail for that."""
        for server in self.lab.servers:
            self.virsh(server.name, "destroy", NAME, check=False)
            self.virsh(server.name, "undefine", NAME, check=False)
        until(lambda: not self.client.get(path_of("partitions")), 20, "the partition to be gone")
        with suppress(LabError):
            self.lab.delete_volume(NAME)
        self.guest = self.stage.make_partition(NAME, on="s1", memory_mib=MEMORY_MIB)
        self.lpm("partition", "activate", NAME)
