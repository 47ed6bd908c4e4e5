"""The command line: what the console, or who poses as it, sends is shown as text or is a problem.

A terminal obeys escape sequences, and bash runs what completion puts on its line: text from servers
may be neither. With --json, what is printed is JSON whatever is in it.
"""

import io
import json
import shlex
import socket
import threading
from contextlib import suppress
from typing import Any

import click
import pytest
from bounds import fuzzed, outcome
from click.testing import CliRunner
from hostile import JSON, WORDS, texts
from hypothesis import strategies as st
from pydantic import TypeAdapter
from rich.console import Console as Terminal

from faces.fake_console import FakeConsole
from openlpm.engine.views import MigrationView
from openlpm.faces.cli import asking, client, show_rich
from openlpm.faces.cli.client import Client
from openlpm.faces.cli.http import Answer
from openlpm.faces.cli.main import lpm
from openlpm.faces.cli.partition_shutdown import _still
from openlpm.faces.cli.problem import Problem
from openlpm.model.resize import Resize

FAKE = FakeConsole()
_NOT_TEXT = {"id", "uuid", "at", "seq", "phase", "kind", "state", "level", "severity"}


def as_json(value: Any) -> Any:
    return json.loads(TypeAdapter(type(value)).dump_json(value))


VIEW = as_json(MigrationView(FAKE.migrate("web1", "endless").migration))
ANSWERS = {
    "systems": as_json(FAKE.system("server1")),
    "partitions": as_json(FAKE.partition("web1")),
    "activated": as_json(FAKE.activate("paused1", "default")),
    "profiles": as_json(FAKE.profiles("web1")),
    "size": as_json(FAKE.size("web1")),
    "resized": as_json(FAKE.resize("web1", Resize(1024, 2))),
    "migrations": VIEW,
    "events": {
        "seq": 1, "at": 1.0, "level": "info", "system": "s1", "partition": "web1",
        "message": "m", "code": "c", "migration_id": "",
    },
    "targets": as_json(FAKE.validate("web1", "narrow")),
}  # fmt: skip
COMMANDS = [
    (("system", "list"), "systems"),
    (("system", "show", "s1"), "systems"),
    (("partition", "list"), "partitions"),
    (("partition", "show", "web1"), "partitions"),
    (("partition", "activate", "web1"), "activated"),
    (("partition", "set", "web1", "--memory", "1024"), "resized"),
    (("profile", "list", "web1"), "profiles"),
    (("profile", "set", "web1", "default", "--current"), "profiles"),
    (("migration", "list"), "migrations"),
    (("migration", "show", "m1"), "migrations"),
    (("migrate", "web1", "--to", "s2", "--no-wait"), "migrations"),
    (("events",), "events"),
    (("targets", "web1"), "targets"),
    (("validate", "web1", "--to", "s2"), "targets"),
]


@st.composite
def poisoned(draw: st.DrawFn, value: Any) -> Any:
    """The same answer, each of its texts hostile: names, reasons, troubles, findings."""
    if isinstance(value, dict):
        return {
            key: value[key] if key in _NOT_TEXT else draw(poisoned(value[key])) for key in value
        }
    if isinstance(value, list):
        return [draw(poisoned(each)) for each in value]
    return draw(texts(20)) if isinstance(value, str) else value


class FakeClient(Client):
    """Answers what it was given, to whatever is asked."""

    def __init__(self, answer: Any, size: Any) -> None:
        super().__init__("/nowhere")
        self.answer, self.size = answer, size

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        word = path.partition("?")[0].rpartition("/")[2]
        if word == "size":
            return self.size  # what `partition show` asks beside the partition
        many = word in ("systems", "partitions", "migrations", "events", "targets")
        return [self.answer] if many and method == "GET" else self.answer


def run(words: tuple[str, ...], answer: Any, size: Any = ANSWERS["size"]) -> str:
    """All that a command prints, its problem included. Any other exception ends the test."""
    with pytest.MonkeyPatch.context() as patch:
        fake = lambda *_args, **_options: FakeClient(answer, size)  # noqa: E731
        patch.setattr(asking, "Client", fake)
        done = CliRunner().invoke(lpm, list(words), standalone_mode=False)
    if isinstance(done.exception, Problem):
        return done.output + done.exception.text()
    if done.exception:
        raise done.exception
    return done.output


def is_plain(text: str) -> None:
    assert all(c == "\n" or c.isprintable() for c in text), text


@fuzzed(60, data=st.data(), options=st.sampled_from([(), ("--json",)]))
def test_a_profile_that_a_server_tells_does_nothing_to_the_terminal(
    data: st.DataObject, options: tuple[str, ...]
) -> None:
    answer = data.draw(poisoned(ANSWERS["profiles"]))
    for verb in ("show", "export"):
        is_plain(run(("profile", verb, "web1", *options), answer))


@fuzzed(60, data=st.data())
def test_a_size_that_a_server_tells_does_nothing_to_the_terminal(data: st.DataObject) -> None:
    size = data.draw(poisoned(ANSWERS["size"]))
    is_plain(run(("partition", "show", "web1"), ANSWERS["partitions"], size))


@fuzzed(250, data=st.data(), which=st.sampled_from(COMMANDS))
def test_what_servers_say_does_nothing_to_the_terminal(
    data: st.DataObject, which: tuple[tuple[str, ...], str]
) -> None:
    words, kind = which
    answer = data.draw(poisoned(ANSWERS[kind]))
    shown = run(words, answer)
    assert shown
    is_plain(shown)
    printed = run((*words, "--json"), answer)
    is_plain(printed)
    told = json.loads(printed, parse_constant=pytest.fail)
    assert told in (answer, [answer])


@fuzzed(document=st.one_of(JSON, st.fixed_dictionaries({"findings": JSON, "detail": texts()})))
def test_any_problem_can_be_told(document: Any) -> None:
    problem = Problem.from_document(document)
    is_plain(problem.text())
    assert json.loads(problem.document())["detail"] == problem.message


@fuzzed(60, view=poisoned(VIEW), pause=st.one_of(texts(), st.integers()))
def test_a_move_on_a_terminal_takes_no_markup_from_data(view: Any, pause: Any) -> None:
    """The spinner is drawn with escape sequences of rich's own: only the letters are looked at."""
    view["migration"]["policy"]["max_pause_ms"] = pause
    progress = {
        "total_bytes": 2**20, "remaining_bytes": 0, "rate_bytes_s": 1.0, "sent_bytes": 1,
        "iteration": 1, "throttle_percent": 0, "disk_total_bytes": 2**19, "memory_done": 1.0,
        "disks_done": 0.5,
    }  # fmt: skip
    out = io.StringIO()
    Terminal(file=out, width=400, color_system=None).print(show_rich._transfer(view, progress))
    is_plain(out.getvalue())
    if isinstance(pause, str) and pause.startswith("["):
        assert pause.split()[0] in out.getvalue()


# Completion


@fuzzed(rows=st.lists(texts(), max_size=5))
def test_what_tab_completes_is_one_word_for_a_shell(rows: list[str]) -> None:
    kinds = {
        asking.complete_partitions: lambda n: {"name": n, "state": n, "system": n},
        asking.complete_systems: lambda n: {"system": {"name": n}, "link": n},
        asking.complete_migrations: lambda n: {
            "migration": {"id": n, "partition": n, "target": n, "phase": n}
        },
    }
    for complete, row in kinds.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, "get", lambda *_, row=row: [row(name) for name in rows])
            context = click.Context(lpm)
            context.params["socket"] = "/nowhere"
            items = complete(context, lpm.params[0], "")
        for item in items:
            assert shlex.split(item.value) == [item.value]
            assert shlex.quote(item.value) == item.value
            is_plain(item.help or "")
            assert "\n" not in (item.help or "")


def test_a_name_that_bash_would_run_is_not_completed() -> None:
    rows = [{"name": name, "state": "off", "system": "s1"} for name in (*WORDS, "web1")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "get", lambda *_: rows)
        context = click.Context(lpm)
        context.params["socket"] = "/nowhere"
        items = asking.complete_partitions(context, lpm.params[0], "")
    assert [item.value for item in items] == ["web1"]


def test_a_remedy_names_such_a_partition_by_its_uuid() -> None:
    found = {"name": "x;reboot", "uuid": "0f3a", "state": "running", "system": "s1"}
    assert "lpm partition shutdown 0f3a --force" in _still(found).remedy


# Bytes from whoever listens on the socket

HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 30\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"",
)
_LINES = st.lists(
    st.one_of(
        JSON.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
        st.sampled_from((b": alive\n\n", b"event: problem\n", b"\n", b"data: NaN\n\n", b"id: 1\n")),
        st.binary(max_size=20).map(lambda data: b"data: " + data + b"\n\n"),
        st.just(b"data: " + b"[" * 100_000 + b"\n\n"),
    ),
    max_size=6,
).map(b"".join)
BODIES = st.one_of(st.binary(max_size=60), _LINES, JSON.map(lambda v: json.dumps(v).encode()))


def answered(head: bytes, body: bytes, chunked: bool) -> socket.socket:
    """Our end of a connection on which this has been said, and no more will be."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    if chunked:
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"

    def say() -> None:
        with theirs, suppress(OSError):
            theirs.recv(65536)
            theirs.sendall(head + body)

    threading.Thread(target=say, daemon=True).start()
    return ours


@fuzzed(300, head=st.sampled_from(HEADS), body=BODIES, stream=st.booleans())
def test_any_bytes_are_an_answer_or_a_problem(head: bytes, body: bytes, stream: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        chunked = b"chunked" in head
        patch.setattr(client, "connected", lambda *_: answered(head, body, chunked))
        ask = Client("/nowhere")
        if stream:
            messages, problem = outcome(Problem, lambda: list(ask.stream("/v1/events/stream")))
            assert problem or all(isinstance(each.event, str) for each in messages)
        else:
            _, problem = outcome(Problem, ask.get, "/v1/x")
    if problem:
        is_plain(problem.text())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"hello", "no-console"),
        (b"NaN", "no-console"),
        (b"[" * 100_000, "no-console"),
        (b'"\xff"', "no-console"),
    ],
)
def test_an_answer_that_is_no_json_is_a_problem(body: bytes, code: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "connected", lambda *_: answered(head, body, False))
        _, problem = outcome(Problem, Client("/nowhere").get, "/v1/x")
    assert problem.code == code


def test_a_line_that_is_no_text_is_a_problem() -> None:
    body = b"data: \xff\n\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "connected", lambda *_: answered(HEADS[1], body, True))
        _, problem = outcome(Problem, lambda: list(Client("/nowhere").stream("/v1/x")))
    assert problem.code == "console-lost"


@pytest.mark.parametrize("document", [[], 5, None, {"findings": 5}, {"findings": [{}, 1]}])
def test_a_problem_of_another_shape_can_be_told(document: Any) -> None:
    assert Problem.from_document(document).text() == "The console did not say why."


@pytest.mark.parametrize("endless", ["head", "line"])
def test_an_answer_without_an_end_is_given_up(
    endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openlpm.faces.cli.http._MOST_BYTES", 2**20)
    head = b"HTTP/1.1 200 OK\r\nX: " if endless == "head" else HEADS[0].replace(b"9", b"9" * 9)
    with Answer(answered(head, b"x" * 2**22, False)) as answer:
        _, error = outcome(OSError, lambda: (answer.begin("GET", "/", b""), list(answer.lines())))
    assert "no end" in str(error)
