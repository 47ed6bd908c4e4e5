"""An onlooker at both servers: libvirt's own events, as `virsh event` prints them.

    watch = Watch(lab)
    watch.news()          # what has happened since it was last asked

Whatever is done to a partition there is an event: it is defined, started, paused, resumed, sent,
ended, undefined, or its metadata changed.
"""

import subprocess
from pathlib import Path

from openlpm.lab.lab import Lab
from openlpm.lab.server import LabServer


class Watch:
    """Of each server a process that writes down its events, until `end`."""

    def __init__(self, lab: Lab) -> None:
        self._told = {server.name: _log(lab, server) for server in lab.servers}
        self._read = dict.fromkeys(self._told, 0)
        self._processes = [_watch(lab, server, self._told[server.name]) for server in lab.servers]

    def news(self) -> list[str]:
        """A line for each event that was not told yet."""
        found: list[str] = []
        for server, file in self._told.items():
            lines = file.read_text().splitlines()
            found += [f"{server}: {line}" for line in lines[self._read[server] :] if line]
            self._read[server] = len(lines)
        return found

    def end(self) -> None:
        """Look no longer."""
        for process in self._processes:
            process.kill()
            process.wait(10)


def _log(lab: Lab, server: LabServer) -> Path:
    return lab.folder.run / f"events-of-{server.name}.log"


def _watch(lab: Lab, server: LabServer, file: Path) -> "subprocess.Popen[str]":
    """From outside: it is then a process of ours, and ends when it is killed."""
    argv = ["stdbuf", "-oL", "virsh", "-c", server.uri, "event", "--all", "--loop"]
    with file.open("w") as out:
        return lab.popen(argv, stdout=out, stderr=subprocess.STDOUT)
