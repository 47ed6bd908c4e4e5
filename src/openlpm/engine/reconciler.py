"""Finds unfinished migrations that nobody drives, and gives each a mover.

At start-up these are what an earlier console left; later, what a mover let go of because the
console's own disk was full. The mover looks at both servers and goes on from there.
"""

import logging
import threading

from openlpm.engine.executor import Executor
from openlpm.model.errors import OpenLpmError
from openlpm.ports import Journal

log = logging.getLogger(__name__)

PERIOD_S = 3.0


class Reconciler:
    """A thread that looks at the journal every few seconds."""

    def __init__(self, journal: Journal, executor: Executor) -> None:
        self._journal = journal
        self._executor = executor
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Look now, then every few seconds."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                for record in self._journal.unfinished():
                    self._executor.start(record)
            except OpenLpmError:
                log.exception("The journal cannot be read; trying again")
            self._closing.wait(PERIOD_S)
