"""The few Linux system calls that Python 3.11 lacks: unshare and mount.

A *namespace* gives processes their own view of one thing: which processes, mounts, network
interfaces, control groups or host name there are. The first process of a PID namespace is its
PID 1; when it dies, the kernel kills everything else in the namespace, and in those nested in it.
"""

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. A new PID namespace begins with the next fork."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def detach_mounts() -> None:
    """Mounts made from now on are seen in this mount namespace only.

    The machine's own still come and go here as they do there, so that none is kept busy by us.
    """
    _mount("none", "/", "", MS_REC | MS_SLAVE)


def unmount_below(folder: str) -> None:
    """Drop this namespace's copies of mounts below a folder that is about to be replaced.

    Those that another mount hides cannot be named, and stay.
    """
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        target = line.split()[4]
        if target.startswith(f"{folder}/"):
            _libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH))


def bind(source: str, target: str) -> None:
    """Show `source`, a file or a folder, at `target`."""
    _mount(source, target, "", MS_BIND)


def mount_fresh(kind: str, target: str, options: str = "") -> None:
    """Mount a new proc, sysfs or tmpfs; the first two show the caller's namespaces."""
    _mount(kind, target, kind, 0, options)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mount {target}")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
