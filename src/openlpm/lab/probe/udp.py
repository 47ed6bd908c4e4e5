"""A numbered UDP echo request every 2 ms, and when it was answered.

    python -m openlpm.lab.probe.udp 198.19.1.2 --seconds 10
    python -m openlpm.lab.probe.udp 198.19.1.2 --control     # as OutsideClients runs it

It ends at its deadline, on SIGTERM or SIGINT, or (with --control) when standard input ends, and
prints what it saw as JSON. With --control, each line "START END" on standard input, times of
CLOCK_MONOTONIC in nanoseconds, is answered by a line of JSON about that window.

It asks for a real-time priority, so that a machine busy with emulation does not make it late. How
late it was at worst stands in the report: silence below that may be its own.
"""

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import struct
import sys
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from openlpm.lab.probe.silence import (
    MS,
    Figures,
    Window,
    longest_silence,
    milliseconds,
    percentile,
    wall_clock,
)

PORT = 7
PACKET = struct.Struct("!QQ")  # this probe's mark, the number of the request
SETTLE_NS = 200 * MS  # how long after a window its last answers may still come


def _times() -> "array[int]":
    return array("q")


@dataclass
class Trace:
    """All that was sent and answered; grows by 24 bytes a request, 43 MB an hour."""

    sent: "array[int]" = field(default_factory=_times)  # by number
    answered: "array[int]" = field(default_factory=_times)  # by number; 0: not answered
    arrivals: "array[int]" = field(default_factory=_times)  # in the order in which they came
    doubled: "array[int]" = field(default_factory=_times)  # answers to what had been answered

    def send(self, now: int) -> int:
        self.sent.append(now)
        self.answered.append(0)
        return len(self.sent) - 1

    def answer(self, number: int, now: int) -> None:
        if number >= len(self.sent):
            return
        if self.answered[number]:
            self.doubled.append(now)
            return
        self.answered[number] = now
        self.arrivals.append(now)

    def whole(self) -> Window:
        """From the first request to the last one."""
        return Window(self.sent[0], self.sent[-1]) if self.sent else Window(0, 0)

    def report(self, window: Window) -> Figures:
        part = window.part_of(self.sent)
        sent, answered = self.sent[part], self.answered[part]
        trips = [back - out for out, back in zip(sent, answered, strict=True) if back]
        # Before the first request, nobody could have answered.
        asked = Window(max(window.start_ns, self.whole().start_ns), window.end_ns)
        silence = longest_silence(self.arrivals, asked)
        own = longest_silence(self.sent, asked)
        return {
            "sent": len(sent),
            "answered": len(trips),
            "lost": len(sent) - len(trips),
            "doubled": len(self.doubled[window.part_of(self.doubled)]),
            "longest_silence_ms": milliseconds(silence.length_ns),
            "silence_start_monotonic_ns": silence.start_ns,
            "silence_start_wall_s": wall_clock(silence.start_ns),
            "own_delay_ms": milliseconds(own.length_ns),
            "round_trip_p50_ms": milliseconds(percentile(trips, 0.5)),
            "round_trip_p99_ms": milliseconds(percentile(trips, 0.99)),
            "round_trip_max_ms": milliseconds(percentile(trips, 1)),
        }


@dataclass
class Probe:
    """Sends at its times, receives at once, answers questions about windows between."""

    address: str
    interval_ns: int
    control: bool
    trace: Trace = field(default_factory=Trace)
    questions: list[Window] = field(default_factory=list[Window])
    typed: bytes = b""

    def run(self, deadline_ns: int | None) -> None:
        mark = secrets.randbits(64)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            link.connect((self.address, PORT))
            waiting = [link, 0] if self.control else [link]
            due = time.monotonic_ns()
            while deadline_ns is None or due < deadline_ns:
                now = time.monotonic_ns()
                if now >= due:
                    self._send(link, mark, now)
                    # Late: go on from here; a burst would only tell the same thing many times.
                    due = max(due + self.interval_ns, now)
                    self._reply(now)
                ready, _, _ = select.select(
                    waiting, [], [], max(0, due - time.monotonic_ns()) / 1e9
                )
                if link in ready:
                    self._receive(link, mark)
                if 0 in ready and not self._listen():
                    return

    def _send(self, link: socket.socket, mark: int, now: int) -> None:
        number = self.trace.send(now)
        with contextlib.suppress(OSError):  # no route, nobody there: that is silence too
            link.send(PACKET.pack(mark, number))

    def _receive(self, link: socket.socket, mark: int) -> None:
        try:
            while data := link.recv(64):
                now = time.monotonic_ns()
                if len(data) == PACKET.size and (found := PACKET.unpack(data))[0] == mark:
                    self.trace.answer(found[1], now)
        except OSError:
            return  # nothing more at present, or an ICMP message about an earlier request

    def _listen(self) -> bool:
        """Takes questions from standard input; false when it has ended."""
        data = os.read(0, 4096)
        *lines, self.typed = (self.typed + data).split(b"\n")
        for line in lines:
            start, end = map(int, line.split())
            self.questions.append(Window(start, end))
        return bool(data)

    def _reply(self, now: int) -> None:
        while self.questions and now >= self.questions[0].end_ns + SETTLE_NS:
            print_json(self.trace.report(self.questions.pop(0)))


def print_json(report: Figures, path: Path | None = None) -> None:
    text = json.dumps(report) + "\n"
    if path:
        path.write_text(text)
    else:
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
            sys.stdout.write(text)
            sys.stdout.flush()


def be_punctual() -> None:
    """A real-time priority where the machine allows it; low among those."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def arguments(description: str) -> argparse.ArgumentParser:
    """What both probes take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, help="end after this time (default: never)")
    parser.add_argument("--json-out", type=Path, help="write the report here, not to stdout")
    parser.add_argument("--control", action="store_true", help="answer windows on standard input")
    return parser


def main() -> None:
    parser = arguments("UDP echo probe: the longest silence, seen from outside")
    parser.add_argument("--interval-ms", type=float, default=2)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    be_punctual()
    probe = Probe(given.address, int(given.interval_ms * MS), given.control)
    deadline = time.monotonic_ns() + int(given.seconds * 1e9) if given.seconds else None
    with contextlib.suppress(KeyboardInterrupt):
        probe.run(deadline)
    print_json(probe.trace.report(probe.trace.whole()), given.json_out)


if __name__ == "__main__":
    main()
