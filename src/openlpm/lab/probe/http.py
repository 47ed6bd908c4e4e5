"""HTTP requests without end: one client that keeps its connection, one with a new one each time.

    python -m openlpm.lab.probe.http 198.19.1.2 --seconds 10
    python -m openlpm.lab.probe.http 198.19.1.2 --control    # as OutsideClients runs it

A request is lost when it gets no complete answer "200" within 5 seconds, or its connection is
refused or reset. A late answer is not lost: TCP sends again what a move swallowed. Options and
questions on standard input are those of udp.py.
"""

import contextlib
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from openlpm.lab.probe.silence import MS, Figures, Window, milliseconds, percentile
from openlpm.lab.probe.udp import arguments, print_json, stop

PATIENCE_S = 5.0


@dataclass
class Client:
    """One client and the requests it made: when they began, how long they took, the lost ones."""

    address: str
    interval_s: float
    keep: bool
    began: list[int] = field(default_factory=list[int])
    took: list[int] = field(default_factory=list[int])
    lost: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    connection: HTTPConnection | None = None

    def run(self, stopping: threading.Event) -> None:
        due = time.monotonic()
        while not stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self.interval_s, time.monotonic())
            self._request()

    def _request(self) -> None:
        start = time.monotonic_ns()
        self.began.append(start)
        failure = self._ask(start)
        if failure:
            self.lost.append((start, failure))
        if failure or not self.keep:
            self._hang_up()
        self.took.append(time.monotonic_ns() - start)

    def _ask(self, start: int) -> str:
        """Empty when all went well, else what went wrong."""
        try:
            if not self.connection:
                self.connection = HTTPConnection(self.address, timeout=PATIENCE_S)
            self.connection.request("GET", "/seq")
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        if answer.status != 200:
            return f"status {answer.status}"
        late = time.monotonic_ns() - start > PATIENCE_S * 1e9
        return "took too long" if late else ""

    def _hang_up(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

    def settled(self, end_ns: int) -> bool:
        """Every request that began before this time has ended."""
        took, began = len(self.took), list(self.began)
        return took == len(began) or began[-1] > end_ns


def report(clients: list[Client], window: Window) -> Figures:
    """Both clients together: requests that began in the window."""
    took: list[int] = []
    lost: list[str] = []
    requests = 0
    for client in clients:
        part = window.part_of(client.began)
        requests += len(client.began[part])
        took += client.took[part]
        lost += [why for when, why in client.lost if window.start_ns <= when <= window.end_ns]
    return {
        "requests": requests,
        "lost": len(lost),
        "lost_because": sorted(set(lost)),
        "slowest_ms": milliseconds(percentile(took, 1)),
        "p50_ms": milliseconds(percentile(took, 0.5)),
        "p99_ms": milliseconds(percentile(took, 0.99)),
    }


def answer_questions(clients: list[Client]) -> None:
    """Each window is reported when what began in it has ended, which takes 5 seconds at most."""
    for line in sys.stdin:
        start, end = map(int, line.split())
        deadline = time.monotonic() + 2 * PATIENCE_S
        while time.monotonic() < deadline:
            if time.monotonic_ns() > end and all(client.settled(end) for client in clients):
                break
            time.sleep(0.005)
        print_json(report(clients, Window(start, end)))


def main() -> None:
    parser = arguments("HTTP probe: was a request lost?")
    parser.add_argument("--interval-ms", type=float, default=50)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    stopping = threading.Event()
    start = time.monotonic_ns()
    clients = [Client(given.address, given.interval_ms * MS / 1e9, keep) for keep in (True, False)]
    threads = [threading.Thread(target=client.run, args=(stopping,)) for client in clients]
    for thread in threads:
        thread.start()
    with contextlib.suppress(KeyboardInterrupt):
        if given.control:
            answer_questions(clients)
        else:
            stopping.wait(given.seconds)
    stopping.set()
    for thread in threads:
        thread.join(2 * PATIENCE_S)
    print_json(report(clients, Window(start, time.monotonic_ns())), given.json_out)


if __name__ == "__main__":
    main()
