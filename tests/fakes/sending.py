"""Pre-copy, as QEMU does it: round after round, until the rest fits the allowed pause.

All figures follow from elapsed time alone, however it is cut into steps: a test that steps by
10 ms and one that steps by 10 s see the same transfer.
"""

from openlpm.model.migration import Progress

MIB = 1024 * 1024
SHORTEST_ROUND_S = 0.005
FIRST_THROTTLE, MORE_THROTTLE, MOST_THROTTLE = 20, 10, 99


class Sending:
    """The memory of one transfer on its way."""

    def __init__(
        self, total: float, dirty_s: float, rate_s: float, pause_ms: int, *, throttled: bool
    ) -> None:
        self.total = total
        self.rate_s = rate_s
        self.pause_ms = pause_ms
        self.iteration = 1
        self.sent = 0.0
        self.elapsed = 0.0
        self.throttle = 0
        self.converged = False
        self._throttled = throttled
        self._dirty_s = dirty_s
        self._begin_round(total)

    def _begin_round(self, size: float) -> None:
        self._dirtied = 0.0
        self._size = size
        self._round_s = self._left_s = max(SHORTEST_ROUND_S, size / self.rate_s)

    def begin_fetching(self, rate_s: float) -> None:
        """Post-copy: the rest is sent once, as it is; no limit but the link's holds for it."""
        self.rate_s = rate_s
        self.iteration += 1
        self._dirty_s = 0.0
        self._begin_round(self.remaining)

    @property
    def remaining(self) -> float:
        return self._size * self._left_s / self._round_s + self._dirtied

    @property
    def dirty_s(self) -> float:
        return self._dirty_s * (1 - self.throttle / 100)

    @property
    def pause_s(self) -> float:
        """How long the rest would take."""
        return self.remaining / self.rate_s

    def advance(self, seconds: float) -> float:
        """Send for so long; returns what is left of it once the rest fits."""
        while seconds > 0 and not self.converged:
            step = min(seconds, self._left_s)
            seconds -= step
            self._left_s -= step
            self.elapsed += step
            self.sent += self._size * step / self._round_s
            self._dirtied = min(self.total, self._dirtied + self.dirty_s * step)
            if self._left_s <= 1e-9:
                self._end_round()
        return seconds

    def _end_round(self) -> None:
        self._left_s = 0.0
        if 1000 * self.pause_s <= self.pause_ms:
            self.converged = True
            return
        if self._throttled and self.iteration % 2 == 0:
            more = FIRST_THROTTLE if self.throttle == 0 else self.throttle + MORE_THROTTLE
            self.throttle = min(MOST_THROTTLE, more)
        self.iteration += 1
        self._begin_round(self._dirtied)

    def progress(self) -> Progress:
        return Progress(
            elapsed_ms=round(1000 * self.elapsed),
            total_bytes=round(self.total),
            sent_bytes=round(self.sent),
            remaining_bytes=round(self.remaining),
            rate_bytes_s=self.rate_s,
            dirty_bytes_s=self.dirty_s,
            iteration=self.iteration,
            throttle_percent=self.throttle,
        )
