"""The lab as its users know it: up, use, down.

    with Lab.up("demo", servers=2) as lab:
        lab.run(["virsh", "-c", lab.servers[0].uri, "list"])          # from outside
        lab.run(["virsh", "list"], server=lab.servers[0])             # on a server
        disk = lab.create_volume("web1", Path("image.raw"))
        lab.cut("s1", "migration")

`up` reads from top to bottom: claim the name; start the hub, whose init dies with us until the end;
networks; servers; wait until all answer; let go. Whatever interrupts it, everything is removed.
"""

import os
import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from openlpm.lab import accelerator, cgroups, control, look, network, state, storage, target
from openlpm.lab.command import require_programs, require_root, wait_until
from openlpm.lab.errors import LabError
from openlpm.lab.hub import Hub
from openlpm.lab.pki import LIBVIRT, Authority
from openlpm.lab.plan import Plan
from openlpm.lab.server import LabServer
from openlpm.lab.ssh import Ssh
from openlpm.lab.storage import Volume


class Lab:
    """A handle: holds no processes, so any number of them may exist of one lab."""

    accel = staticmethod(accelerator.accel)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.folder = state.folder_of(plan.name)
        self.hub = Hub(plan, self.folder)
        self.servers = tuple(
            LabServer(plan, number, self.folder) for number in range(1, plan.servers + 1)
        )

    @property
    def name(self) -> str:
        """What `--name` says."""
        return self.plan.name

    # Up and down

    @classmethod
    def up(
        cls,
        name: str,
        servers: int = 2,
        link: str = "1gbit",
        *,
        processors: int | None = None,
        memory_mib: int | None = None,
        mtu: int = 1500,
        insecure: bool = False,
    ) -> Self:
        """Make a lab, in a few seconds; leaves nothing when it fails or is interrupted."""
        require_root()
        require_programs()
        lab = cls(Plan(name, servers, link, mtu, processors, memory_mib, insecure))
        claimed = False
        try:
            with _undisturbed():
                state.claim(lab.folder)
                claimed = True
            with state.locked(lab.folder):
                lab._make()
        except BaseException:
            if claimed:
                lab.down()
            raise
        return lab

    @classmethod
    def load(cls, name: str) -> Self:
        """The lab of this name, made earlier or elsewhere."""
        plan, complete = state.load(state.folder_of(name))
        if not complete:
            raise LabError(
                "half-made",
                f"Lab '{name}' is being made, or was never completed.",
                remedy=f"Wait for its `up`, or remove it: lpm lab down --name {name}",
            )
        return cls(plan)

    @staticmethod
    def remove(name: str) -> list[str]:
        """Bring a lab down by its name alone, even half-made; answers what is left over."""
        require_root()
        folder = state.folder_of(name)
        with _undisturbed(), state.locked(folder):
            look.kill_processes(folder)
            cgroups.remove(folder)
            state.discard(folder)
        return look.left_overs(folder)

    def down(self) -> None:
        """Remove everything; does no harm when there is nothing."""
        left = self.remove(self.name)
        if left:
            raise LabError("left-over", f"Not all of lab '{self.name}' is gone.", "\n".join(left))

    def left_overs(self) -> list[str]:
        """What the machine has of this lab now: processes, namespaces, mounts, links, files."""
        return look.left_overs(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def _make(self) -> None:
        state.save(self.folder, self.plan, complete=False)
        with self.hub.starting():
            self.hub.make_networks()
            self.hub.start_storage()
            self._certify()
            for server in self.servers:
                self._boot(server)
            for server in self.servers:
                server.wait_ready(self.hub.pid)
            state.save(self.folder, self.plan, complete=True)

    def _certify(self) -> None:
        """An authority, and for those outside (the console, and who looks on) a certificate and
        a key for ssh."""
        authority = Authority(self.folder.authority)
        authority.make()
        authority.issue(LIBVIRT, self.folder.console_pki, "console")
        Ssh(self.folder.ssh).make()

    def _boot(self, server: LabServer) -> None:
        self.hub.boot(server.furnish())
        network.wire(self.hub.pid, server.pid, server.number, self.plan)
        server.start_daemons()

    # Using it

    def server(self, name: str | LabServer) -> LabServer:
        """The server of this name."""
        if isinstance(name, LabServer):
            return name
        for server in self.servers:
            if server.name == name:
                return server
        known = ", ".join(server.name for server in self.servers)
        raise LabError(
            "no-such-server",
            f"Lab '{self.name}' has no server '{name}'.",
            remedy=f"It has: {known}.",
        )

    def exec_argv(self, argv: Sequence[str], server: str | LabServer | None = None) -> list[str]:
        """The command that runs `argv` outside of all servers, or on one."""
        if server is None:
            return network.inside(self.hub.pid, argv)
        return self.server(server).exec_argv(list(argv))

    def popen(
        self,
        argv: Sequence[str],
        server: str | LabServer | None = None,
        *,
        stdin: int | IO[Any] | None = subprocess.DEVNULL,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program there. Outside, the process is the program's own: kill it as any."""
        return subprocess.Popen(
            self.exec_argv(argv, server),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=self.hub.marked(os.environ if env is None else env),
            text=True,
        )

    def run(
        self,
        argv: Sequence[str],
        server: str | LabServer | None = None,
        *,
        stdin: str = "",
        timeout: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program there to its end; CalledProcessError unless it succeeds."""
        return subprocess.run(
            self.exec_argv(argv, server),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
            env=self.hub.marked(),
        )

    def create_volume(
        self, name: str, source: Path | None = None, size_mib: int | None = None
    ) -> Volume:
        """A new disk that all servers reach, at once."""
        return storage.create(self.folder, name, source, size_mib)

    def volumes(self) -> list[Volume]:
        """All disks."""
        return storage.volumes(self.folder)

    def delete_volume(self, name: str) -> None:
        """Remove a disk."""
        storage.delete(self.folder, name)

    def serve_luns(self, count: int, size_mib: int) -> None:
        """LUNs that all servers have in a pool `san`, until the lab goes."""
        target.serve(self, count, size_mib)

    # Breaking it

    def cut(self, server: str | LabServer, link: str) -> None:
        """Pull a server's cable to a network."""
        self._set_link(server, link, up=False)

    def heal(self, server: str | LabServer, link: str) -> None:
        """Plug it again."""
        self._set_link(server, link, up=True)

    def cut_links(self, server: str | LabServer) -> list[str]:
        """The networks that a server is cut from."""
        number = self.server(server).number
        down = network.cut_links(self.hub.pid)
        return [link for link in network.LINKS if network.hub_end(number, link) in down]

    def set_rate(self, server: str | LabServer, rate: str) -> None:
        """Shape a server's migration link anew, both directions, while in use."""
        one = self.server(server)
        network.shape(one.pid, "migration", rate)
        network.shape(self.hub.pid, network.hub_end(one.number, "migration"), rate)

    def kill_libvirtd(self, server: str | LabServer) -> None:
        """kill -9 of libvirtd; partitions go on."""
        self.server(server).kill_libvirtd()

    def start_libvirtd(self, server: str | LabServer) -> None:
        """Start it again, and wait until it answers."""
        self.server(server).start_libvirtd(self.hub.pid)

    def freeze(self, server: str | LabServer) -> None:
        """Stop every process of a server where it stands."""
        self.server(server).freeze()

    def thaw(self, server: str | LabServer) -> None:
        """Let them go on."""
        self.server(server).thaw()

    def kill_server(self, server: str | LabServer) -> None:
        """Power lost: every process of the server is gone, and its links with it."""
        one = self.server(server)
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
        wait_until(lambda: not control.answers(one.socket), seconds=10, what=f"{one.name} to end")
        gone = lambda: not network.has_links(self.hub.pid, one.number)  # noqa: E731
        wait_until(gone, seconds=10, what=f"the links of {one.name} to go")

    def start_server(self, server: str | LabServer) -> None:
        """Power back: it boots with the partitions defined on it, none running."""
        one = self.server(server)
        if control.answers(one.socket):
            raise LabError("server-runs", f"Server {one.name} runs already.")
        self._boot(one)
        one.wait_ready(self.hub.pid)

    def _set_link(self, server: str | LabServer, link: str, *, up: bool) -> None:
        if link not in network.LINKS:
            raise LabError(
                "no-such-link",
                f"Servers have no link '{link}'.",
                remedy=f"They have: {', '.join(network.LINKS)}.",
            )
        network.set_link(self.hub.pid, self.server(server).number, link, up=up)


@contextmanager
def _undisturbed() -> Generator[None]:
    """Put Ctrl-C off until the block is done: it may not be left half way."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
