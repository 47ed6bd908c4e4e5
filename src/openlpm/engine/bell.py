"""A bell: whoever changes something rings, whoever waits looks again.

Faces wait for news (events, progress) without polling; the mover waits for libvirt's events.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Rings are counted, so one that comes between a look and a wait is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0

    def ring(self) -> None:
        """Wake all who wait."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    @property
    def count(self) -> int:
        """How often it rang: give it to `wait`."""
        with self._condition:
            return self._count

    def wait(self, heard: int, timeout_s: float) -> int:
        """Return the count as soon as it is above `heard`, or at the time-out."""
        with self._condition:
            self._condition.wait_for(lambda: self._count > heard, timeout_s)
            return self._count

    def until(self, look: Callable[[], T | None], timeout_s: float) -> T | None:
        """Look at every ring until something is seen, for at most `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while True:
            heard = self.count
            found = look()
            left_s = deadline - time.monotonic()
            if found is not None or left_s <= 0:
                return found
            self.wait(heard, left_s)
