"""A daemon for each module, and `lpm` as a child process that asks it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    # Not pytest's own folder: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="lpm") as folder:
        started = start_daemon(Path(folder) / "s")
        yield started
        started.process.terminate()
        assert started.process.wait(10) == 0
        assert not started.socket.exists()


@pytest.fixture
def environment(daemon: Daemon) -> dict[str, str]:
    return {**os.environ, "LPM_SOCKET": str(daemon.socket)}


@pytest.fixture
def lpm(environment: dict[str, str]) -> Callable[..., Done]:
    def run(*words: str, **more: str) -> Done:
        done = subprocess.run(
            [str(LPM), *words],
            env={**environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run
