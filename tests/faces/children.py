"""The daemon and `lpm` as child processes of the tests."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LPM = Path(sys.executable).with_name("lpm")
DAEMON = Path(__file__).with_name("daemon.py")


@dataclass
class Daemon:
    """A running server."""

    process: subprocess.Popen[str]
    socket: Path


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def start_daemon(socket: Path) -> Daemon:
    process = subprocess.Popen(
        [sys.executable, str(DAEMON), str(socket)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return Daemon(process, socket)
