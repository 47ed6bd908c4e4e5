"""What a trial before a move has found good is remembered for a while. Bad news never is.

A validation always tries anew. A move that begins takes the good word of a trial of late, so that a
server is emptied without a throwaway guest for each of its partitions.
"""

from collections.abc import Hashable

from openlpm.engine.watch import Watch
from openlpm.ports import Clock

GOOD_FOR_S = 600.0


class GoodOfLate:
    """By what was tried: when it was found good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found: dict[Hashable, float] = {}

    def found_at(self, what: Hashable, *ends: Watch) -> float | None:
        """When; None where that is too long ago, or one of these servers was lost since."""
        found = self._found.get(what)
        since = max(self._clock.now() - GOOD_FOR_S, *(end.since for end in ends))
        return found if found is not None and found >= since else None

    def note(self, what: Hashable, begun: float, *, good: bool) -> None:
        """What a trial has found that began then."""
        self._found.pop(what, None)
        if good:
            self._found[what] = begun
