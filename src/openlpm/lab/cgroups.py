"""Processor time for each server: a part of the machine's cgroups that its libvirtd may divide.

libvirt gives partitions their processor time (`<cputune>`) by the kernel's control groups, and
needs the cpu controller for it. The machine's own are neither seen by a server nor the server's to
change, so each gets a group below `openlpm-lab-…`, and a cgroup namespace in which that group is
the top:

    cgroup v1   one tree a controller   cpu and cpuacct, mounted at /sys/fs/cgroup/cpu and …/cpuacct
    cgroup v2   one tree for all        at /sys/fs/cgroup; a group with processes of its own cannot
                                        divide, so the server's daemons are in `host` below the top

A machine without the cpu controller, or one that keeps it for itself (some containers), has none
to give: the lab works all the same, and partitions there get what the machine's scheduler gives.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.command import wait_until
from openlpm.lab.state import Folder

CONTROLLERS = ("cpu", "cpuacct")
TOP = "/sys/fs/cgroup"
DAEMONS = "host"
# Of a lab, in the weight of single processes: its group stands for what is busy in it while a
# partition moves. More would starve the console and the clients beside it.
_PROCESSES = 2
_V1_SHARES, _V2_WEIGHT = 1024, 100  # the kernel's, for one process


@dataclass(frozen=True)
class Tree:
    """A cgroup hierarchy of this machine: `options` are v1's controllers, '' for v2."""

    mount: Path
    options: str


def trees(mounts: str) -> list[Tree]:
    """Those that divide or count processor time, from the text of /proc/self/mountinfo."""
    found: list[Tree] = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        mount = Path(before.split()[4])
        if kind == "cgroup2" and "cpu" in _read(mount / "cgroup.controllers").split():
            found.append(Tree(mount, ""))
        elif kind == "cgroup" and (
            ours := [one for one in CONTROLLERS if one in options.split(",")]
        ):
            found.append(Tree(mount, ",".join(ours)))
    unlike = {tree.options: tree for tree in found}  # bind mounts show one again
    return [unlike[""]] if "" in unlike else list(unlike.values())


def prepare(folder: Folder, server: str) -> list[dict[str, str]]:
    """Make a server's groups anew; tells its init where they are. [] where the machine has none."""
    remove(folder, server)  # of the server before its power was lost
    try:
        groups = [_prepared(tree, folder, server) for tree in _here()]
    except OSError:
        remove(folder, server)
        return []
    return groups


def divides(groups: list[dict[str, str]]) -> bool:
    """Whether among a server's groups is one that divides processor time."""
    return any(not group["options"] or "cpu" in group["options"].split(",") for group in groups)


def remove(folder: Folder, server: str = "") -> None:
    """Remove a server's groups, or the lab's; their processes have ended, or end now."""

    def gone() -> bool:
        tops = [path / server for path in groups_of(folder)]
        for top in tops:
            for path in (*sorted(top.rglob("*/"), reverse=True), top):
                with suppress(OSError):
                    path.rmdir()
        return not any(top.exists() for top in tops)

    wait_until(gone, seconds=10, what="the lab's control groups to empty")


def groups_of(folder: Folder) -> list[Path]:
    """The lab's groups that are there, one for each tree."""
    return [path for tree in _here() if (path := tree.mount / _name(folder)).exists()]


def _prepared(tree: Tree, folder: Folder, server: str) -> dict[str, str]:
    own = tree.mount / _name(folder) / server
    own.mkdir(parents=True)
    if not tree.options:
        for above in (tree.mount, own.parent):
            (above / "cgroup.subtree_control").write_text("+cpu")
        (own.parent / "cpu.weight").write_text(str(_V2_WEIGHT * _PROCESSES))
    elif "cpu" in tree.options.split(","):
        (own.parent / "cpu.shares").write_text(str(_V1_SHARES * _PROCESSES))
    return {"folder": str(own), "options": tree.options}


def _name(folder: Folder) -> str:
    # From the whole path: labs of the same name may live in different folders.
    return "openlpm-lab-" + str(folder.run).strip("/").replace("/", "-")


def _here() -> list[Tree]:
    return trees(_read(Path("/proc/self/mountinfo")))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
