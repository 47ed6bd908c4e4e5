"""Calls that end: run something in a thread and stop waiting for it after a while.

libvirt's calls have no time-outs. Keepalive ends those to a daemon that died or froze, but not
those that wait inside a healthy daemon for a QEMU that hangs, nor a TCP connect into a network
that drops packets. Such a call is left behind in its (daemon) thread; the caller goes on.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def begun(action: Callable[[], T], name: str) -> Future[T]:
    """Start `action` in a thread of its own. Unlike an executor's, it never delays the exit."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the waiting thread gets it
            future.set_exception(error)

    Thread(target=run, name=name, daemon=True).start()
    return future


def bounded(action: Callable[[], T], seconds: float, name: str) -> T:
    """What `action` returns or raises; TimeoutError when it takes longer than `seconds`."""
    return begun(action, name).result(timeout=seconds)
