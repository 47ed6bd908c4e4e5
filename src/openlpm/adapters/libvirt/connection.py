"""A connection to one libvirtd: asked in bounded time, watched by keepalive.

libvirt sends a keepalive every 2 s and gives up after 3 unanswered ones, so calls to a daemon
that froze or vanished end within 8 s with an error, and `alive` turns False.

No two calls are ever on their way by one connection: a call that finds it in use goes by a spare
one (`ask`), and what blocks for long takes one from the start (`apart`). For libvirt's client up to
9.9 cannot do with less: the thread that waits first answers for all others, they wait for it
(measured: a `state()` of 0.3 ms took as long as a transfer); and when the connection breaks under
two of them, what the first leaves behind makes the process crash (seen: virNetClientIOEventFD).
"""

import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Lock, local
from typing import TypeVar

import libvirt

from openlpm.adapters.libvirt.bounded import begun, bounded
from openlpm.adapters.libvirt.errors import translated, unreachable, unreadable
from openlpm.model.errors import HypervisorRefused

T = TypeVar("T")

KEEPALIVE_S, KEEPALIVE_COUNT = 2, 3
# libvirt itself waits up to 30 s for another job of the same domain to end.
CALL_S = 35.0
_GLANCE_S = 0.5
_CLOSE_S = 1.0
_SPARES = 4


class Connection:
    """One managed system's libvirtd. `name` is the system's, for errors; safe from any thread."""

    def __init__(
        self, name: str, raw: libvirt.virConnect, again: Callable[[], "Connection"]
    ) -> None:
        self.name = name
        self._raw = raw
        self.fresh = again
        self._turn = Lock()
        self._here = local()
        self._broken = self._closing = False
        self._calls = 0
        self._spares: list[Connection] = []
        self._lock = Lock()
        raw.setKeepAlive(KEEPALIVE_S, KEEPALIVE_COUNT)
        raw.registerCloseCallback(self._on_close, None)

    def _on_close(self, _raw: libvirt.virConnect, _reason: int, _opaque: None) -> None:
        self._broken = True

    @property
    def alive(self) -> bool:
        """Not found broken so far; asks nobody."""
        line: Connection | None = getattr(self._here, "line", None)
        sound = not self._broken and self._raw.isAlive() == 1
        return sound and (line in (None, self) or line.alive)

    @property
    def raw(self) -> libvirt.virConnect:
        """libvirt's own object. Within `ask`, that of the line which this call goes by."""
        line: Connection = getattr(self._here, "line", self)
        return line._raw

    def ask(
        self, doing: str, action: Callable[[], T], *, seconds: float = CALL_S, itself: bool = False
    ) -> T:
        """Do `action`, which calls libvirt; its failure and its silence come in our tree.

        It goes by this connection, or, while that is in use and unless `itself`, by a spare one.
        What is asked within `action` goes the same way at once: several questions cost one thread.
        """

        def translating() -> T:
            try:
                return action()
            except libvirt.libvirtError as error:
                raise translated(error, self.name, doing, alive=self.alive) from error
            except UnicodeDecodeError as error:
                raise unreadable(self.name, doing, error) from error

        def made() -> T:
            with self.held(), self._free_line(itself=itself) as line:
                self._here.line = line  # of this thread, which ends with the call
                return translating()

        if hasattr(self._here, "line"):
            return translating()
        future = begun(made, f"{self.name}: {doing}")
        try:
            return self._awaited(future, seconds)
        except TimeoutError as error:
            if not self.alive:
                raise unreachable(self.name, "It stopped answering.") from error
            raise HypervisorRefused(
                "hypervisor-stuck",
                f"{self.name} took more than {seconds:g} s to {doing}.",
                cause="libvirtd answers, so a QEMU of it seems to hang.",
                remedy=f"Look at the partition's QEMU and its storage on {self.name}.",
            ) from error

    @contextmanager
    def _free_line(self, *, itself: bool) -> Generator["Connection"]:
        if self._turn.acquire(blocking=itself):
            try:
                yield self
            finally:
                self._turn.release()
        else:
            with self.apart() as spare, spare.held():
                yield spare

    def _awaited(self, future: Future[T], seconds: float) -> T:
        """Its result. A call may outlive its connection, so the connection is looked at too."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return future.result(timeout=min(_GLANCE_S, deadline - time.monotonic()))
            except TimeoutError:
                if not self.alive or time.monotonic() >= deadline:
                    raise

    def domain(self, uuid: str) -> libvirt.virDomain:
        """The domain; libvirt's own error when there is none. To be called within `ask`."""
        return self.raw.lookupByUUIDString(uuid)

    @contextmanager
    def apart(self) -> Generator["Connection"]:
        """Another connection to the same daemon, kept afterwards for the next who needs one."""
        spare = self._take() or self.fresh()
        try:
            yield spare
        finally:
            self._give_back(spare)

    def _take(self) -> "Connection | None":
        with self._lock:
            while self._spares:
                spare = self._spares.pop()
                if spare.alive:
                    return spare
                spare.close()
        return None

    def _give_back(self, spare: "Connection") -> None:
        with self._lock:
            if self.alive and spare.alive and len(self._spares) < _SPARES:
                self._spares.append(spare)
                return
        spare.close()

    @contextmanager
    def held(self) -> Generator[None]:
        """Within, the connection is not taken apart, even when somebody closes it."""
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                last = self._closing and self._calls == 0
            if last:
                self._release()

    def close(self) -> None:
        """Let go of it. Calls under way come to their end first: libvirt does not protect them."""
        with self._lock:
            if self._closing:
                return
            self._closing = self._broken = True
            spares, self._spares = self._spares, []
            idle = self._calls == 0
        for spare in spares:
            spare.close()
        if idle:
            self._release()

    def _release(self) -> None:
        """To say goodbye is a call as well, and a frozen daemon does not answer it."""

        def release() -> None:
            with suppress(libvirt.libvirtError):
                self._raw.unregisterCloseCallback()
            with suppress(libvirt.libvirtError):
                self._raw.close()

        with suppress(TimeoutError):
            bounded(release, _CLOSE_S, f"{self.name}: close")
