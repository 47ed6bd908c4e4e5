"""One request and its answer: HTTP/1.1 over a UNIX socket.

    with Answer(connected("/run/openlpm/lpmd.sock", timeout_s=120)) as answer:
        answer.begin("GET", "/v1/systems", b"")
        answer.status, answer.read()

`httptools` takes the answer apart. The standard library's client does it too, but takes 20 ms
to import (measured), a third of what `lpm` needs to start.

What goes wrong is an `OSError`, also when what answers does not speak HTTP.
"""

import socket
from collections.abc import Iterator
from typing import Self

import httptools

_PIECE = 65536
_MOST_BYTES = 256 * 2**20
"""Of an answer, or of a line of a stream: a list of 100 000 partitions has 60 MiB."""
_MOST_HEAD_BYTES = 2**20


def connected(path: str, timeout_s: float) -> socket.socket:
    """A connection to who listens at `path`; each wait for it lasts `timeout_s` at most."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


class Answer:
    """What comes back by one connection. Closing it ends the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.status = 0
        self._connection = connection
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._complete = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, whatever else would come."""
        self._connection.close()

    def begin(self, method: str, path: str, content: bytes) -> None:
        """Send the request; return when the answer's head is here, and `status` known."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: lpmd\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self._connection.sendall(head.encode("ascii") + content)
        received = 0
        while not self.status:
            received += self._receive()
            if received > _MOST_HEAD_BYTES:
                raise ConnectionError("its answer's head has no end")

    def read(self) -> bytes:
        """The whole body."""
        while not self._complete:
            self._receive()
        return bytes(self._body)

    def lines(self) -> Iterator[str]:
        """The body's lines without their ends, each as soon as it is here."""
        while True:
            end = self._body.find(b"\n")
            if end >= 0:
                try:
                    line = self._body[:end].decode()
                except UnicodeDecodeError as error:
                    raise ConnectionError("it sent what is no text") from error
                del self._body[: end + 1]
                yield line.rstrip("\r")
            elif self._complete:
                return
            else:
                self._receive()

    def _receive(self) -> int:
        piece = self._connection.recv(_PIECE)
        if not piece:
            raise ConnectionError("it ended the connection")
        try:
            self._parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ConnectionError(f"it does not speak HTTP ({error})") from error
        if len(self._body) > _MOST_BYTES:
            raise ConnectionError("its answer has no end")
        return len(piece)

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self.status = self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self._body += piece

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._complete = True
