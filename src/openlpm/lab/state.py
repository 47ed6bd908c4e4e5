"""Where a lab lives on disk, and the state file that says what it is.

    /run/openlpm-lab/NAME       lab.json, the inits' sockets, the hub's log
    /var/tmp/openlpm-lab/NAME   volumes, leases, and each server's own /etc and /var

With OPENLPM_LAB_DIR set, both are under it. The state file holds the plan and nothing that can be
looked up: whether a server runs, or its process id, is asked of the kernel each time.

Making the run folder is what claims a name: the kernel lets one of two `up` win. `up` and `down`
also hold a lock on it, which the kernel drops with its holder, so a killed `up` blocks nobody.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from openlpm.lab.command import wait_until
from openlpm.lab.control import LONGEST_PATH
from openlpm.lab.errors import LabError
from openlpm.lab.names import lab_name
from openlpm.lab.plan import Plan


@dataclass(frozen=True)
class Folder:
    """The two places of one lab."""

    run: Path
    data: Path

    @property
    def volumes(self) -> Path:
        """Raw, sparse files: each is an NBD export."""
        return self.data / "volumes"

    @property
    def authority(self) -> Path:
        """The lab's certificate authority."""
        return self.data / "authority"

    @property
    def console_pki(self) -> Path:
        """The certificate of those outside: `pkipath` in their URIs."""
        return self.data / "console-pki"

    @property
    def ssh(self) -> Path:
        """Root's home on all servers, with its keys."""
        return self.data / "ssh"

    @property
    def leases(self) -> Path:
        """Shown to every server at the same place."""
        return self.data / "leases"

    def server(self, name: str) -> Path:
        """A server's own /etc/libvirt, /var/lib/libvirt and the like."""
        return self.data / name

    def socket(self, name: str) -> Path:
        """Where the init of the hub or of a server listens."""
        return self.run / f"{name}.sock"


def folder_of(name: str) -> Folder:
    """The folders of a lab, whether it exists or not."""
    lab_name(name)
    chosen = os.environ.get("OPENLPM_LAB_DIR")
    if not chosen:
        return Folder(Path("/run/openlpm-lab", name), Path("/var/tmp/openlpm-lab", name))  # noqa: S108
    root = Path(chosen).resolve()
    if len(str(root)) + len(name) + len("/s32.sock/") > LONGEST_PATH:
        raise LabError(
            "path-too-long",
            f"OPENLPM_LAB_DIR={root} leaves no room for UNIX sockets.",
            cause=f"Their paths may have {LONGEST_PATH} bytes.",
            remedy="Choose a shorter folder.",
        )
    return Folder(root / name, root / name / "data")


def claim(folder: Folder) -> None:
    """Make the lab's folders; LabError when there is a lab of this name."""
    folder.run.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.run.mkdir(mode=0o700)
    except FileExistsError:
        name = folder.run.name
        raise LabError(
            "lab-exists",
            f"There is a lab '{name}' already.",
            remedy=f"Use it, take another --name, or remove it: lpm lab down --name {name}",
        ) from None
    shutil.rmtree(folder.data, ignore_errors=True)  # of a lab from before the machine's restart
    for path in (folder.volumes, folder.leases):
        path.mkdir(parents=True)


def discard(folder: Folder) -> None:
    """Remove the lab's folders, and their parents when no other lab needs them."""
    for path in (folder.data, folder.run):
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.parent.rmdir()


@contextmanager
def locked(folder: Folder) -> Generator[None]:
    """Hold the lab against another `up` or `down`; waits some seconds for one under way."""
    try:
        descriptor = os.open(folder.run, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield  # nothing to hold
        return
    try:
        wait_until(lambda: _try_lock(descriptor), seconds=20, what="another `lpm lab up` or `down`")
        yield
    finally:
        os.close(descriptor)


def save(folder: Folder, plan: Plan, *, complete: bool) -> None:
    """Write the state file in one step: readers see the old one or the new one."""
    text = json.dumps({"format": 1, "complete": complete, "plan": asdict(plan)}, indent=2)
    draft = folder.run / "lab.json.new"
    draft.write_text(text + "\n")
    draft.rename(folder.run / "lab.json")


def load(folder: Folder) -> tuple[Plan, bool]:
    """The plan, and whether `up` came to its end."""
    try:
        state = json.loads((folder.run / "lab.json").read_text())
        return Plan(**state["plan"]), bool(state["complete"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        name = folder.run.name
        if folder.run.exists():
            raise LabError(
                "half-made",
                f"Lab '{name}' was never completed.",
                cause=str(error),
                remedy=f"lpm lab down --name {name}",
            ) from None
        raise LabError(
            "no-such-lab",
            f"There is no lab '{name}'.",
            remedy=f"Bring it up: lpm lab up --name {name}",
        ) from None


def lab_names() -> list[str]:
    """The labs on this machine, half-made ones too."""
    root = folder_of("any").run.parent
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
