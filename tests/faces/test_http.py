"""`lpm`'s HTTP client against a server whose bytes come in pieces, break off, or are no HTTP."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openlpm.faces.cli.client import Client
from openlpm.faces.cli.http import Answer, connected
from openlpm.faces.cli.problem import Problem

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def serving(path: Path, *pieces: bytes) -> Iterator[Callable[[], bytes]]:
    """A server for one request, which answers these pieces; yields what it was asked."""
    asked = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                asked.extend(peer.recv(65536))
                for piece in pieces:
                    peer.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        yield lambda: bytes(asked)
        thread.join(10)


def test_a_request_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, HEAD + b"Content-Length: 2\r\n\r\n", b"{", b"}") as asked:
        assert Client(str(path)).post("/v1/x", {"to": "s2"}) == {}
    head, _, body = asked().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\n")
    assert b"Content-Length: 12" in head
    assert body == b'{"to": "s2"}'


def test_lines_are_told_as_they_come_however_they_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "s"
    pieces = (CHUNKED, b"6\r\none\r\n", b"t\r\n", b"2\r\nwo\r\n", b"2\r\n\n\xc3\r\n")
    with (
        serving(path, *pieces, b"2\r\n\xa9\n\r\n", b"0\r\n\r\n"),
        Answer(connected(str(path), 10)) as answer,
    ):
        answer.begin("GET", "/", b"")
        assert list(answer.lines()) == ["one", "two", "é"]


@pytest.mark.parametrize(
    ("pieces", "cause"),
    [
        ((HEAD + b"Content-Length: 9\r\n\r\n", b"{"), "ended the connection"),
        ((HEAD,), "ended the connection"),
        ((), "ended the connection"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "does not speak HTTP"),
    ],
)
def test_an_answer_that_breaks_off_is_none(
    tmp_path: Path, pieces: tuple[bytes, ...], cause: str
) -> None:
    path = tmp_path / "s"
    with serving(path, *pieces), pytest.raises(Problem) as caught:
        Client(str(path)).get("/v1/x")
    assert caught.value.code == "console-lost"
    assert cause in caught.value.text()


def test_a_stream_that_breaks_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, CHUNKED, b"b\r\ndata: {}\n\nd\r\n"), pytest.raises(Problem) as caught:
        list(Client(str(path)).stream("/v1/x"))
    assert caught.value.code == "console-lost"


def test_what_is_not_from_a_console_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "s"
    refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"
    with serving(path, refusal), pytest.raises(Problem) as caught:
        Client(str(path)).get("/v1/x")
    assert caught.value.code == "no-console"
