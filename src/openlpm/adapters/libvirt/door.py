"""Opening connections, in bounded time, to hosts that may not be there.

libvirt's `open` has no time-out. It runs in a thread that is left behind when it takes too long,
and until that thread ends nobody tries the same URI again: a host that hangs costs one thread.
"""

import socket
from concurrent.futures import Future
from contextlib import suppress
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
_PORTS = {"tcp": 16509, "tls": TLS_PORT, "libssh2": 22}
_KNOCK_S = 4.0


class Door:
    """Opens connections; at most one attempt at a time hangs for each URI."""

    def __init__(self) -> None:
        self._pending: dict[str, Future[libvirt.virConnect]] = {}
        self._lock = Lock()

    def open(self, name: str, uri: str) -> Connection:
        """A new connection; `ServerUnreachable` within OPEN_S seconds."""
        loop.ensure_running()
        with self._lock:
            hanging = self._pending.get(uri)
            if hanging is not None and not hanging.done():
                raise unreachable(name, "An earlier attempt to connect still waits for an answer.")
            attempt = begun(lambda: _opened(uri), f"{name}: connect")
            self._pending.pop(uri, None)
        try:
            raw = attempt.result(timeout=OPEN_S)
            return Connection(name, raw, lambda: self.open(name, uri))
        except libvirt.libvirtError as error:
            raise _failed(name, uri, said(error)) from error
        except TimeoutError as error:
            with self._lock:
                self._pending[uri] = attempt
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


def _close_unwanted(attempt: "Future[libvirt.virConnect]") -> None:
    """The answer came after we had stopped waiting."""
    if attempt.exception() is None:
        with suppress(libvirt.libvirtError):
            attempt.result().close()


_door = Door()
open_connection = _door.open
