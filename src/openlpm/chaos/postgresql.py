"""A PostgreSQL of one's own: Debian's, in a folder that goes with it, on a UNIX socket only.

    with Cluster.started() as cluster:
        url = cluster.create()            # an empty database

It ends with whoever has started it. PostgreSQL does not run as root: then it gets the user that
Debian made. It is not durable: what it keeps need not outlive it.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg

from openlpm.lab.command import run, wait_until
from openlpm.lab.errors import LabError

USER = "openlpm"
_SYSTEM_USER = "postgres"
_RULE = "local all all trust"
_SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "200"}


def programs() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    return found[-1].parent if found else None


def _version(program: Path) -> float:
    return float(program.parts[-3])


def missing() -> LabError:
    """The error that says what to install."""
    return LabError(
        "program-missing",
        "There is no PostgreSQL on this machine.",
        cause="It is looked for at /usr/lib/postgresql/*/bin/postgres.",
        remedy="apt-get install postgresql",
    )


@dataclass
class Cluster:
    """A running server. `folder` has its data and its socket."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    programs: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    @contextmanager
    def started(cls, rules: Sequence[str] = ()) -> Generator[Self]:
        """Start one. `rules` are lines of its pg_hba.conf: who else must say who he is, and how."""
        where = programs()
        if where is None:
            raise missing()
        # In no folder of ours: a socket's path must be short, and its user reach it.
        folder = Path(tempfile.mkdtemp(prefix="lpmpg"))
        try:
            if os.geteuid() == 0:
                shutil.chown(folder, _SYSTEM_USER, _SYSTEM_USER)
            words = ["--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8"]
            argv = [where / "initdb", *words, "--locale=C.UTF-8", "-D", folder / "data"]
            run(_as_user(argv), doing="make a PostgreSQL", timeout=120)
            (folder / "data" / "pg_hba.conf").write_text("\n".join([*rules, _RULE, ""]))
            made = cls(folder, _start(folder, where), where)
            try:
                made._wait()
                yield made
            finally:
                made.stop()
        finally:
            shutil.rmtree(folder)

    def url(self, name: str, user: str = USER) -> str:
        """A database's URL, for one of its users."""
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def sql(self, statement: Any, name: str = "postgres") -> list[tuple[Any, ...]]:
        """As an administrator would."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "") -> str:
        """A new database's URL."""
        name = f"lpm{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever still uses it."""
        self.sql(f"DROP DATABASE {database(url)} WITH (FORCE)")

    def stop(self) -> None:
        """A fast shutdown: nobody is waited for."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def start(self) -> None:
        """Again, after a `stop`."""
        self.process = _start(self.folder, self.programs)
        self._wait()

    def _wait(self) -> None:
        wait_until(self._answers, seconds=30, what="PostgreSQL to answer")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            said = (self.folder / "log").read_text()
            raise LabError("cannot-start", "PostgreSQL did not start.", cause=said)
        try:
            self.sql("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _start(folder: Path, where: Path) -> "subprocess.Popen[bytes]":
    words = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    argv = [where / "postgres", "-D", folder / "data", "-k", folder, *words]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(_as_user(argv), stdout=log, stderr=log, start_new_session=True)


def _as_user(argv: Sequence[str | Path]) -> list[str]:
    """The command, as one who may run it; it ends with whoever has started it."""
    prefix = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        prefix += [f"--reuid={_SYSTEM_USER}", f"--regid={_SYSTEM_USER}", "--clear-groups"]
    return [*prefix, *map(str, argv)]


def database(url: str) -> str:
    """The database's name in one of our URLs."""
    return url.partition("@/")[2].partition("?")[0]
