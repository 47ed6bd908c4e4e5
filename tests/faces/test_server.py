"""The server on its socket: who may open it, how it stops, and how many may wait at it."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import DAEMON, start_daemon

from openlpm.faces.cli.client import Client
from openlpm.faces.cli.problem import Problem
from openlpm.faces.rest.server import listen
from openlpm.faces.rest.streams import PLACES, WAIT_S
from openlpm.model.errors import AlreadyExists, BadRequest

STREAM = b"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lpm") as folder:
        yield Path(folder) / "deep" / "s"


def stream(path: Path) -> socket.socket:
    """A client that waits for events; its answer has begun."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(path))
    client.sendall(STREAM)
    return client


def test_only_its_owner_may_open_the_socket(path: Path) -> None:
    with listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_socket_in_use_is_left_alone_and_a_stale_one_replaced(path: Path) -> None:
    with listen(path), pytest.raises(AlreadyExists, match="listens on"):
        listen(path)
    assert path.exists()  # as a killed console leaves it
    with listen(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_what_is_no_socket_is_never_removed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(AlreadyExists, match="no socket"):
        listen(path)
    assert path.read_text() == "precious"


def test_a_useless_path_is_told(path: Path) -> None:
    with pytest.raises(BadRequest, match="107 bytes"):
        listen(path / ("x" * 100))
    path.parent.mkdir()
    path.write_text("a file, no folder")
    with pytest.raises(BadRequest, match="Give a --socket"):
        listen(path / "s")


def test_a_second_daemon_refuses_to_start(path: Path) -> None:
    first = start_daemon(path)
    second = subprocess.run(
        [sys.executable, str(DAEMON), str(path)], capture_output=True, text=True, timeout=20
    )
    assert second.returncode == 1
    assert second.stderr.startswith("socket-in-use:")
    first.process.terminate()
    assert first.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_soon_and_ends_its_streams(path: Path, number: int) -> None:
    daemon = start_daemon(path)
    client = stream(path)
    client.recv(20)
    begun = time.monotonic()
    daemon.process.send_signal(number)
    text = b""
    while data := client.recv(4096):
        text += data
    assert text.endswith(b"0\r\n\r\n")  # the answer is complete, not broken off
    out, _ = daemon.process.communicate(timeout=10)
    assert (daemon.process.returncode, out) == (0, "stopped\n")
    assert time.monotonic() - begun < 2 * WAIT_S
    assert not path.exists()


def test_many_streams_leave_room_for_requests_and_go_with_their_clients(path: Path) -> None:
    daemon = start_daemon(path)
    client = Client(str(path))
    streams = [stream(path) for _ in range(PLACES)]
    for each in streams:
        assert each.recv(20).startswith(b"HTTP/1.1 200")
    begun = time.monotonic()
    assert len(client.get("/v1/partitions")) == 3
    assert time.monotonic() - begun < 1
    with pytest.raises(Problem, match="100 streams"):
        client.stream("/v1/events/stream")
    for each in streams:
        each.close()
    deadline = time.monotonic() + 3 * WAIT_S
    while time.monotonic() < deadline and _refused(client):
        time.sleep(0.1)
    assert not _refused(client)
    threads = len(os.listdir(f"/proc/{daemon.process.pid}/task"))
    assert threads <= 2 * PLACES + 45
    daemon.process.terminate()
    assert daemon.process.wait(10) == 0


def _refused(client: Client) -> bool:
    try:
        client.stream("/v1/events/stream").close()  # type: ignore[attr-defined]
    except Problem:
        return True
    return False


def test_a_stream_goes_on_from_the_last_event_that_was_seen(path: Path) -> None:
    daemon = start_daemon(path)
    client = Client(str(path))
    for verb in ("pause", "resume", "pause"):
        client.post(f"/v1/partitions/web1/{verb}")
    again = socket.socket(socket.AF_UNIX)
    again.connect(str(path))
    again.sendall(STREAM.replace(b"\r\n\r\n", b"\r\nLast-Event-ID: 2\r\n\r\n"))
    text = b""
    while b"\nid: 3\n" not in text:
        text += again.recv(4096)
    assert b"id: 2\n" not in text
    again.close()
    daemon.process.kill()
    daemon.process.wait(10)
