"""Looks for what no fence has stopped, and reports it: see `decide/clash.py`.

    guard = Guard(estate, journal); guard.start()

The servers are seen one after the other, so what has just changed may look like a clash: only what
two looks in a row have seen is told.
"""

import logging
import threading

from openlpm.decide.clash import Clash, clashes
from openlpm.engine.estate import Estate
from openlpm.model.errors import OpenLpmError
from openlpm.model.event import Event, Level
from openlpm.ports import Journal

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""Between two looks; an operator is told within ten seconds."""


class Guard:
    """A thread that compares what all servers say."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal
        self._closing = threading.Event()
        self._last: frozenset[Clash] = frozenset()
        self._told: frozenset[Clash] = frozenset()
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Look now, then every few seconds."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closing.wait(EVERY_S):
            try:
                self._look()
            except OpenLpmError as error:
                log.warning("Not written, trying again: %s", error)

    def _look(self) -> None:
        moving = {record.partition_uuid for record in self._journal.unfinished()}
        found = clashes(self._estate.partitions(), moving)
        lasting, self._last = found & self._last, found
        for clash in lasting - self._told:
            self._journal.tell(
                Event(
                    "partitions-clash",
                    f"{clash.message} Power one of them off at once (lpm partition shutdown).",
                    level=Level.ERROR,
                )
            )
        for clash in self._told - found:
            self._journal.tell(Event("partitions-clash-over", f"No more: {clash.message}"))
        self._told = lasting | (self._told & found)
