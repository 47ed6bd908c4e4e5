"""Looking at the machine: what is there of a lab, whatever its state file says.

Every process of a lab is found in one of two ways. Inits and what they start, and programs started
through `lpm lab exec`, carry a mark in their environment. libvirtd scrubs the environment of its
guests: those are found by the namespaces that they share with marked processes.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.cgroups import groups_of
from openlpm.lab.command import wait_until
from openlpm.lab.state import Folder

MARK = "OPENLPM_LAB_MARK"
_OURS = re.compile(r"s\d+-(management|migration|storage|guest)|guest-up")


@dataclass(frozen=True)
class Process:
    """A live process; `namespaces` are its network and PID namespace."""

    pid: int
    name: str
    namespaces: frozenset[str]
    marked: bool


def processes(folder: Folder) -> list[Process]:
    """The lab's, but for this process and those that it descends from."""
    every = list(_all_processes(folder))
    own = _ancestry()
    others = [process for process in every if process.pid not in own]
    marked = [process.namespaces for process in others if process.marked]
    lab = frozenset[str]().union(*marked) - _common()
    return [process for process in others if process.marked or process.namespaces & lab]


def kill_processes(folder: Folder) -> None:
    """kill -9 until a look finds none; the kernel ends stopped ones too."""

    def none_left() -> bool:
        found = processes(folder)
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        return not found

    wait_until(none_left, seconds=30, what="the lab's processes to end")


def left_overs(folder: Folder) -> list[str]:
    """What remains of the lab on this machine, one line each."""
    found = processes(folder)
    held = sorted({name for process in found for name in process.namespaces} - _common())
    # A bind mount is listed with the path inside its file system: /run may be one of its own.
    part = f"/{folder.run.parent.name}/{folder.run.name}"
    mounts = [line for line in _read(Path("/proc/self/mountinfo")).splitlines() if part in line]
    interfaces = [path.name for path in Path("/sys/class/net").iterdir()]
    files = [path for path in (folder.run, folder.data) if path.exists()]
    return [
        *(f"process {process.pid} {process.name}" for process in found),
        *(f"namespace {name}" for name in held),
        *(f"mount {line.split()[4]}" for line in mounts),
        *(f"interface {name}" for name in interfaces if _OURS.fullmatch(name)),
        *(f"control group {path}" for path in groups_of(folder)),
        *(f"files {path}" for path in files),
    ]


def _all_processes(folder: Folder) -> Iterator[Process]:
    mark = f"{MARK}={folder.run}"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        namespaces = _namespaces(entry)
        if namespaces:  # neither a zombie nor gone meanwhile
            yield Process(
                pid=int(entry.name),
                name=_read(entry / "comm").strip(),
                namespaces=namespaces,
                marked=mark in _read(entry / "environ").split("\0"),
            )


def _namespaces(entry: Path) -> frozenset[str]:
    try:
        return frozenset(os.readlink(entry / "ns" / kind) for kind in ("net", "pid"))
    except OSError:
        return frozenset()


def _common() -> frozenset[str]:
    """Namespaces that are no lab's: the machine's, and those that we stand in."""
    return _namespaces(Path("/proc/self")) | _namespaces(Path("/proc/1"))


def _ancestry() -> set[int]:
    """This process and its ancestors, up to PID 1."""
    line: set[int] = set()
    pid = os.getpid()
    while pid > 0:
        line.add(pid)
        status = _read(Path(f"/proc/{pid}/status"))
        parent = re.search(r"^PPid:\t(\d+)$", status, re.MULTILINE)
        pid = int(parent[1]) if parent else 0
    return line


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
