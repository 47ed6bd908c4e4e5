"""Waiting for long without using up threads: event streams and serial consoles.

The console's waits are blocking calls with a time-out. Each runs in a thread of its own
limiter, so that a hundred watchers never keep an ordinary request waiting for a thread:

    news = await streams.wait(lambda: console.wait_events(after, WAIT_S))

A client that goes away cancels the wait at once; its thread ends within `WAIT_S`. When the
server stops, `close()` ends every wait with `StreamsClosed`.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from openlpm.model.errors import Busy

PLACES = 100
WAIT_S = 2.0
"""One bounded wait. Every event stream tells its client that it lives at least this often."""

T = TypeVar("T")


class StreamsClosed(Exception):
    """The server is stopping."""


class Streams:
    """The places for long waits, and the waits under way. Used from the event loop only."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._taken = 0
        # Twice as many threads as places: waits that their clients gave up may still be ending.
        self._limiter = CapacityLimiter(2 * places)
        self._waits: set[CancelScope] = set()
        self._closed = False

    @contextmanager
    def place(self) -> Generator[None]:
        """Hold one place as long as the stream lasts. Raises `Busy` when all are taken."""
        if self._taken >= self._places:
            raise Busy(
                "too-many-streams",
                f"{self._places} streams are open already.",
                cause="Each watch, event stream and serial console holds one.",
                remedy="Close some of them, or ask again without watching.",
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def wait(self, call: Callable[[], T], *, leave: bool = True) -> T:
        """The result of `call`, which blocks for `WAIT_S` at most.

        `leave` False: when cancelled, wait for the call's end, so that nobody else touches
        what it uses meanwhile.
        """
        with CancelScope() as scope:
            if self._closed:
                raise StreamsClosed
            self._waits.add(scope)
            try:
                return await to_thread.run_sync(
                    call, abandon_on_cancel=leave, limiter=self._limiter
                )
            finally:
                self._waits.discard(scope)
        raise StreamsClosed

    def close(self) -> None:
        """End every wait, now and from now on."""
        self._closed = True
        for scope in tuple(self._waits):
            scope.cancel()
