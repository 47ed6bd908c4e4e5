"""The console's REST API, as seen from the command line: HTTP over a UNIX socket.

    client = Client("/run/openlpm/lpmd.sock")
    client.get("/v1/partitions", system="server1")
    for message in client.stream("/v1/events/stream", after=17): ...

Every failure is raised as a `Problem`. Connections are not kept: on a UNIX socket a new one
costs microseconds.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from openlpm.faces.cli.http import Answer, connected
from openlpm.faces.cli.problem import Problem

ANSWER_S = 120.0
"""The longest that a request may take; the console bounds each of its own calls."""

SILENCE_S = 20.0
"""A stream says every two seconds that it lives; after this long without, it does not."""


class Message(NamedTuple):
    """One server-sent event; `data` is None for the sign of life in between."""

    event: str
    data: Any


def path_of(*parts: str) -> str:
    """A path under /v1, of words and of names that come from the user.

    No name has a slash or nothing in it; in a path, such a one would name something else.
    """
    for part in parts:
        if not part or "/" in part:
            raise _bad_name(part)
    return "/v1/" + "/".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    try:
        return quote(part, safe="")
    except UnicodeEncodeError as error:  # the shell passed bytes that are no UTF-8
        raise _bad_name(part) from error


def _bad_name(part: str) -> Problem:
    return Problem(
        "bad-name",
        "bad-request",
        f"{part!r} cannot be a name.",
        remedy="Names have letters, digits, '.', '_' and '-'.",
    )


class Client:
    """Asks the console that listens on `socket_path`."""

    def __init__(self, socket_path: str, timeout_s: float = ANSWER_S) -> None:
        self.socket_path = socket_path
        self._timeout_s = timeout_s

    def get(self, path: str, **query: str | int | Sequence[str] | None) -> Any:
        """What the console answers to a question; several values are given one by one."""
        return self._ask("GET", _with_query(path, query))

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: str | None) -> Any:
        """What the console answers to a command."""
        return self._ask("POST", _with_query(path, query), body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the console answers when `body` replaces what is there."""
        return self._ask("PUT", path, body)

    def patch(self, path: str, body: Mapping[str, Any], **query: str | None) -> Any:
        """What the console answers when `body` changes what is there."""
        return self._ask("PATCH", _with_query(path, query), body)

    def delete(self, path: str, **query: str | None) -> Any:
        """Remove what `path` names."""
        return self._ask("DELETE", _with_query(path, query))

    def stream(self, path: str, **query: str | int | None) -> Iterator[Message]:
        """The messages of an event stream, from now until it ends.

        The request is made here and not at the first `next()`: what happens in between is
        not missed.
        """
        return self._messages(self._request("GET", _with_query(path, query), None, SILENCE_S))

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        with self._request(method, path, body, self._timeout_s) as answer:
            try:
                text = answer.read()
            except OSError as error:
                raise self.lost(str(error)) from error
            return _decoded(text) if text else None

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float
    ) -> Answer:
        try:
            connection = connected(self.socket_path, timeout_s)
        except OSError as error:
            raise unreachable(self.socket_path, error) from error
        content = b"" if body is None else json.dumps(body).encode()
        answer = Answer(connection)
        try:
            answer.begin(method, path, content)
            if answer.status >= 400:
                raise problem_in(answer.read())
        except OSError as error:
            answer.close()
            raise self.lost(str(error)) from error
        except Problem:
            answer.close()
            raise
        return answer

    def _messages(self, answer: Answer) -> Iterator[Message]:
        with answer:
            try:
                for message in _parsed(answer.lines()):
                    if message.event == "problem":
                        raise Problem.from_document(message.data)
                    yield message
            except OSError as error:
                raise self.lost(str(error)) from error

    def lost(self, why: str = "it ended the connection") -> Problem:
        """The console went away in the middle of an answer."""
        return Problem(
            "console-lost",
            "console-unreachable",
            "The console stopped answering.",
            cause=f"{self.socket_path}: {why}.",
            remedy="What was begun goes on by itself. See whether `lpm serve` still runs.",
        )


def _with_query(path: str, query: Mapping[str, str | int | Sequence[str] | None]) -> str:
    given = ((name, value) for name, value in query.items() if value not in (None, "", ()))
    words = "&".join(
        f"{name}={_quoted(str(each))}"
        for name, value in given
        for each in ((value,) if isinstance(value, str | int | None) else value)
    )
    return f"{path}?{words}" if words else path


def unreachable(socket_path: str, error: OSError) -> Problem:
    """Nobody answers at `socket_path`."""
    return Problem(
        "console-unreachable",
        "console-unreachable",
        "The console cannot be reached.",
        cause=f"{socket_path}: {error.strerror or error}.",
        remedy="Start it with `lpm serve`, or name its socket: --socket or $LPM_SOCKET.",
    )


def problem_in(body: bytes) -> Problem:
    """The problem that a response carries."""
    try:
        return Problem.from_document(_decoded(body))
    except Problem as problem:
        return problem


def _decoded(text: bytes | str) -> Any:
    """JSON as it came; `parse_constant`: what is no JSON for others is none for us."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Problem(
            "no-console",
            "console-unreachable",
            "What listens on the socket is no OpenLPM console.",
            remedy="Check --socket or $LPM_SOCKET.",
        ) from error


def _no_number(name: str) -> None:
    raise ValueError(name)


def _parsed(lines: Iterator[str]) -> Iterator[Message]:
    """Server-sent events, line by line; a lone comment becomes a message without data."""
    event, data = "message", ""
    for line in lines:
        field, _, value = line.partition(":")
        if field == "data":
            data += value
        elif field == "event":
            event = value.strip()
        elif not line:  # an empty line ends a message
            yield Message(event, _decoded(data) if data else None)
            event, data = "message", ""
