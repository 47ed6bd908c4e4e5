"""Whether a target can do post-copy: tried before a move, and remembered for a while.

To try it takes a throwaway QEMU, and longer than all else before a move (`Host.try_postcopy`). So
a move that begins takes the good word of a trial of late; should that be true no more, the transfer
is refused as it begins. Bad news is never remembered.
"""

from openlpm.engine.watch import Watch
from openlpm.model.system import System
from openlpm.ports import Clock

GOOD_FOR_S = 600.0


class Postcopy:
    """Remembers which targets could, and when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._good: dict[System, float] = {}

    def tried(self, target: Watch, *, anew: bool) -> str:
        """Why it cannot; "" when it can, or could of late. Raises as `Host.try_postcopy`."""
        now = self._clock.now()
        known = self._good.get(target.system, 0.0)
        if not anew and known >= max(target.since, now - GOOD_FOR_S):
            return ""
        self._good.pop(target.system, None)
        trouble = target.host.try_postcopy()
        if not trouble:
            self._good[target.system] = now
        return trouble
