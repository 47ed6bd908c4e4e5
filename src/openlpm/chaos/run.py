"""Running cases: begin a move, come to the moment, strike, heal, wait for the end, judge.

A case stands for itself: it begins with everything whole (`Scene.restore`), whatever the one
before has broken.
"""

import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue, SimpleQueue
from threading import Thread
from typing import Any

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.faults import FAULTS, Fault
from openlpm.chaos.hands import lend
from openlpm.chaos.judge import ANY_DEATH, Before, Death, Verdict, before, judge
from openlpm.chaos.moments import POSTCOPY, Moment, reach
from openlpm.chaos.postgresql import missing, programs
from openlpm.chaos.scene import Scene, until
from openlpm.chaos.traces import Traces

FINAL_WITHIN_S = 60.0
TRIES = 4
"""A step may pass between two looks of the console; then the next move is tried."""


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    fault: Fault
    moment: Moment

    @property
    def name(self) -> str:
        """FAULT@STEP."""
        return f"{self.fault.name}@{self.moment}"


@dataclass(frozen=True)
class Result:
    """What became of a case. `seconds_to_final`: from the healing to the move's end."""

    name: str
    fault: str
    step: str
    held: bool
    seconds_to_final: float | None
    evidence: str
    took_s: float
    broke_the_scene: bool = False


def all_cases() -> list[Case]:
    """The matrix, row by row."""
    return [Case(f, moment) for f in FAULTS for moment in Moment if moment in f.where]


def quarter() -> list[Case]:
    """Every fourth cell, along diagonals, and one of each fault that these miss."""
    columns = list(Moment)
    rows = list(FAULTS)
    on_diagonals = {
        c.name: c for c in all_cases() if (rows.index(c.fault) + columns.index(c.moment)) % 4 == 0
    }
    hit = {case.fault for case in on_diagonals.values()}
    others = {c.fault: c for c in all_cases() if c.fault not in hit}
    return [*on_diagonals.values(), *others.values()]


def run_cases(
    cases: Iterable[Case], make_scene: Callable[[], Scene], traces: Path, jobs: int = 1
) -> Generator[Result]:
    """Each case's result as soon as it is there, in so many scenes side by side.

    `traces`: a case that does not hold leaves a folder of its name in there.
    """
    left = Queue[Case]()
    for case in cases:
        left.put(case)
    done = SimpleQueue[Result | BaseException | None]()
    threads = [
        Thread(target=_run_some, args=(left, done, make_scene, traces), name=f"scene-{number}")
        for number in range(jobs)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            while (result := done.get()) is not None:
                if isinstance(result, BaseException):
                    raise result
                yield result
    finally:
        with suppress(Empty):
            while True:
                left.get_nowait()  # those under way come to their end, and their scenes are removed
        for thread in threads:
            thread.join()


def _run_some(
    left: Queue[Case],
    done: "SimpleQueue[Result | BaseException | None]",
    make_scene: Callable[[], Scene],
    traces: Path,
) -> None:
    """One scene's part; one beyond repair is replaced. Ends with a None."""
    try:
        scene = make_scene()
        try:
            with suppress(Empty):
                while True:
                    result = _run_and_trace(scene, left.get_nowait(), traces)
                    done.put(result)
                    if result.broke_the_scene:
                        scene.close()
                        scene = make_scene()
        finally:
            scene.close()
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        done.put(error)
    done.put(None)


def _run_and_trace(scene: Scene, case: Case, folder: Path) -> Result:
    traces = Traces(scene)
    result = run_or_explain(scene, case)
    if not result.held:
        traces.keep(folder / case.name)
    return result


def run_or_explain(scene: Scene, case: Case) -> Result:
    """The same as `run_case`; what it runs into is a finding against the case."""
    begun = time.monotonic()
    try:
        return run_case(scene, case)
    except Exception:  # noqa: BLE001 - whatever one case runs into, the others are to be run
        wrong = Verdict(wrong=[traceback.format_exc(limit=-2)])
        return replace(_result(case, begun, None, wrong), broke_the_scene=True)


def run_case(scene: Scene, case: Case) -> Result:
    """One case from whole to judged. Raises what a broken lab raises."""
    begun = time.monotonic()
    if case.fault.shared and programs() is None:
        return _result(case, begun, None, Verdict(wrong=[str(missing())]))
    missed: list[str] = []
    for _ in range(TRIES):
        scene.restore()
        if case.fault.shared:
            scene.share()
        since = before(scene)
        attempt = Attempt(scene)
        attempt.notes += [*scene.mended, *missed]
        if reach(case.moment, scene, attempt):
            return _struck(scene, case, attempt, since, begun)
        _end(scene, case, attempt)
        missed = [*attempt.notes, f"{attempt.move_id or 'a request'} missed the moment"]
    unseen = Verdict(wrong=[f"{case.moment} was not told in {TRIES} moves."], seen=missed)
    return _result(case, begun, None, unseen)


def _struck(scene: Scene, case: Case, attempt: Attempt, since: Before, begun: float) -> Result:
    try:
        case.fault.strike(scene, attempt)
    finally:
        case.fault.heal(scene, attempt)
        healed = time.monotonic()
        scene.link()
    record = _end(scene, case, attempt)
    seconds = time.monotonic() - healed
    case.fault.after(scene, attempt)
    verdict = judge(scene, attempt, record, since, death=_death(case, attempt))
    return _result(case, begun, round(seconds, 2) if record else None, verdict)


def _death(case: Case, attempt: Attempt) -> Death | None:
    """How the partition may have died in this case; None where it must run."""
    if case.fault.may_kill or attempt.hands_lent:
        return ANY_DEATH
    return case.fault.deaths.get(case.moment)


def _end(scene: Scene, case: Case, attempt: Attempt) -> dict[str, Any] | None:
    """The record of the move that came of it, once it is final; None where none came of it."""
    move = attempt.answered() or _unanswered(scene, attempt)
    if move and case.moment in POSTCOPY:
        attempt.hands_lent = lend(scene, attempt, move)
    return scene.ended(move, FINAL_WITHIN_S) if move else None


def _unanswered(scene: Scene, attempt: Attempt) -> str:
    """The console may have begun a move, and not lived to say so."""
    until(scene.is_connected, FINAL_WITHIN_S, "both systems to be connected")
    latest = scene.latest()
    return latest if latest != attempt.before else ""


def _result(case: Case, begun: float, seconds: float | None, verdict: Verdict) -> Result:
    wrong = [f"NOT HELD: {finding}" for finding in verdict.wrong]
    return Result(
        name=case.name,
        fault=case.fault.name,
        step=str(case.moment),
        held=not verdict.wrong,
        seconds_to_final=seconds,
        evidence="; ".join([*wrong, *verdict.seen]),
        took_s=round(time.monotonic() - begun, 1),
    )
