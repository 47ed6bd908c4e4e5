"""Many moves in a row, the partition under load, one of ten disturbed at random.

    lpm lab soak --moves 200

The undisturbed ones tell what outsiders notice of a move: median, 95th and 99th percentile of the
longest time without an answer. Every move is judged like a case of the matrix.
"""

import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.judge import before, judge
from openlpm.chaos.run import FINAL_WITHIN_S, Case, all_cases, run_or_explain
from openlpm.chaos.scene import Scene
from openlpm.lab.probe.clients import OutsideClients
from openlpm.lab.stage import SERVES_WITHIN_S

ONE_OF = 10
DIRTY_MB_S, DIRTY_MIB = 20, 64


@dataclass
class Tally:
    """What came of all moves. Silence in ms, of those that nobody disturbed."""

    moves: int = 0
    disturbed: int = 0
    wrong: list[str] = field(default_factory=list[str])
    silences_ms: list[float] = field(default_factory=list[float])
    took_s: float = 0.0

    def document(self) -> dict[str, Any]:
        """For programs, with the percentiles."""
        return {**asdict(self), "silence_ms": self.percentiles()}

    def percentiles(self) -> dict[str, float]:
        """The median, 95th and 99th; empty before there are two moves."""
        if len(self.silences_ms) < 2:
            return {}
        cuts = statistics.quantiles(self.silences_ms, n=100, method="inclusive")
        return {"median": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}


def soak(scene: Scene, moves: int, seed: int) -> Iterator[Tally]:
    """Move it so many times; the tally so far after each."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()  # noqa: S311 - no secret
    cases = all_cases()
    with scene.stage.clients(scene.guest) as clients:
        for number in range(1, moves + 1):
            if number % ONE_OF:
                _undisturbed(scene, clients, tally)
            else:
                _disturbed(scene, chance.choice(cases), tally)
            tally.moves = number
            tally.took_s = round(time.monotonic() - begun, 1)
            yield tally


def _undisturbed(scene: Scene, clients: OutsideClients, tally: Tally) -> None:
    scene.restore()
    scene.fetch(f"/dirty?mb_per_s={DIRTY_MB_S}&mib={DIRTY_MIB}")
    clients.wait_until_served(SERVES_WITHIN_S)
    since, attempt = before(scene), Attempt(scene)
    with clients.window() as window:
        attempt.ask()
        move = attempt.answered()
        record = scene.ended(move, FINAL_WITHIN_S) if move else None
    verdict = judge(scene, attempt, record, since)
    phase = record["phase"] if record else "refused"
    verdict.expect(f"An undisturbed move ended {phase}.", holds=phase == "done")
    tally.silences_ms.append(window.report.silence_ms)
    tally.wrong += [f"{move}: {finding}" for finding in verdict.wrong]


def _disturbed(scene: Scene, case: Case, tally: Tally) -> None:
    result = run_or_explain(scene, case)
    tally.disturbed += 1
    if not result.held:
        tally.wrong.append(f"{case.name}: {result.evidence}")
