"""The serial console on a terminal: keys go through raw, and it stays through a move."""

import os
import pty
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from children import LPM, Done

Lpm = Callable[..., Done]


class Terminal:
    """`lpm partition console web1` on a terminal of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [LPM, "partition", "console", "web1"],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._shown = b""

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def wait_for(self, text: bytes) -> None:
        """Read until `text` has been shown; forget what was before."""
        deadline = time.monotonic() + 20
        while text not in self._shown:
            assert time.monotonic() < deadline, self._shown
            try:
                self._shown += os.read(self._ours, 4096)
            except OSError:
                pytest.fail(f"ended without {text!r}: {self._shown!r}")
        self._shown = self._shown[self._shown.index(text) + len(text) :]


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[Terminal]:
    started = Terminal(environment)
    started.wait_for(b"login: ")
    yield started
    started.process.kill()
    started.process.wait()


def test_keys_go_through_and_the_escape_ends_it(terminal: Terminal) -> None:
    terminal.type(b"\x03")  # Ctrl-C is the partition's
    terminal.wait_for(b"\x03")
    terminal.type(b"ls\r")
    terminal.wait_for(b"ls\r")
    terminal.type(b"\x1d")
    terminal.wait_for(b"console ended")
    assert terminal.process.wait(10) == 0


def test_it_stays_through_a_move_and_ends_when_the_partition_is_off(
    terminal: Terminal, lpm: Lpm
) -> None:
    assert lpm("migrate", "web1", "--to", "server2").code == 0
    terminal.wait_for(b"waiting for it to run again")
    terminal.wait_for(b"Joined again")
    terminal.wait_for(b"login: ")
    terminal.type(b"still here")
    terminal.wait_for(b"still here")
    lpm("partition", "shutdown", "web1", "--force")
    terminal.wait_for(b"console ended")
    assert terminal.process.wait(10) == 0
    lpm("partition", "activate", "web1")


def test_what_is_piped_in_is_typed(lpm: Lpm, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [LPM, "partition", "console", "web1"],
        env=environment,
        input=b"echo hello\r\x1d",
        capture_output=True,
        timeout=20,
    )
    assert done.returncode == 0
    refused = lpm("partition", "console", "paused1")
    assert refused.code == 6
    assert "paused1 is not running." in refused.err
    assert lpm("partition", "console", "web9").code == 2
