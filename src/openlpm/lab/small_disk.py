"""A file system of a few MiB, to see what a program does when its disk is full.

    disk = SmallDisk(lab, lab.folder.data / "console", mib=8)
    lab.popen(disk.inside(["lpm", "serve", …]))
    disk.fill()

It lives in the memory and the mount namespace of one process of the lab, and goes with it: nothing
is mounted on the machine, nothing is left when the lab is down.
"""

import errno
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from openlpm.lab import kernel
from openlpm.lab.command import wait_until
from openlpm.lab.lab import Lab


class SmallDisk:
    """Mounted on `folder` for those who are `inside`."""

    def __init__(self, lab: Lab, folder: Path, mib: int) -> None:
        self.folder = folder
        folder.mkdir()
        hold = [sys.executable, "-P", "-m", "openlpm.lab.small_disk", str(folder), str(mib)]
        self._holder = lab.popen(hold)
        wait_until(self._is_mounted, seconds=10, what="the console's disk")

    def inside(self, argv: list[str]) -> list[str]:
        """The command that runs `argv` where the disk is seen."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--", *argv]

    def fill(self) -> None:
        """Take the last byte."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (4096, 1):
                _write_until_full(lambda size=size: file.write(b"x" * size))

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.folder}/ballast")

    def _is_mounted(self) -> bool:
        mounts = Path(f"/proc/{self._holder.pid}/mountinfo").read_text()
        return f" {self.folder} " in mounts


def _hold(folder: str, mib: str) -> None:
    """What the holder does, until the lab ends it."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.detach_mounts()
    kernel.mount_fresh("tmpfs", folder, f"size={int(mib)}m")
    while True:
        signal.pause()


def _write_until_full(write: Callable[[], object]) -> None:
    while True:  # ends when the disk does
        try:
            write()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return


if __name__ == "__main__":
    _hold(*sys.argv[1:])
