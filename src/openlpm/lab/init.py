"""PID 1 of the hub and of each server: starts daemons, reaps, does what its socket is told.

    python -m openlpm.lab.init CONFIG.json        (run by hub.py; not meant for people)

The hub's init is started first, and forks an init for each server on request. So a server's PID
namespace is nested in the hub's, and ending the hub's init ends the whole lab: the kernel kills
every process in it, stopped and stray ones too. Ending a server's init loses that server only.

Until told to `keep` the lab, the hub's init watches its standard input, a pipe from `lpm lab up`.
End of file means that `up` died half way: init then ends itself, and with it all that was made.

A request is one line of JSON on the socket, answered by one line:

    {"do": "start", "name": "libvirtd", "argv": ["libvirtd", "--listen"], "log": "/…/libvirtd.log"}
    {"do": "kill", "name": "libvirtd"}     {"do": "boot", "config": {…}}     {"do": "freeze"}
    {"do": "status"}                       {"do": "keep"}                    {"do": "thaw"}
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from openlpm.lab import kernel
from openlpm.lab.cgroups import DAEMONS, TOP

MOST_BYTES = 65536
"""Of a request; a server's configuration has a thousand."""
# Whatever a request holds, PID 1 must not end with it: JSON too deep, a number too large.
_REFUSALS = (
    *(OSError, LookupError, ValueError, TypeError, AttributeError),
    *(RecursionError, OverflowError),
)


class Init:
    """One init. `config` has its socket and, for a server, hostname and binds."""

    def __init__(self, config: dict[str, Any], *, lifeline: bool) -> None:
        self.config = config
        self.daemons: dict[str, int] = {}
        self.frozen = False
        self.listener = socket.socket(socket.AF_UNIX)
        Path(config["socket"]).unlink(missing_ok=True)
        self.listener.bind(config["socket"])
        self.inputs: list[Any] = [self.listener]
        if lifeline:
            self.inputs.append(sys.stdin)
        self.requests: dict[str, Callable[..., dict[str, object]]] = {
            "start": self.start,
            "kill": self.kill,
            "freeze": self.freeze,
            "thaw": self.thaw,
            "boot": self.boot,
            "status": self.status,
            "keep": self.keep,
        }

    def serve(self) -> None:
        """Listen, and never return."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(wake)
        self.listener.listen()
        while True:
            ready = select.select([woken, *self.inputs], [], [])[0]
            if woken in ready:
                os.read(woken, 4096)
                self.reap()
            if sys.stdin in ready:
                os._exit(1)
            if self.listener in ready:
                self.answer()

    def answer(self) -> None:
        """One request of one caller; whatever the caller does, init lives on."""
        caller, _ = self.listener.accept()
        with caller, suppress(OSError):
            caller.settimeout(2)
            line = caller.makefile("rb").readline(MOST_BYTES)
            if line:  # else it only looked whether we are here
                caller.sendall(json.dumps(self.obey(line)).encode() + b"\n")

    def obey(self, line: bytes) -> dict[str, object]:
        """Do what is asked; failures are answers too."""
        try:
            request = json.loads(line)
            return self.requests[request.pop("do")](**request)
        except _REFUSALS as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def reap(self) -> None:
        """Collect the dead: own daemons, and orphans that were handed to PID 1."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self.daemons = {name: one for name, one in self.daemons.items() if one != pid}

    def start(self, *, name: str, argv: list[str], log: str) -> dict[str, object]:
        """Start a daemon unless it runs already."""
        self.reap()
        if name not in self.daemons:
            append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self.daemons[name] = os.posix_spawnp(
                argv[0],
                argv,
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, log, append, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigdef=[signal.SIGPIPE],
            )
        return {"pid": self.daemons[name]}

    def kill(self, *, name: str) -> dict[str, object]:
        """kill -9 a daemon; its own children live on. Answered when it is gone."""
        pid = self.daemons.pop(name, None)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        return {"was_running": pid is not None}

    def freeze(self) -> dict[str, object]:
        """Stop every process of this PID namespace but this one."""
        os.kill(-1, signal.SIGSTOP)
        self.frozen = True
        return {}

    def thaw(self) -> dict[str, object]:
        """Let them go on."""
        os.kill(-1, signal.SIGCONT)
        self.frozen = False
        return {}

    def status(self) -> dict[str, object]:
        """Which daemons run."""
        self.reap()
        return {"daemons": sorted(self.daemons), "frozen": self.frozen}

    def keep(self) -> dict[str, object]:
        """The lab is complete: from now on it outlives `lpm lab up`."""
        self.inputs = [self.listener]
        return {}

    def boot(self, *, config: dict[str, Any]) -> dict[str, object]:
        """Fork an init for a server, in namespaces of its own."""
        if os.fork() == 0:
            self.listener.close()
            _run_in_new_namespaces(config)
        return {}


def _run_in_new_namespaces(config: dict[str, Any], *, lifeline: bool = False) -> None:
    """Become the parent of a new PID namespace's PID 1, which never returns; then exit."""
    status = 1
    try:
        flags = kernel.CLONE_NEWPID | kernel.CLONE_NEWNET
        kernel.unshare(
            flags | (kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS if "hostname" in config else 0)
        )
        if os.fork() == 0:
            os.setsid()
            _join(config.get("groups", []))
            init = Init(config, lifeline=lifeline)  # binds its socket before /run changes
            if "hostname" in config:
                _furnish(config)
            init.serve()
        status = 0
    finally:
        if status:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        os._exit(status)


def _join(groups: list[dict[str, str]]) -> None:
    """Enter the server's control groups, and see them as the top from now on (see cgroups.py)."""
    for group in groups:
        Path(group["folder"], "cgroup.procs").write_text("0")
    if groups:
        kernel.unshare(kernel.CLONE_NEWCGROUP)


def _furnish(config: dict[str, Any]) -> None:
    """Give the server its own host name and its own view of the file system."""
    socket.sethostname(config["hostname"])
    kernel.detach_mounts()
    for folder in ("/run", "/sys"):
        kernel.unmount_below(folder)
    for source, target in config["binds"]:
        kernel.bind(source, target)
    for kind, target in (("tmpfs", "/run"), ("proc", "/proc"), ("sysfs", "/sys")):
        kernel.mount_fresh(kind, target)
    _show_groups(config["groups"])
    # Where libvirt locks a serial console's device; every Debian machine has it.
    Path("/run/lock").mkdir()


def _show_groups(groups: list[dict[str, str]]) -> None:
    """Mount the control groups where libvirt looks for them."""
    if not groups:
        return
    if not groups[0]["options"]:
        kernel.mount_fresh("cgroup2", TOP)
        daemons = Path(TOP, DAEMONS)
        daemons.mkdir()
        (daemons / "cgroup.procs").write_text("0")
        return
    kernel.mount_fresh("tmpfs", TOP)
    for group in groups:
        mount = Path(TOP, group["options"])
        mount.mkdir()
        kernel.mount_fresh("cgroup", str(mount), group["options"])


if __name__ == "__main__":
    _run_in_new_namespaces(json.loads(Path(sys.argv[1]).read_text()), lifeline=True)
