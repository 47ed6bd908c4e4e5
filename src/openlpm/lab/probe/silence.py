"""The arithmetic of silence: times of answers in, the longest time without one out.

All times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share, whatever
namespaces they are in. A window is any stretch of time, such as a move. Silence is counted inside
the window only: from its start, between answers, and up to its end.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MS = 1_000_000
Figures = dict[str, Any]  # a report, as JSON has it


@dataclass(frozen=True)
class Window:
    """From start to end, both included."""

    start_ns: int
    end_ns: int

    def part_of(self, times: Sequence[int]) -> slice:
        """Which of these ascending times are in the window."""
        return slice(bisect_left(times, self.start_ns), bisect_right(times, self.end_ns))


@dataclass(frozen=True)
class Silence:
    """The longest stretch without an answer."""

    start_ns: int
    length_ns: int


def longest_silence(answers: Sequence[int], window: Window) -> Silence:
    """The first of the longest ones, when several are of equal length."""
    marks = [window.start_ns, *answers[window.part_of(answers)], window.end_ns]
    best = Silence(window.start_ns, 0)
    for before, after in pairwise(marks):
        if after - before > best.length_ns:
            best = Silence(before, after - before)
    return best


def percentile(values: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of all are not above (0 when there are none)."""
    if not values:
        return 0
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / MS, 3)


def wall_clock(monotonic_ns: int) -> float:
    """The time of day, in seconds since 1970, at a time of CLOCK_MONOTONIC."""
    return round((time.time_ns() - time.monotonic_ns() + monotonic_ns) / 1e9, 6)
