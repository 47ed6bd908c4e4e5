"""A stage: a lab, a console beside it, and partitions on it, for the demo, chaos and benchmarks.

    with Stage.up("demo") as stage:
        stage.make_partition("web1", on="s1", memory_mib=512)
        stage.show("migrate", "web1", "--to", "s2")     # as typed, output and all
        stage.lpm("migration", "list")                  # the same, as JSON

The console is used as an operator uses it: by the command `lpm`.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click

from openlpm.lab.image import address_of, partition_image
from openlpm.lab.lab import Lab
from openlpm.lab.probe.clients import OutsideClients
from openlpm.lab.small_disk import SmallDisk

BIN = Path(sys.executable).parent
SERVES_WITHIN_S = 60.0


@dataclass(frozen=True)
class Guest:
    """A partition on the stage. `volume` is the storage server's file behind its disk."""

    name: str
    uuid: str
    address: str
    volume: Path


class Stage:
    """Lab and console. Leaving the `with` block removes everything, unless it is to be kept."""

    def __init__(self, lab: Lab, *, keep: bool, disk_mib: int = 0) -> None:
        self.lab = lab
        self.keep = keep
        self.socket = lab.folder.run / "console.sock"
        self.disk = SmallDisk(lab, lab.folder.data / "console", disk_mib) if disk_mib else None
        self.database = (self.disk.folder if self.disk else lab.folder.data) / "console.db"
        """As the console sees it."""
        self.console: subprocess.Popen[str] | None = None

    @classmethod
    def up(
        cls,
        name: str,
        *,
        servers: int = 2,
        link: str = "1gbit",
        keep: bool = False,
        disk_mib: int = 0,
        insecure: bool = False,
        ssh: bool = False,
    ) -> Self:
        """Bring up the servers, start the console beside them, and tell it of each server.

        With `disk_mib` the console's database has a small file system to itself (`stage.disk`);
        with `ssh` the console reaches the servers by ssh, and they each other by TLS as usual.
        """
        lab = Lab.up(name, servers=servers, link=link, insecure=insecure)
        try:
            stage = cls(lab, keep=keep, disk_mib=disk_mib)
            stage.start_console()
            stage.add_systems(insecure=insecure, ssh=ssh)
        except BaseException:
            lab.down()
            raise
        return stage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.keep or kind is not None:
            self.lab.down()

    def start_console(self) -> None:
        """Start the console in the lab's outside network, and wait until it answers."""
        log = (self.lab.folder.run / "console.log").open("a")
        self.console = self.lab.popen(self.console_argv(self.socket), stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while self._run("system", "list").returncode != 0:
            if self.console.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The console did not start:\n{Path(log.name).read_text()}")

    def console_argv(self, socket: Path) -> list[str]:
        """The command that starts a console on this stage's database."""
        words = (BIN / "lpm", "--socket", socket, "serve", "--database", self.database)
        return self.beside_console([str(word) for word in words])

    def beside_console(self, argv: list[str]) -> list[str]:
        """The command that runs `argv` where the console's files are seen."""
        return self.disk.inside(argv) if self.disk else argv

    def add_systems(self, *, insecure: bool = False, ssh: bool = False) -> None:
        """Tell the console of each server, that what goes to and from it may be unencrypted."""
        for server in self.lab.servers:
            self.lpm(
                *("system", "add", server.name, server.ssh_uri if ssh else server.uri),
                *("--peer-uri", server.peer_uri),
                *("--migration-address", server.migration_address),
                *(("--insecure",) if insecure else ()),
            )

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command(), *words, "--json"],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            process_group=0,  # Ctrl-C is for us: an interpreter that just starts would grumble
        )

    def command(self) -> list[str]:
        """The command line that reaches this stage's console."""
        return [str(BIN / "lpm"), "--socket", str(self.socket)]

    def lpm(self, *words: str) -> Any:
        """The command's answer as JSON. Raises `RuntimeError` with its error when it fails."""
        done = self._run(*words)
        if done.returncode != 0:
            said = done.stderr or done.stdout
            raise RuntimeError(f"lpm {' '.join(words)}: exit {done.returncode}\n{said}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def show(self, *words: str) -> None:
        """Type the command for all to see, and let it print. Raises when it fails."""
        click.echo(f"\n\033[1m$ lpm {' '.join(words)}\033[0m")
        sys.stdout.flush()
        done = subprocess.run([*self.command(), *words], timeout=600, check=False, process_group=0)
        if done.returncode != 0:
            raise RuntimeError(f"lpm {' '.join(words)} ended with exit code {done.returncode}")

    def make_partition(
        self, name: str, *, on: str, memory_mib: int, number: int = 1, processors: int = 1
    ) -> Guest:
        """A partition from the project's image, its disk on the storage server; it is off."""
        volume = self.lab.create_volume(name, source=partition_image())
        mac = f"52:54:00:6c:00:{number:02x}"
        made = self.lpm(
            *("partition", "create", name, "--on", on, "--memory", str(memory_mib)),
            *("--processors", str(processors), "--disk", volume.uri),
            *("--network", f"guest,mac={mac}"),
        )
        return Guest(name, made["uuid"], address_of(mac), volume.path)

    def clients(self, guest: Guest) -> OutsideClients:
        """Clients of the partition, outside all servers."""
        return OutsideClients(guest.address, self.lab.exec_argv)

    def disk_gaps(self, guest: Guest) -> int:
        """Missing and doubled records on the running partition's disk, as it reads them itself."""
        code = (
            "from openlpm.lab.image import check_records, read_records; "
            f"found = check_records(read_records({guest.address!r})); "
            "print(found.gaps + found.doubles)"
        )
        return int(self._outside(code))

    def fetch(self, guest: Guest, page: str) -> Any:
        """One page of the partition's service, asked for from outside."""
        url = f"http://{guest.address}{page}"
        code = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=10).read().decode())"
        return json.loads(self._outside(code))

    def _outside(self, code: str) -> str:
        """What a piece of Python prints, run where the clients are."""
        done = self.lab.run([sys.executable, "-c", code], check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Outside the servers: {code}\n{done.stderr}")
        return done.stdout
