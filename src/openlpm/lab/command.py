"""Running programs and waiting for conditions: always bounded, never through a shell.

>>> run(["echo", "hello"], doing="greet").strip()
'hello'
>>> run(["false"], doing="try")
Traceback (most recent call last):
    ...
openlpm.lab.errors.LabError: Could not try. `false` ended with 1.
"""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence

from openlpm.lab.errors import LabError

# Debian's package of each program that the lab calls.
PROGRAMS = {
    "ip": "iproute2",
    "tc": "iproute2",
    "nsenter": "util-linux",
    "cp": "coreutils",
    "virsh": "libvirt-clients",
    "libvirtd": "libvirt-daemon-system",
    "virtlogd": "libvirt-daemon-system",
    "virtlockd": "libvirt-daemon-lock libvirt-daemon-plugin-lockd",
    "qemu-system-x86_64": "qemu-system-x86",
    "nbdkit": "nbdkit",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "dropbear": "dropbear-bin",
    "dropbearkey": "dropbear-bin",
}
# Of labs that ask for it.
OPTIONAL = {"tgtd": "tgt libvirt-daemon-driver-storage-iscsi-direct"}
# Where those are, whatever the caller's own PATH puts in front.
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def run(argv: Sequence[str], *, doing: str, stdin: str = "", timeout: float = 20) -> str:
    """Standard output of a program, or LabError with what it said on standard error."""
    what = shlex.join(argv)
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise LabError(
            "timed-out", f"Could not {doing}.", cause=f"`{what}` took over {timeout:g} s."
        ) from None
    except FileNotFoundError as error:
        raise missing([argv[0]]) from error
    if done.returncode:
        said = f"{done.stderr.strip()}\n" if done.stderr.strip() else ""
        raise LabError(
            "command-failed",
            f"Could not {doing}.",
            cause=f"{said}`{what}` ended with {done.returncode}.",
        )
    return done.stdout


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Poll until the condition is true; LabError when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError("timed-out", f"Waited {seconds:g} s for {what} in vain.")
        time.sleep(0.01)


def require_root() -> None:
    """Namespaces, mounts and interfaces need root."""
    if os.geteuid() != 0:
        raise LabError(
            "needs-root",
            "The lab makes namespaces and network links, which only root may.",
            remedy="Run the same command with sudo.",
        )


def require_programs() -> None:
    """Name every program that is not installed, and its Debian package."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=SYSTEM_PATH)]
    if absent:
        raise missing(absent)


def missing(programs: Sequence[str]) -> LabError:
    """The error that says what to install."""
    packages = {(PROGRAMS | OPTIONAL).get(program, program) for program in programs}
    if "libvirtd" in programs:
        # The lock daemon is a package of its own since Debian 13; before, it comes with libvirtd.
        packages.discard(PROGRAMS["virtlockd"])
    return LabError(
        "program-missing",
        f"Not installed: {', '.join(programs)}.",
        remedy=f"apt-get install {' '.join(sorted(packages))}",
    )
