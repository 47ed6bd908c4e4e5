"""One console's connection to one server: what every call passes.

A connection on which a call was lost stays broken, as libvirt's do: the console connects anew.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fakes.server import FakeServer
from openlpm.model.errors import ServerUnreachable

if TYPE_CHECKING:
    from fakes.hypervisors import FakeHypervisors

CALL_TIMEOUT_S = 5.0


class Line:
    """A connection. `broken` once a call was lost on it, or it was closed."""

    def __init__(self, server: FakeServer, console: "FakeHypervisors") -> None:
        self._server = server
        self._world = server.world
        self._console = console
        self.broken = False

    @contextmanager
    def calling(self, method: str) -> Generator[None]:
        """May this console, on this connection, reach this server now?"""
        with self._world.lock:
            self._console.count_call()
            self._wait_while_frozen()
            if self._server.frozen:
                self.broken = True
            self.require()
            self._server.maybe_refuse(method)
            yield

    def require(self) -> None:
        """Raise if the connection is lost. A call that is blocked asks again and again."""
        self._console.check_alive()
        if self.broken or not self._server.reachable:
            self.broken = True
            raise ServerUnreachable(
                "server-unreachable",
                f"{self._server.name} does not answer.",
                cause="The connection was lost.",
            )

    def hears(self) -> bool:
        """Events come through."""
        cut_off = self._server.frozen or not self._server.reachable
        return not (self.broken or self._console.killed or cut_off)

    def _wait_while_frozen(self) -> None:
        deadline = self._world.clock.monotonic() + CALL_TIMEOUT_S
        while self._server.frozen and self._world.flows:
            if self._world.clock.monotonic() >= deadline:
                return
            self._world.lock.wait(timeout=1)
            self._console.check_alive()
