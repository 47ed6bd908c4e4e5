"""Real consoles as child processes, on one PostgreSQL: `lpm serve` as an operator starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem

LPM = Path(sys.executable).with_name("lpm")
T = TypeVar("T")


def until(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first answer that is not nothing."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return found


@dataclass
class Child:
    """A console. `log` has what it says."""

    name: str
    process: "subprocess.Popen[str]"
    socket: Path
    log: Path

    @classmethod
    def start(cls, folder: Path, name: str, url: str) -> "Child":
        """Start it; the URL goes by the environment."""
        socket, log = folder / f"{name}.sock", folder / f"{name}.log"
        with log.open("a") as out:
            process = subprocess.Popen(
                [str(LPM), "--socket", str(socket), "serve"],
                env={**os.environ, "LPM_DATABASE": url},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                text=True,
            )
        return cls(name, process, socket, log)

    @property
    def client(self) -> Client:
        return Client(str(self.socket), timeout_s=15)

    def view(self) -> dict[str, Any]:
        """What it says of itself and of who leads."""
        return self.client.get(path_of("console"))

    def answers(self) -> bool:
        """It does, now."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return bool(self.view())
        except Problem:
            return False

    def leads(self) -> bool:
        """It says so, and the database too."""
        view = self.view()
        return view["leads"] and view["leader"]["name"] == view["name"]

    def lpm(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command line, asked of this console."""
        argv = [str(LPM), "--socket", str(self.socket), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60)

    def refusal(self, *words: str) -> dict[str, Any]:
        """Why it would not."""
        done = self.lpm(*words, "--json")
        assert done.returncode == 8, done
        return json.loads(done.stderr)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Stop it as an operator does."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return self.process.wait(30)
