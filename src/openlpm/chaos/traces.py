"""What a case leaves for whoever looks into it: what everybody wrote down meanwhile.

    traces = Traces(scene)
    ...                                     # the case runs
    traces.keep(Path("build/chaos-traces/target-libvirtd-killed@send"))

The folder has each log's lines of that time (console, libvirtd, QEMU), where the console's threads
are at its end and, as the console tells them, the latest moves and events.
"""

import json
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from openlpm.chaos.scene import Scene
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.command import wait_until
from openlpm.lab.errors import LabError

# The main thread is the last to be told of, and its bottom frame the only one of a module.
_LAST_FRAME = b" in <module>\n"
_ASKED = {"moves": ("migrations", {"limit": 5}), "events": ("events", {"last": 500})}


class Traces:
    """The logs of a scene from the moment on at which this is made."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._sizes = {log: log.stat().st_size for log in self._logs()}

    def keep(self, folder: Path) -> None:
        """Write them there, instead of what an earlier run has left."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._ask_where_threads_are()
        for log in self._logs():
            if lines := self._new_in(log):
                (folder / self._name_of(log)).write_bytes(lines)
        for name, (path, query) in _ASKED.items():
            (folder / f"{name}.json").write_text(json.dumps(self._told(path, query), indent=1))

    def _new_in(self, log: Path) -> bytes:
        with log.open("rb") as lines:
            lines.seek(self._sizes.get(log, 0))
            return lines.read()

    def _ask_where_threads_are(self) -> None:
        console, log = self._scene.stage.console, self._scene.lab.folder.run / "console.log"
        if console is not None and console.poll() is None:
            console.send_signal(signal.SIGUSR1)
            with suppress(LabError):  # a frozen one says nothing
                wait_until(lambda: _LAST_FRAME in self._new_in(log), seconds=5, what="its threads")

    def _logs(self) -> list[Path]:
        own = self._scene.lab.folder
        servers = [own.server(server.name) / "var-log" for server in self._scene.lab.servers]
        logs = [*own.run.glob("*.log"), *(log for f in servers for log in f.rglob("*"))]
        return [log for log in logs if log.is_file()]

    def _name_of(self, log: Path) -> str:
        own = self._scene.lab.folder
        root = own.run if log.is_relative_to(own.run) else own.data
        return "-".join(part for part in log.relative_to(root).parts if part != "var-log")

    def _told(self, path: str, query: dict[str, int]) -> Any:
        with suppress(Problem):
            return self._scene.client.get(path_of(path), **query)
        return "the console did not answer"
