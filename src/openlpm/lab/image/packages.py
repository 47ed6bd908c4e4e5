"""Debian's packages for the image: which ones, and their files.

The machine's own apt chooses and fetches them, with its own sources, proxy and keys; nothing is
installed. What matters of a package is the SHA-256 that apt verified: the image's cache key is
made of these, so a security update of the kernel gives a new image by itself.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tarfile import TarFile, TarInfo
from tarfile import open as open_tar
from typing import TypeVar

from openlpm.lab.errors import LabError

KERNEL = "linux-image-cloud-amd64"
AGENT = "qemu-guest-agent"
SHELL = "busybox-static"
OTHER_RELATIONS = [
    "pre-depends", "recommends", "suggests", "conflicts", "breaks", "replaces", "enhances",
]  # fmt: skip
DEPENDS_ONLY = [f"--no-{relation}" for relation in OTHER_RELATIONS]
T = TypeVar("T")
LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Package:
    """A package as apt would fetch it now; the digest is the one apt verifies."""

    name: str
    file: str
    digest: str


@dataclass(frozen=True)
class Apt:
    """The machine's apt; with `lists`, the same sources but package lists of our own."""

    lists: Path | None = None

    def run(self, *words: str, cwd: Path | None = None) -> str:
        own = ["-o", f"Dir::State::Lists={self.lists}/"] if self.lists else []
        # As root, apt would fetch as user _apt, who may not write to our folder.
        command = [words[0], *own, "-o", "APT::Sandbox::User=root", "-q", *words[1:]]
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        if done.returncode:
            raise LabError(
                "apt-failed",
                f"`{' '.join(words[:2])}` failed.",
                cause=done.stderr.strip()[-500:],
                remedy="Check the machine's apt sources: `apt-get update` must succeed.",
            )
        return done.stdout


def _closure(apt: Apt, name: str) -> list[str]:
    """The package and all it depends on, without the essential system around it."""
    out = apt.run("apt-cache", "depends", "--recurse", *DEPENDS_ONLY, name)
    return sorted({line for line in out.splitlines() if re.match(r"[a-z0-9]", line)})


def _kernel(apt: Apt) -> str:
    """The versioned package that Debian's cloud kernel stands for at present."""
    out = apt.run("apt-cache", "depends", *DEPENDS_ONLY, KERNEL)
    return next(word for word in out.split() if re.match(r"linux-image-\d", word))


def _choose(apt: Apt) -> list[Package]:
    names = [_kernel(apt), SHELL, *_closure(apt, AGENT)]
    out = apt.run("apt-get", "download", "--print-uris", *names)
    found = re.findall(r"^'[^']*' (\S+) \d+ (\S+)$", out, re.MULTILINE)
    packages = [Package(file.split("_", 1)[0], file, digest) for file, digest in found]
    return sorted(packages, key=lambda package: package.name)


def _with_fresh_lists(folder: Path, action: Callable[[Apt], T]) -> T:
    """Does it with the machine's lists; if they are missing or too old, with fetched ones."""
    try:
        return action(Apt())
    except (LabError, StopIteration):
        own = Apt(folder / "lists")
        (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        own.run("apt-get", "update")
        return action(own)


def choose_packages(folder: Path) -> list[Package]:
    """What the image would be made of now. Remembered while apt's lists stay as they are."""
    memory = folder / "packages.json"
    stamp = f"{LISTS.stat().st_mtime_ns if LISTS.exists() else 0} {os.uname().machine}"
    try:
        known = json.loads(memory.read_text())
        if known["stamp"] == stamp:
            return [Package(**package) for package in known["packages"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing remembered, or by another version of us
    packages = _with_fresh_lists(folder, _choose)
    memory.write_text(
        json.dumps({"stamp": stamp, "packages": [asdict(package) for package in packages]})
    )
    return packages


def fetch_packages(packages: list[Package], folder: Path) -> dict[str, Path]:
    """Downloads them into an empty folder; the answer says where each one is."""

    def download(apt: Apt) -> None:
        apt.run("apt-get", "download", *(package.name for package in packages), cwd=folder)

    _with_fresh_lists(folder.parent, download)
    return {path.name.split("_", 1)[0]: path for path in folder.glob("*.deb")}


def package_files(deb: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, TarInfo, bytes]]:
    """The files and links of a package whose path (after the merge of /usr) matches."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process,
        open_tar(fileobj=process.stdout, mode="r|") as tar,
    ):
        for member in tar:
            path = re.sub(r"^\./(?=s?bin/|lib(64)?/)", "usr/", member.name).removeprefix("./")
            if not member.isdir() and wanted.fullmatch(path):
                yield path, member, _content(tar, member)


def _content(tar: TarFile, member: TarInfo) -> bytes:
    stream = tar.extractfile(member) if member.isfile() else None
    return stream.read() if stream else b""
