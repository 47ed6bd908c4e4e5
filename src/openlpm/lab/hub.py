"""The hub: the lab's first process, its bridges, and its storage server.

Its network namespace is the outside of all servers, and its PID namespace has all of them in it:
ending this one process ends the lab.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openlpm.lab import control, network
from openlpm.lab.command import SYSTEM_PATH, wait_until
from openlpm.lab.errors import LabError
from openlpm.lab.look import MARK
from openlpm.lab.plan import Plan, address
from openlpm.lab.ssh import Ssh
from openlpm.lab.state import Folder

NBD_PORT = 10809


@dataclass(frozen=True)
class Hub:
    """A value, as the servers are."""

    plan: Plan
    folder: Folder

    @property
    def socket(self) -> Path:
        """Its init's."""
        return self.folder.socket("hub")

    @property
    def pid(self) -> int:
        """Its init's process id here; LabError when the lab is gone."""
        return control.pid_behind(self.socket)

    @contextmanager
    def starting(self) -> Generator[None]:
        """Start init and keep it at the end of the block; if we die inside, it dies too."""
        config = self.folder.run / "hub.json"
        config.write_text(json.dumps({"socket": str(self.socket)}))
        with (self.folder.run / "hub.log").open("ab") as log:
            launcher = subprocess.Popen(
                [sys.executable, "-m", "openlpm.lab.init", str(config)],
                stdin=subprocess.PIPE,  # the lifeline, see init.py
                stdout=log,
                stderr=log,
                env=self.marked({"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}),
                start_new_session=True,  # Ctrl-C is for us to handle
            )
        with launcher:
            if launcher.wait(timeout=20):
                raise self._init_failed()
            self._wait_for(self.socket)
            yield
            control.ask(self.socket, do="keep")

    def make_networks(self) -> None:
        """All four bridges."""
        network.make_hub(self.pid, self.plan)

    def boot(self, config: dict[str, Any]) -> None:
        """Have a server's init forked, and wait until it listens."""
        control.ask(self.socket, do="boot", config=config)
        self._wait_for(Path(config["socket"]))

    def start_storage(self) -> None:
        """One nbdkit exports every file in the folder under its name, new ones at once."""
        ready = self.folder.run / "nbdkit.pid"
        server = ["nbdkit", "--foreground", f"--pidfile={ready}"]
        server += [f"--ipaddr={address('storage', 0)}", f"--port={NBD_PORT}"]
        server += ["file", f"dir={self.folder.volumes}"]
        log = str(self.folder.run / "nbdkit.log")
        control.ask(self.socket, do="start", name="nbdkit", argv=server, log=log)
        wait_until(ready.exists, seconds=10, what="the storage server")

    def marked(self, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for the lab's programs: `down` finds them, and they find its `ssh`."""
        path = f"{Ssh(self.folder.ssh).programs}:{environment.get('PATH', SYSTEM_PATH)}"
        return {**environment, "PATH": path, MARK: str(self.folder.run)}

    def _wait_for(self, socket: Path) -> None:
        try:
            wait_until(lambda: control.answers(socket), seconds=10, what=f"init of {socket.stem}")
        except LabError as error:
            raise self._init_failed() from error

    def _init_failed(self) -> LabError:
        log = (self.folder.run / "hub.log").read_text(errors="replace").splitlines()
        return LabError(
            "cannot-start",
            "Could not make the namespaces of the lab.",
            cause="\n".join(log[-5:]),
            remedy="In a container, run it with --privileged.",
        )
