"""libvirt's event loop: one thread for the whole process, started when first needed.

Keepalive, close notices and domain events all arrive here. A connection opened before the loop
is registered never gets any of them, so `door.py` calls `ensure_running` first.
"""

import logging
from threading import Lock, Thread

import libvirt

_log = logging.getLogger(__name__)
_starting = Lock()
_loop: list[Thread] = []


def ensure_running() -> None:
    """Start the loop unless it runs already. It ends with the process."""
    with _starting:
        if _loop:
            return
        # Without a handler of ours libvirt prints every error to stderr, besides raising it.
        libvirt.registerErrorHandler(_say_nothing, None)
        libvirt.virEventRegisterDefaultImpl()
        thread = Thread(target=_run, name="libvirt-events", daemon=True)
        thread.start()
        _loop.append(thread)


def _say_nothing(_context: object, _error: object) -> None:
    """The same error is raised as an exception."""


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except Exception:  # noqa: BLE001 - nothing that one event does may end the others
            _log.exception("libvirt's event loop stumbled")
