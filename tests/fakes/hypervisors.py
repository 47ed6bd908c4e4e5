"""One console's connections. When the console dies, they die with it; the world goes on."""

from typing import TYPE_CHECKING

from fakes.host import FakeHost
from fakes.line import Line
from openlpm.model.errors import ServerUnreachable
from openlpm.model.system import System

if TYPE_CHECKING:
    from fakes.world import World


class ConsoleKilled(BaseException):
    """What a killed console's threads end with. No `except Exception` holds it up, as in life."""


class FakeHypervisors:
    """`ports.Hypervisors` for one console."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.calls = 0
        self.killed = False
        self._dies_at = 0

    def connect(self, system: System) -> FakeHost:
        server = self.world.servers.get(system.name)
        if server is None:
            raise ServerUnreachable(
                "server-unreachable", f"{system.name} does not answer.", cause="No such host."
            )
        line = Line(server, self)
        with line.calling("connect"):
            return FakeHost(server, line)

    def kill(self) -> None:
        """kill -9: every call of this console ends, those that are blocked too."""
        with self.world.lock:
            self.killed = True
            self.world.lock.notify_all()

    def die_at(self, call: int) -> None:
        """Be killed right before call number `call` (see `calls`) does anything."""
        self._dies_at = call

    def count_call(self) -> None:
        self.calls += 1
        if self.calls == self._dies_at:
            self.kill()
        self.check_alive()

    def check_alive(self) -> None:
        if self.killed:
            raise ConsoleKilled
