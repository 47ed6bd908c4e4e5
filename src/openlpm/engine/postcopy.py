"""Whether a target can do post-copy: tried before a move, and remembered for a while.

To try it takes a throwaway QEMU, and longer than all else before a move (`Host.try_postcopy`).
Should the good word of a trial of late be true no more, the transfer is refused as it begins.
"""

from openlpm.engine.trials import GoodOfLate
from openlpm.engine.watch import Watch
from openlpm.ports import Clock


class Postcopy:
    """Remembers which targets could, and when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._good = GoodOfLate(clock)

    def tried(self, target: Watch, *, anew: bool) -> str:
        """Why it cannot; "" when it can, or could of late. Raises as `Host.try_postcopy`."""
        if not anew and self._good.found_at(target.system, target) is not None:
            return ""
        begun = self._clock.now()
        trouble = target.host.try_postcopy()
        self._good.note(target.system, begun, good=not trouble)
        return trouble
