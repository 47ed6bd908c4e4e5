"""A PostgreSQL of the tests' own: Debian's, in a folder that goes with it, on a UNIX socket only.

    with Cluster.started() as cluster:
        url = cluster.create()            # an empty database

It dies with the tests. PostgreSQL does not run as root: then it gets the user that Debian made.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_USER = "postgres"
_HBA = "local all secret scram-sha-256\nlocal all all trust\n"
PASSWORD = "p%ss:w@rd/ü"


def programs() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    return found[-1].parent if found else None


def _version(program: Path) -> float:
    return float(program.parts[-3])


@dataclass
class Cluster:
    """A running server. `folder` has its data and its socket."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    programs: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    @classmethod
    @contextmanager
    def started(cls) -> "Iterator[Cluster]":
        where = programs()
        assert where is not None
        # Not pytest's own folder: a socket's path must be short, and its user reach it.
        folder = Path(tempfile.mkdtemp(prefix="lpmpg"))
        try:
            if os.geteuid() == 0:
                shutil.chown(folder, _USER, _USER)
            words = ["--no-sync", "--auth=trust", "--username=openlpm", "--encoding=UTF8"]
            argv = [where / "initdb", *words, "--locale=C.UTF-8", "-D", folder / "data"]
            subprocess.run(as_user(argv), check=True, stdout=subprocess.DEVNULL, timeout=120)
            (folder / "data" / "pg_hba.conf").write_text(_HBA)
            made = cls(folder, cls._start(folder, where), where)
            try:
                made.wait()
                yield made
            finally:
                made.stop()
        finally:
            shutil.rmtree(folder)

    @staticmethod
    def _start(folder: Path, where: Path) -> "subprocess.Popen[bytes]":
        settings = {"listen_addresses": "", "fsync": "off", "max_connections": "200"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = [where / "postgres", "-D", folder / "data", "-k", folder, *words]
        log = (folder / "log").open("a")
        return subprocess.Popen(as_user(argv), stdout=log, stderr=log, start_new_session=True)

    def url(self, name: str, user: str = "openlpm") -> str:
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def sql(self, statement: Any, name: str = "postgres") -> list[tuple[Any, ...]]:
        """As an administrator would."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "") -> str:
        """A new database's URL."""
        name = f"test{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # a fast shutdown
            self.process.wait(30)

    def start(self) -> None:
        """Again, after a `stop`."""
        self.process = self._start(self.folder, self.programs)
        self.wait()


def as_user(argv: list[Any]) -> list[str]:
    """The command, as one who may run it; it ends with whoever has started it."""
    prefix = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        prefix += [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    return [*prefix, *map(str, argv)]


def database(url: str) -> str:
    """The database's name in one of our URLs."""
    return url.partition("@/")[2].partition("?")[0]
