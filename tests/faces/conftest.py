"""A daemon for each module, and `lpm` as a child process that asks it."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from children import LPM, Daemon, Done, start_daemon


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
