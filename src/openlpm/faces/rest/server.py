"""The server on a UNIX socket: who may open the file may command the console.

    run(build_app(console), Path("/run/openlpm/lpmd.sock"), on_ready=lambda: print("ready"))

`run` returns after SIGTERM or SIGINT, when every request has been answered and every stream
been ended; the socket is gone then. A socket left by a console that was killed is replaced,
one that somebody listens on is not.
"""

import fcntl
import os
import signal
import socket
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from openlpm.faces.rest.limit import LIMIT_BYTES
from openlpm.model.errors import AlreadyExists, BadRequest

MODE = 0o600
STOP_S = 5
_PATH_BYTES = 107  # what the kernel's struct sockaddr_un holds, without the final zero


def run(app: FastAPI, socket_path: Path, on_ready: Callable[[], None]) -> None:
    """Serve `app` until a signal. Raises `AlreadyExists` or `BadRequest` for a useless path."""
    listener = listen(socket_path)
    identity = _identity(socket_path)
    try:
        config = uvicorn.Config(
            app,
            log_config=None,  # whoever runs us decides where the log goes
            access_log=False,
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=LIMIT_BYTES,  # a serial console's keys, at most a pasted file
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
        )
        _Server(config, app, on_ready).run(sockets=[listener])
    finally:
        listener.close()
        if _identity(socket_path) == identity:
            socket_path.unlink()


class _Server(uvicorn.Server):
    """uvicorn, with streams that end when it stops, and without its way with signals."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.streams.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop at a signal, and go on after `run`: uvicorn would raise the signal once more."""
        previous = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, which only its owner may open."""
    if len(os.fsencode(path)) > _PATH_BYTES:
        raise BadRequest(
            "bad-socket",
            f"{path} cannot be the console's socket.",
            cause=f"The kernel allows {_PATH_BYTES} bytes for a socket's path.",
            remedy="Give a shorter --socket.",
        )
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            _remove_stale(path)
            return _bound(path)
    except OSError as error:
        raise BadRequest(
            "bad-socket",
            f"{path} cannot be the console's socket.",
            cause=f"{error.strerror}.",
            remedy="Give a --socket in a folder that you may write.",
        ) from error


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Keep two consoles that start at once from taking each other's new socket for stale."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise AlreadyExists(
                "socket-not-free",
                f"{path} exists, and is no socket.",
                remedy="Move it away, or give another --socket.",
            )
        if _answers(path):
            raise AlreadyExists(
                "socket-in-use",
                f"A console listens on {path} already.",
                remedy="Use that one, stop it first, or give another --socket.",
            )
        path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(2)
        try:
            caller.connect(os.fspath(path))
        except ConnectionRefusedError:
            return False
    return True


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file is born with the socket's own mode: there is no moment in which
        # others could open it.
        os.fchmod(listener.fileno(), MODE)
        listener.bind(os.fspath(path))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = path.lstat()
        return found.st_dev, found.st_ino
    return None
