"""Our moves against virsh's, on the same guest, in pairs: `make bench-migrate`.

Each pair moves the guest once with `lpm migrate` and once with `virsh migrate --live --p2p
--persistent --undefinesource --tls`, in turn and in both directions, so that a machine whose speed
drifts is the same for both. Times are from the command's start to its end; silence is what a
UDP client outside both servers noticed. Medians and their ratios go to build/bench-migrate.json.
"""

import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openlpm.lab.probe.clients import OutsideClients
from openlpm.lab.stage import SERVES_WITHIN_S, Guest, Stage
from tools import bench_guest

OUT = Path("build/bench-migrate.json")


@dataclass(frozen=True)
class Run:
    """One move: when its command was given, seconds to the prompt, longest silence in ms."""

    begun: float
    total_s: float
    silence_ms: float


class Bench:
    """Moves one guest to and fro."""

    def __init__(self, stage: Stage, guest: Guest, clients: OutsideClients) -> None:
        self.stage = stage
        self.guest = guest
        self.clients = clients
        self.at = 0
        self.overheads: list[dict[str, float]] = []

    def _run(self, argv: list[str]) -> Run:
        self.clients.wait_until_served(SERVES_WITHIN_S)
        with self.clients.window() as window:
            begun, begin = time.time(), time.monotonic()
            self.stage.lab.run(argv, timeout=300)
            total_s = time.monotonic() - begin
        self.at = 1 - self.at
        return Run(begun, total_s, window.report.silence_ms)

    def ours(self) -> Run:
        """One move by `lpm migrate`."""
        target = self.stage.lab.servers[1 - self.at].name
        run = self._run([*self.stage.command(), "migrate", self.guest.name, "--to", target])
        self.overheads.append(self._overhead(run))
        return run

    def virsh(self) -> Run:
        """The same by virsh."""
        source, target = self.stage.lab.servers[self.at], self.stage.lab.servers[1 - self.at]
        # Encrypted as ours: what TLS costs is told by bench_tls.py.
        words = "migrate --live --p2p --persistent --undefinesource --tls"
        return self._run(
            [
                *("virsh", "-c", source.uri, *words.split(), self.guest.name),
                *(target.peer_uri, f"tcp://{target.migration_address}"),
            ]
        )

    def _overhead(self, run: Run) -> dict[str, float]:
        """Where our own time went, in ms."""
        move = self.stage.lpm("migration", "list")[0]["migration"]
        at = dict(move["phase_at"])
        return {
            "start_and_validate": 1000 * (move["created_at"] - run.begun),
            "begin": 1000 * (at["duplicate"] - move["created_at"]),
            "cut_ties": 1000 * (move["finished_at"] - at["cut-ties"]),
            "to_prompt": 1000 * (run.begun + run.total_s - move["finished_at"]),
        }

    def pairs(self, count: int) -> dict[str, Any]:
        """Measure `count` pairs; which of the two goes first alternates."""
        ours: list[Run] = []
        virsh: list[Run] = []
        self.overheads.clear()
        for number in range(count):
            # Two pairs make four moves: each side goes in both directions.
            first_ours = number % 2 == 0
            for is_ours in (first_ours, not first_ours):
                (ours if is_ours else virsh).append(self.ours() if is_ours else self.virsh())
            _tell(number, ours[-1], virsh[-1])
        return _summary(ours, virsh, self.overheads)


def _tell(number: int, ours: Run, virsh: Run) -> None:
    print(
        f"  pair {number + 1}: ours {ours.total_s:.2f} s, {ours.silence_ms:.0f} ms silent; "
        f"virsh {virsh.total_s:.2f} s, {virsh.silence_ms:.0f} ms silent",
        flush=True,
    )


def _summary(ours: list[Run], virsh: list[Run], overheads: list[dict[str, float]]) -> Any:
    def medians(runs: list[Run]) -> dict[str, float]:
        return {
            "total_s": round(statistics.median(r.total_s for r in runs), 3),
            "silence_ms": round(statistics.median(r.silence_ms for r in runs), 1),
        }

    mine, theirs = medians(ours), medians(virsh)
    return {
        "pairs": len(ours),
        "total_ratio": round(mine["total_s"] / theirs["total_s"], 3),
        "silence_ratio": round(mine["silence_ms"] / theirs["silence_ms"], 3),
        "overhead_ms": {
            key: round(statistics.median(o[key] for o in overheads), 1) for key in overheads[0]
        },
        "ours": mine,
        "virsh": theirs,
    }


if __name__ == "__main__":
    sys.exit(bench_guest.run(__doc__, OUT, lambda s, g, c: Bench(s, g, c).pairs))
