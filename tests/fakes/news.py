"""libvirt's events: delivered by a thread of their own, after the fact, as libvirt's loop does."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False)
class Listener:
    """Who is told of one server's domains; `hears` says whether its connection still stands."""

    server: str
    changed: Callable[[str], None]
    hears: Callable[[], bool]


class News:
    """Tells listeners which partition changed on which server."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._queue: queue.SimpleQueue[tuple[Listener, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fake-libvirt-events", daemon=True)
        self._thread.start()

    def listen(self, listener: Listener) -> Callable[[], None]:
        self._listeners = [*self._listeners, listener]

        def unlisten() -> None:
            self._listeners = [one for one in self._listeners if one is not listener]

        return unlisten

    def tell(self, server: str, uuid: str) -> None:
        """Tell those who listen now; who comes later has missed it."""
        for listener in self._listeners:
            if listener.server == server:
                self._queue.put((listener, uuid))

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            listener, uuid = item
            if listener.hears():
                listener.changed(uuid)
