"""Looks for what no fence has stopped, and reports it: see `decide/clash.py`.

    guard = Guard(estate, journal); guard.start()

The servers are seen one after the other, so what has just changed may look like a clash: only what
two looks in a row have seen is told.
"""

from openlpm.decide.clash import Clash, clashes, over
from openlpm.engine.estate import Estate
from openlpm.engine.periodic import Periodic
from openlpm.model.event import Event, Level
from openlpm.ports import Journal

EVERY_S = 2.0
"""Between two looks; an operator is told within ten seconds."""


class Guard(Periodic):
    """Compares what all servers say."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        super().__init__("guard", EVERY_S, self._look)
        self._estate = estate
        self._journal = journal
        self._last: frozenset[Clash] = frozenset()
        self._told: frozenset[Clash] = frozenset()

    def _look(self) -> None:
        moving = {record.partition_uuid for record in self._journal.unfinished()}
        partitions = self._estate.partitions()
        found = clashes(partitions, moving)
        lasting, self._last = found & self._last, found
        for clash in lasting - self._told:
            self._journal.tell(
                Event(
                    "partitions-clash",
                    f"{clash.message} Power one of them off at once (lpm partition shutdown).",
                    level=Level.ERROR,
                )
            )
        ended = over(self._told, partitions, moving)
        for clash in ended:
            self._journal.tell(Event("partitions-clash-over", f"No more: {clash.message}"))
        self._told = (self._told | lasting) - ended
