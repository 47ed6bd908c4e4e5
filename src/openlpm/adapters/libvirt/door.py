"""Opening connections, in bounded time, to hosts that may not be there.

libvirt's `open` has no time-out. It runs in a thread that is left behind when it takes too long,
and few of those are let hang: a host that is frozen costs `MOST_HANGING` threads. But not one only,
for then a single answer that is lost would keep a healthy server out of sight for good.
"""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from urllib.parse import urlsplit

import libvirt

from openlpm.adapters.libvirt import loop, ssh
from openlpm.adapters.libvirt.bounded import begun
from openlpm.adapters.libvirt.certificates import TLS_PORT, Call, bad_daemon, tls_place
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import barred, said, unreachable, untrusted
from openlpm.model.errors import ServerUnreachable

OPEN_S = 6.0
MOST_HANGING = 4
_PORTS = {"tcp": 16509, "tls": TLS_PORT, "libssh2": 22}
_KNOCK_S = 4.0


class Door:
    """Opens connections; at most MOST_HANGING attempts hang at a time for each URI."""

    def __init__(self, opened: "Callable[[str], libvirt.virConnect] | None" = None) -> None:
        self._opened = opened or _opened
        self._hanging: dict[str, list[Future[Connection]]] = {}
        self._lock = Lock()

    def open(self, name: str, uri: str) -> Connection:
        """A new connection; `ServerUnreachable` within OPEN_S seconds."""
        loop.ensure_running()

        def connected() -> Connection:
            return Connection(name, self._opened(uri), lambda: self.open(name, uri))

        with self._lock:
            hanging = [each for each in self._hanging.pop(uri, ()) if not each.done()]
            if hanging:
                self._hanging[uri] = hanging
            if len(hanging) >= MOST_HANGING:
                raise unreachable(name, "Earlier attempts to connect still wait for an answer.")
            attempt = begun(connected, f"{name}: connect")
        try:
            return attempt.result(timeout=OPEN_S)
        except libvirt.libvirtError as error:
            raise _failed(name, uri, said(error)) from error
        except TimeoutError as error:
            with self._lock:
                self._hanging.setdefault(uri, []).append(attempt)
            attempt.add_done_callback(_close_unwanted)
            raise unreachable(name, f"No answer within {OPEN_S:g} s from {uri}.") from error


def _opened(uri: str) -> libvirt.virConnect:
    knock(uri)
    return libvirt.open(ssh.from_console(uri))


def knock(uri: str) -> None:
    """See whether the host is there at all, where that is a matter of a TCP port.

    libvirt leaves connect() to the kernel, which tries for minutes in ever longer intervals, and
    so notices late that a host is back. Ours ends, and begins anew. ssh ends by itself (`ssh.py`),
    and where it goes is a matter of its configuration: by way of another host, for instance.
    """
    parts = urlsplit(uri)
    transport = parts.scheme.partition("+")[2] or "tls"
    if parts.hostname and transport in _PORTS:
        address = (parts.hostname, parts.port or _PORTS[transport])
        try:
            socket.create_connection(address, timeout=_KNOCK_S).close()
        except OSError as error:
            raise libvirt.libvirtError(f"{uri}: {error}") from error


def _failed(name: str, uri: str, why: str) -> ServerUnreachable:
    by_ssh = ssh.trouble(why, uri, "the console's user")
    if by_ssh:
        return barred(name, by_ssh)
    place = tls_place(uri)
    if place is None:
        return unreachable(name, why)
    bad = bad_daemon(why, Call("the console", name, "libvirtd"), place, place[0])
    return untrusted(name, bad) if bad else unreachable(name, why)


def _close_unwanted(attempt: "Future[Connection]") -> None:
    """The answer came after we had stopped waiting."""
    if attempt.exception() is None:
        attempt.result().close()


_door = Door()
open_connection = _door.open
