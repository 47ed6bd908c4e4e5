"""What encryption costs: the same guest moved with TLS and without, in pairs: `make bench-tls`.

Each pair moves the guest once encrypted and once in the clear, both by `lpm migrate`, in turn and
in both directions, so that a machine whose speed drifts is the same for both. In between, the
systems are added anew, with and without `--insecure`; the daemons talk by TLS all the while, so
what is compared is how memory is sent. Medians and their ratios go to build/bench-tls.json.

    pause     how long QEMU stood still          silence   longest time without an answer, outside
    total     the move, by the console's record  command   `lpm migrate`, from start to prompt
"""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openlpm.lab.probe.clients import OutsideClients
from openlpm.lab.stage import SERVES_WITHIN_S, Guest, Stage
from tools import bench_guest

OUT = Path("build/bench-tls.json")
Figures = dict[str, float]


class Bench:
    """Moves one guest to and fro."""

    def __init__(self, stage: Stage, guest: Guest, clients: OutsideClients) -> None:
        self.stage = stage
        self.guest = guest
        self.clients = clients

    def move(self, *, encrypted: bool) -> Figures:
        """One move to the other server."""
        for server in self.stage.lab.servers:
            self.stage.lpm("system", "remove", server.name)
        self.stage.add_systems(insecure=not encrypted)
        here = self.stage.lpm("partition", "show", self.guest.name)["system"]
        there = next(s.name for s in self.stage.lab.servers if s.name != here)
        words = (self.guest.name, "--to", there)
        # So that neither has to try the way to the target when it begins.
        self.stage.lpm("validate", *words)
        self.clients.wait_until_served(SERVES_WITHIN_S)
        with self.clients.window() as window:
            begin = time.monotonic()
            self.stage.lpm("migrate", *words)
            command_s = time.monotonic() - begin
        figures = self.stage.lpm("migration", "list")[0]["migration"]["figures"]
        return {
            "pause_ms": figures["pause_ms"],
            "silence_ms": window.report.silence_ms,
            "total_s": figures["total_s"],
            "command_s": command_s,
        }

    def pairs(self, count: int) -> dict[str, Any]:
        """Measure `count` pairs; which of the two goes first alternates."""
        moves: dict[bool, list[Figures]] = {True: [], False: []}
        for number in range(count):
            # Two pairs make four moves: each way goes in both directions.
            first = number % 2 == 0
            for encrypted in (first, not first):
                moves[encrypted].append(self.move(encrypted=encrypted))
            told = (f"{_told(moves[way][-1])} {name}" for way, name in _WAYS)
            print(f"  pair {number + 1}: {'; '.join(told)}", flush=True)
        medians = {name: dict(_medians(moves[way])) for way, name in _WAYS}
        tls, plain = medians["tls"], medians["plain"]
        ratios = {key: round(tls[key] / plain[key], 3) for key in tls}
        return {"pairs": count, **medians, "ratios": ratios}


_WAYS = ((True, "tls"), (False, "plain"))


def _told(move: Figures) -> str:
    return f"{move['pause_ms']:.0f} ms pause, {move['total_s']:.2f} s"


def _medians(moves: list[Figures]) -> Iterator[tuple[str, float]]:
    for key in moves[0]:
        yield key, round(statistics.median(move[key] for move in moves), 3)


if __name__ == "__main__":
    sys.exit(bench_guest.run(__doc__, OUT, lambda s, g, c: Bench(s, g, c).pairs))
