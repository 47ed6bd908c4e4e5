"""A console that stands still, threads and all, as SIGSTOP lets it: its clock goes on.

freezer = Freezer()
journal = freezer.through(store.journal)    # all that it uses goes through the freezer
freezer.freeze()
"""

import threading
from collections.abc import Callable
from typing import Any


class Freezer:
    """Calls neither begin nor come back while it is cold. `called` are those begun, in order."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self._warm = threading.Event()
        self._warm.set()
        self._inside = 0
        self._lock = threading.Lock()

    def freeze(self) -> None:
        self._warm.clear()

    def thaw(self) -> None:
        self.called.clear()
        self._warm.set()

    def through(self, thing: Any, after: Callable[[str], None] = lambda _: None) -> Any:
        """`thing`; `after` is told of each call when it is done, before it comes back."""
        return _Frozen(thing, self, after)

    def enter(self) -> None:
        assert self._warm.wait(60), "nobody thawed it"
        with self._lock:
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
        assert self._warm.wait(60), "nobody thawed it"

    def is_still(self) -> bool:
        """Nothing of it is on its way, or it is warm."""
        return self._warm.is_set() or self._inside == 0


class _Frozen:
    def __init__(self, thing: Any, freezer: Freezer, after: Callable[[str], None]) -> None:
        self._thing = thing
        self._freezer = freezer
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._freezer.enter()
            self._freezer.called.append(name)
            try:
                answer = found(*arguments, **options)
                self._after(name)
            finally:
                self._freezer.leave()
            return self._freezer.through(answer) if name == "connect" else answer

        return call
