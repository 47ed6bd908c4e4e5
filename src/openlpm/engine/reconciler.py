"""Finds unfinished migrations that nobody drives, and gives each a mover.

At start-up these are what an earlier console left; later, what a mover let go of because the
console's own disk was full. The mover looks at both servers and goes on from there.
"""

from openlpm.engine.executor import Executor
from openlpm.engine.periodic import Periodic
from openlpm.ports import Journal

PERIOD_S = 3.0


class Reconciler(Periodic):
    """Looks at the journal every few seconds."""

    def __init__(self, journal: Journal, executor: Executor) -> None:
        super().__init__("reconciler", PERIOD_S, self._take_up)
        self._journal = journal
        self._executor = executor

    def _take_up(self) -> None:
        for record in self._journal.unfinished():
            self._executor.start(record)
