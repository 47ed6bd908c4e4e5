"""The outside clients of a partition, run in a network namespace, asked about stretches of time.

    with OutsideClients(address, inside=lambda argv: ["nsenter", "--net=FILE", *argv]) as out:
        out.wait_until_served(15)
        with out.window() as move:
            ...  # the partition moves
        move.report.silence_ms, move.report.http_lost

The probes end with this process, however it dies: their standard input ends then.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import openlpm
from openlpm.lab.errors import LabError
from openlpm.lab.probe.silence import MS, Figures

LOOK_BACK_NS = 300 * MS
ANSWER_S = 15.0  # the slowest: an HTTP request that times out, and something over


@dataclass(frozen=True)
class Report:
    """What outside clients noticed: the figures of udp.py and http.py."""

    udp: Figures
    http: Figures

    @property
    def silence_ms(self) -> float:
        return self.udp["longest_silence_ms"]

    @property
    def http_lost(self) -> int:
        return int(self.http["lost"])


@dataclass
class Measured:
    """Filled when the window has ended."""

    _report: Report | None = None

    @property
    def report(self) -> Report:
        if self._report is None:
            raise LabError(
                "window-open",
                "The window is still open.",
                remedy="Read the report after the `with` block.",
            )
        return self._report

    def close(self, report: Report) -> None:
        self._report = report


class OutsideClients:
    """Starts both probes, and stops them at the end of the `with` block."""

    def __init__(
        self,
        address: str,
        inside: Callable[[list[str]], list[str]] = list,
        *,
        udp_interval_ms: float = 2,
        http_interval_ms: float = 50,
    ) -> None:
        self._start_ns = time.monotonic_ns()
        self._udp = _start("udp", address, udp_interval_ms, inside)
        self._http = _start("http", address, http_interval_ms, inside)
        try:
            self.report()  # answered once both are at work: no window opens before
        except LabError:
            self.stop()
            raise

    def __enter__(self) -> "OutsideClients":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def between(self, start_ns: int, end_ns: int) -> Report:
        """What was noticed between two times of CLOCK_MONOTONIC."""
        question = f"{start_ns} {end_ns}\n".encode()
        for probe in (self._udp, self._http):
            _ask(probe, question)
        return Report(_answer(self._udp), _answer(self._http))

    @contextlib.contextmanager
    def window(self) -> Generator[Measured]:
        """Measures what is done in the `with` block, unless it fails or is interrupted."""
        start, measured = time.monotonic_ns(), Measured()
        yield measured
        measured.close(self.between(start, time.monotonic_ns()))

    def report(self) -> Report:
        """Everything from the start until now."""
        return self.between(self._start_ns, time.monotonic_ns())

    def wait_until_served(self, seconds: float) -> None:
        """Returns when both services answer, and have answered without a break for 0.3 s."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = time.monotonic_ns()
            recent = self.between(now - LOOK_BACK_NS, now)
            if recent.udp["answered"] and not recent.http["lost"] and recent.http["requests"]:
                return
        raise LabError(
            "not-served",
            "The partition does not serve its clients.",
            cause=f"No answer over UDP or HTTP for {seconds:g} s.",
            remedy="Look at its serial console.",
        )

    def stop(self) -> None:
        """Ends both probes; may be called again."""
        for probe in (self._udp, self._http):
            probe.kill()
            with probe:
                probe.wait(ANSWER_S)


def _start(
    name: str, address: str, interval_ms: float, inside: Callable[[list[str]], list[str]]
) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", f"openlpm.lab.probe.{name}", address, "--control"]
    # Where this package was found, whatever the working directory is in there.
    path = str(Path(openlpm.__file__).parent.parent)
    return subprocess.Popen(
        inside([*argv, "--interval-ms", f"{interval_ms:g}"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        bufsize=0,
    )


def _ask(probe: "subprocess.Popen[bytes]", question: bytes) -> None:
    assert probe.stdin
    try:
        probe.stdin.write(question)
    except OSError as error:
        raise _died(probe) from error


def _answer(probe: "subprocess.Popen[bytes]") -> Figures:
    assert probe.stdout
    text, deadline = b"", time.monotonic() + ANSWER_S
    while not text.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([probe.stdout], [], [], left)[0]:
            break
        if not (data := os.read(probe.stdout.fileno(), 65536)):
            break
        text += data
    if not text.endswith(b"\n"):
        raise _died(probe)
    return json.loads(text)


def _died(probe: "subprocess.Popen[bytes]") -> LabError:
    return LabError(
        "probe-died",
        "An outside probe does not answer.",
        cause=f"Process {probe.pid} ended with {probe.poll()}.",
        remedy="Run the command line by hand in the namespace: its message says why.",
    )
