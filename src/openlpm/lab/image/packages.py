"""Debian's packages for the image: which ones, and their files.

The machine's own apt chooses and fetches them, with its own sources, proxy and keys; nothing is
installed. What matters of a package is the SHA-256 that apt verified: the image's cache key is
made of these, so a security update of the kernel gives a new image by itself.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tarfile import TarFile, TarInfo
from tarfile import open as open_tar

from openlpm.lab.errors import LabError

KERNEL = "linux-image-cloud-amd64"
AGENT = "qemu-guest-agent"
SHELL = "busybox-static"
OTHER_RELATIONS = [
    "pre-depends", "recommends", "suggests", "conflicts", "breaks", "replaces", "enhances",
]  # fmt: skip
DEPENDS_ONLY = [f"--no-{relation}" for relation in OTHER_RELATIONS]
LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Package:
    """A package as apt would fetch it now; the digest is the one apt verifies."""

    name: str
    file: str
    digest: str


@dataclass(frozen=True)
class Choice:
    """The packages, and the folder of the lists they were chosen from, if not the machine's."""

    packages: list[Package]
    lists: str | None = None


@dataclass(frozen=True)
class Apt:
    """The machine's apt; with `lists`, the same sources but package lists of our own."""

    lists: str | None = None

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
    names = [word for word in out.split() if re.match(r"linux-image-\d", word)]
    if not names:
        raise LabError(
            "apt-failed",
            f"apt does not know Debian's {KERNEL}.",
            remedy="Check the machine's apt sources: `apt-cache policy` must list it.",
        )
    return names[0]


def _choose(apt: Apt) -> list[Package]:
    names = [_kernel(apt), SHELL, *_closure(apt, AGENT)]
    out = apt.run("apt-get", "download", "--print-uris", *names)
    found = re.findall(r"^'[^']*' (\S+) \d+ (\S+)$", out, re.MULTILINE)
    packages = [Package(file.split("_", 1)[0], file, digest) for file, digest in found]
    return sorted(packages, key=lambda package: package.name)


def choose_packages(folder: Path, *, fresh: bool = False) -> Choice:
    """What the image would be made of now. Remembered while apt's lists stay as they are.

    With `fresh`, or when the machine has no lists, they are fetched into `folder` first: nothing
    of the machine changes, and it works for a user who may not run `apt-get update`.
    """
    memory = folder / "packages.json"
    stamp = f"{LISTS.stat().st_mtime_ns if LISTS.exists() else 0} {os.uname().machine}"
    if not fresh and (known := _remembered(memory, stamp)):
        return known
    try:
        choice = Choice(_choose(Apt())) if not fresh else _choose_afresh(folder / "lists")
    except LabError:
        choice = _choose_afresh(folder / "lists")
    memory.write_text(json.dumps({"stamp": stamp, "choice": asdict(choice)}))
    return choice


def _choose_afresh(lists: Path) -> Choice:
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    own = Apt(str(lists))
    own.run("apt-get", "update")
    return Choice(_choose(own), own.lists)


def _remembered(memory: Path, stamp: str) -> Choice | None:
    """Nothing when there is nothing, or it was written by another version of us."""
    try:
        known = json.loads(memory.read_text())
        if known["stamp"] != stamp:
            return None
        packages = [Package(**package) for package in known["choice"]["packages"]]
        return Choice(packages, known["choice"]["lists"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fetch_packages(choice: Choice, folder: Path) -> dict[str, Path]:
    """Downloads them into an empty folder; the answer says where each one is."""
    names = [package.name for package in choice.packages]
    Apt(choice.lists).run("apt-get", "download", *names, cwd=folder)
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
