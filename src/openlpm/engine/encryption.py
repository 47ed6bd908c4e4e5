"""Whether memory can be sent encrypted: tried before a move, and remembered for a while.

To try it takes a throwaway guest and about a second (`Host.try_encryption`). Should a
certificate have gone bad since a trial of late, QEMU refuses it before memory is sent.
"""

from openlpm.engine.trials import GoodOfLate
from openlpm.engine.watch import Watch
from openlpm.model.migration import Phase
from openlpm.model.verdict import PeerVerdict
from openlpm.ports import Clock, Journal

_LAST = 50
"""How many moves are looked at for one that failed on the same way since."""


class Encryption:
    """Remembers which ways were found good, and when."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._good = GoodOfLate(clock)

    def tried(self, source: Watch, target: Watch, *, anew: bool) -> PeerVerdict:
        """What a trial finds, or found of late. Raises as `Host.try_encryption`."""
        way = (source.system, target.system)
        if not anew and self._is_known_good(source, target):
            return PeerVerdict()
        begun = self._clock.now()
        verdict = source.host.try_encryption(target.system)
        self._good.note(way, begun, good=verdict == PeerVerdict())
        return verdict

    def _is_known_good(self, source: Watch, target: Watch) -> bool:
        """Not where either server was lost meanwhile, or a move on this way has failed."""
        found = self._good.found_at((source.system, target.system), source, target)
        if found is None:
            return False
        ends = (source.system.name, target.system.name)
        return not any(
            m.phase is Phase.FAILED
            and (m.source, m.target) == ends
            and (m.finished_at or 0) >= found
            for m in self._journal.migrations(limit=_LAST)
        )
