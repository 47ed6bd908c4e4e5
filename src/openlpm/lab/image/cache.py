"""The image, built once for all that determines it, and kept.

The key is a hash over our own sources, the digest of every package, the suite and the tools that
write the disk. Builders of the same machine wait for each other at a lock; an entry appears
complete, by a rename, or not at all. Those not used lately go away.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from openlpm.lab.errors import LabError
from openlpm.lab.image.build import build_image, guest_sources
from openlpm.lab.image.disk import run_tool
from openlpm.lab.image.packages import Choice, choose_packages

KEEP = 3
TOOLS = ("dosfstools", "e2fsprogs", "gcc", "libc6-dev", "mtools", "syslinux")


@dataclass(frozen=True)
class PartitionFiles:
    """The disk of a partition, and its kernel and initramfs for who boots without a disk."""

    disk: Path
    kernel: Path
    initrd: Path


def cache_folder() -> Path:
    """$OPENLPM_CACHE, or the place that is usual for this user."""
    if chosen := os.environ.get("OPENLPM_CACHE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/cache/openlpm")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openlpm"


def partition_image() -> Path:
    """The raw disk image. Copy it: it is shared, and never to be written to."""
    return partition_files().disk


def partition_files() -> PartitionFiles:
    """Everything a partition boots from, built now if need be."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        try:
            entry = _entry(folder, choose_packages(folder))
        except LabError as error:
            if error.code != "apt-failed":
                raise
            # Usually: the lists are older than the mirror, which has newer packages only.
            entry = _entry(folder, choose_packages(folder, fresh=True))
        os.utime(entry)
        prune(folder)
    return PartitionFiles(entry / "disk.raw", entry / "vmlinuz", entry / "initrd")


def _entry(folder: Path, choice: Choice) -> Path:
    suite = _suite()
    entry = folder / f"partition-{_key(choice, suite)}"
    if not entry.exists():
        with published(entry) as draft:
            build_image(choice, suite, draft)
    return entry


@contextmanager
def locked(path: Path) -> Generator[None]:
    """One at a time; the kernel lets go of the lock when its holder dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def published(entry: Path) -> Generator[Path]:
    """A folder to write into, which gets its name when all is written."""
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=entry.parent))
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def prune(folder: Path) -> None:
    """Called under the lock: no builder is at work, so every draft was left by a killed one."""
    entries = sorted(folder.glob("partition-*"), key=lambda path: path.stat().st_mtime)
    for old in [*entries[:-KEEP], *folder.glob("draft-*"), *folder.glob("tmp*")]:
        shutil.rmtree(old, ignore_errors=True)


def _suite() -> str:
    release = Path("/etc/os-release").read_text()
    names = [line for line in release.splitlines() if line.startswith("VERSION_CODENAME=")]
    if not names or "debian" not in release.lower():
        raise LabError(
            "not-debian",
            "The lab's image is built from Debian's packages.",
            cause="/etc/os-release does not name a Debian release.",
            remedy="Run the lab on Debian 12 or 13.",
        )
    return names[0].partition("=")[2].strip('"')


def _key(choice: Choice, suite: str) -> str:
    here = files("openlpm.lab.image")
    sources = {item.name: item.read_bytes() for item in here.iterdir() if item.name.endswith(".py")}
    tools = run_tool("dpkg-query", "-W", *TOOLS, good=(0, 1))
    parts = {
        "packages": [package.digest for package in choice.packages],
        "suite": suite,
        "machine": os.uname().machine,
        "tools": tools,
        "sources": {
            name: hashlib.sha256(content).hexdigest()
            for name, content in sorted((sources | guest_sources()).items())
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
