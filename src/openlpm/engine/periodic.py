"""A thread that does the same every few seconds, and outlives what goes wrong in between.

looking = Periodic("guard", 2.0, look)
looking.start()
"""

import logging
import threading
from collections.abc import Callable

from openlpm.model.errors import OpenLpmError

log = logging.getLogger(__name__)


class Periodic:
    """Does `act` at once, then `seconds` after each end of it."""

    def __init__(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        self._name = name
        self._seconds = seconds
        self._act = act
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """No more of it; waits for the one under way."""
        self._closing.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._act()
            except OpenLpmError:
                log.exception("The %s has failed, and tries again", self._name)
            self._closing.wait(self._seconds)
