"""Talking to an init: one request, one answer, over its UNIX socket.

A UNIX socket with a path is reached from any network namespace, and the kernel tells who listens
on it (SO_PEERCRED), as a process id of the *asker's* PID namespace. So nobody writes process ids
down, and none can be stale.
"""

import json
import socket
import struct
from pathlib import Path
from typing import Any, cast

from openlpm.lab.errors import LabError

LONGEST_PATH = 107
_MOST_BYTES = 2**20


def ask(path: Path, *, timeout: float = 10, **request: Any) -> dict[str, Any]:
    """What the init behind this socket answers."""
    with _connect(path, timeout) as peer, peer.makefile("rw") as stream:
        try:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            answer: Any = json.loads(
                stream.readline(_MOST_BYTES) or '{"error": "it ended while asked"}'
            )
        except (OSError, ValueError, RecursionError) as error:
            raise LabError("no-answer", f"{path.stem} does not answer.", cause=str(error)) from None
    if not isinstance(answer, dict):
        raise LabError("no-answer", f"{path.stem} does not answer as an init does.")
    told = cast("dict[str, Any]", answer)
    if "error" in told:
        raise LabError(
            "refused", f"{path.stem} refused to {request['do']}.", cause=str(told["error"])
        )
    return told


def pid_behind(path: Path) -> int:
    """The process id of the init behind this socket, as seen from here."""
    with _connect(path, 2) as peer:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, _uid, _gid = struct.unpack("3i", credentials)
        return pid


def answers(path: Path) -> bool:
    """Whether an init is there at all."""
    try:
        _connect(path, 2).close()
    except LabError:
        return False
    return True


def _connect(path: Path, timeout: float) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(timeout)
    try:
        peer.connect(str(path))
    except OSError as error:
        peer.close()
        raise LabError(
            "gone",
            f"{path.stem} of lab '{path.parent.name}' is not running.",
            cause=f"{path}: {error}",
            remedy=f"See `lpm lab status --name {path.parent.name}`.",
        ) from None
    return peer
