"""The fake world's time: it stands still until the world moves it on."""

EPOCH = 1_700_000_000.0


class FakeClock:
    """`ports.Clock`."""

    def __init__(self) -> None:
        self._elapsed = 0.0

    def now(self) -> float:
        return EPOCH + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
