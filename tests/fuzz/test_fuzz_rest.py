"""REST: whatever is asked, the answer is a documented one, and a refused request changes nothing.

The real application with the real console behind it; only the servers are fakes.
"""

import json
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from bounds import fuzzed, outcome
from fastapi.testclient import TestClient
from hostile import JSON, NUMBERS, texts
from hypothesis import strategies as st
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from engine.conftest import Stand
from faces.children import Daemon, start_daemon
from faces.fake_console import FakeConsole
from fakes.world import World
from openlpm.engine.console import Console
from openlpm.faces.cli.client import Client
from openlpm.faces.rest import console_stream
from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.console_stream import ENDED, NO_BYTES
from openlpm.faces.rest.problems import KINDS, MEDIA_TYPE
from openlpm.model.sight import Sight

ROUTES = [
    (method.upper(), path)
    for path, methods in build_app(None).openapi()["paths"].items()  # type: ignore[arg-type]
    for method in methods
]
ENDLESS = ("/stream", "/watch")
GOOD = {200, 201, 202, 204}
REFUSALS = {status for status, _ in KINDS.values()} - {500} | {405, 413}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    stand = Stand(World(servers=2), tmp_path_factory.mktemp("fuzz"))
    stand.world.add_partition("web1", on="s1", memory_mib=64, state=Sight.OFF)
    console = stand.start()
    console.add_system(stand.world.server("s1").system)
    yield console
    stand.close()


@pytest.fixture(scope="module")
def rest(console: Console) -> TestClient:
    return TestClient(build_app(console), raise_server_exceptions=False)


def state_of(console: Console) -> Any:
    systems = [(view.system, view.link) for view in console.systems()]
    partitions = [(p.name, p.uuid, p.state, p.mark) for p in console.partitions()]
    return systems, partitions, console.migrations()


def is_documented(response: Any) -> None:
    """A success with JSON, or a problem that says what to do."""
    assert response.status_code in GOOD | REFUSALS, response.text[:2000]
    if response.status_code in GOOD:
        if response.content:
            json.loads(response.content, parse_constant=pytest.fail)
        return
    assert response.headers["content-type"] == MEDIA_TYPE
    problem = json.loads(response.content, parse_constant=pytest.fail)
    assert problem["status"] == response.status_code
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem["code"])
    assert problem["detail"]
    assert problem["title"]


VALID = {
    "systems": {
        "name": "s9", "uri": "qemu+tls://s9/system", "chassis": "c",
        "mover": {"address": "10.0.0.1", "bandwidth_mib_s": 1, "concurrent": 2},
        "processors": 2.0, "memory_mib": 512,
    },
    "partitions": {
        "name": "db", "system": "s1", "memory_mib": 512, "processors": 1,
        "processing_units": 0.5, "disks": [{"url": "nbd://h/x", "bus": "scsi"}],
        "ethernets": [{"switch": "br0", "mac": "52:54:00:00:00:01"}], "cpu_model": "",
        "machine": "", "policy": {"max_pause_ms": 1, "throttle": True, "bandwidth_mib_s": 0},
    },
    "validate": {"to": "s1"},
    "migrate": {"to": "s1", "max_pause_ms": 1, "throttle": False, "bandwidth_mib_s": 1},
    "shutdown": {"force": True},
    "activate": {"profile": "default"},
    "volumes": {"name": "v1", "size_mib": 5, "format": "qcow2"},
    "{volume}": {"size_mib": 9},
    "vios": {"mover_address": "10.0.0.1", "mover_bandwidth_mib_s": 5, "concurrent": 1},
    "profiles": {
        "current": "default", "profiles": [{
            "name": "default", "memory": {"minimum": 16, "desired": 32, "maximum": 64},
            "processors": {"minimum": 1, "desired": 1, "maximum": 2},
            "processing_units": {"minimum": 0.05, "desired": 0.5, "maximum": 1.0},
            "sharing": "capped", "weight": 1, "boot": ["disk"],
            "adapters": [{"disk": "nbd://h/x", "required": False}],
        }],
    },
    "{profile}": {"change": {"memory": {"desired": 64}, "weight": 5}, "current": False},
}  # fmt: skip
ODD = st.one_of(NUMBERS, texts(), st.none(), st.booleans(), JSON)


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """A good body with some of its values changed; or any JSON; or any bytes."""
    match draw(st.integers(0, 5)):
        case 0:
            return json.dumps(draw(JSON)).encode()
        case 1:
            return draw(st.binary(max_size=50))
        case 2:
            return draw(texts()).encode(errors="surrogatepass")
    body = json.loads(json.dumps(VALID.get(path.rpartition("/")[2], {"to": "s1"})))
    for _ in range(draw(st.integers(1, 3))):
        inner: Any = body
        while isinstance(inner, dict | list) and inner:
            keys = list(inner) if isinstance(inner, dict) else range(len(inner))
            key = draw(st.sampled_from([*keys, "odd"] if isinstance(inner, dict) else keys))
            if key == "odd":
                inner[draw(texts(10))] = draw(ODD)
                break
            if not isinstance(inner[key], dict | list) or draw(st.booleans()):
                inner[key] = draw(ODD)
                break
            inner = inner[key]
    return json.dumps(body).encode()


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, str]]:
    method, path = draw(st.sampled_from(ROUTES))
    word = st.one_of(texts(), st.sampled_from(("web1", "s1", "local", "nobody")))
    filled = re.sub(r"\{\w+\}", lambda _: quote(draw(word), safe="", errors="surrogatepass"), path)
    if path.endswith(ENDLESS):
        filled += "?after=" + draw(st.sampled_from(("-1", "x", "9" * 30, "", "1e3")))
        method = draw(st.sampled_from(("POST", "DELETE"))) if filled.endswith("=") else method
    elif draw(st.booleans()):
        name = draw(st.sampled_from(("after", "last", "limit", "partition", "system", "odd")))
        value = draw(st.one_of(texts(), NUMBERS.map(str)))
        filled += f"?{name}={quote(value, errors='surrogatepass')}"
    types = ("application/json", "application/json; charset=utf-16", "text/plain", "x" * 300, "")
    return method, filled, draw(bodies(path)), {"content-type": draw(st.sampled_from(types))}


@fuzzed(400, request=requests())
def test_any_request_has_a_documented_answer(
    rest: TestClient, console: Console, request: tuple[str, str, bytes, dict[str, str]]
) -> None:
    method, path, body, headers = request
    before = state_of(console)
    response = rest.request(method, path, content=body, headers=headers)
    is_documented(response)
    if response.status_code not in GOOD:
        assert state_of(console) == before


@fuzzed(
    100,
    method=st.sampled_from(("GET", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW")),
    path=texts().map(lambda text: "/" + quote(text, errors="surrogatepass")),
)
def test_any_other_path_and_method(rest: TestClient, method: str, path: str) -> None:
    for prefix in ("", "/v1", "/v1/partitions/web1"):
        response = rest.request(method, prefix + path)
        assert response.status_code < 500
        if method not in ("HEAD", "OPTIONS"):
            is_documented(response)


# The serial console


@pytest.fixture(scope="module", autouse=True)
def looks_often() -> Iterator[None]:
    """At what its client wants: hundreds of consoles are opened here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console_stream, "READ_S", 0.01)
        yield


@fuzzed(
    15,
    frames=st.lists(st.one_of(st.binary(max_size=100), texts(20)), max_size=5),
)
def test_any_frame_on_a_serial_console(frames: list[bytes | str]) -> None:
    """Bytes are the partition's; text is refused with a code, and everything is let go of."""
    fake = FakeConsole()
    client = TestClient(build_app(fake))  # type: ignore[arg-type]
    typed, refused = b"", False
    with client.websocket_connect("/v1/partitions/web1/console") as line:
        for frame in frames:
            if isinstance(frame, str):
                line.send({"type": "websocket.receive", "text": frame})
                refused = True
                break
            line.send_bytes(frame)
            typed += frame
        if not refused:
            line.send_bytes(b"\x04")  # at which the fake ends its side
        closed = None
        while closed is None:
            _, closed = outcome(WebSocketDisconnect, line.receive_bytes)
    if b"\x04" not in typed:
        assert closed.code == (NO_BYTES if refused else ENDED)
    assert fake.streams[0].closed


@fuzzed(60, name=texts())
def test_any_name_of_a_serial_console(rest: TestClient, name: str) -> None:
    path = f"/v1/partitions/{quote(name, safe='', errors='surrogatepass')}/console"
    refusals = (WebSocketDenialResponse, WebSocketDisconnect)  # the second: where no route leads
    with pytest.raises(refusals) as refused, rest.websocket_connect(path):
        pass
    assert getattr(refused.value, "status_code", 404) in (404, 400)


# Bytes at the socket


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="lpm") as folder:
        started = start_daemon(Path(folder) / "s")
        yield started
        started.process.terminate()
        assert started.process.wait(10) == 0


HEADS = (
    b"GET /v1/systems HTTP/1.1\r\nHost: x\r\n",
    b"POST /v1/systems HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    b"POST /v1/systems HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /v1/partitions/web1/console HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    b"GET /v1/partitions/\xff\x00 HTTP/1.1\r\n",
    b"",
)


@fuzzed(80, head=st.sampled_from(HEADS), rest_of_it=st.binary(max_size=200), long=st.booleans())
def test_any_bytes_at_the_socket(
    daemon: Daemon, head: bytes, rest_of_it: bytes, long: bool
) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(10)
        raw.connect(str(daemon.socket))
        # It may hang up on us in the middle.
        with suppress(BrokenPipeError, ConnectionResetError):
            raw.sendall(head + rest_of_it + b"A" * (100_000 if long else 0))
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(65536)
            assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert len(Client(str(daemon.socket)).get("/v1/partitions")) == 3


# What the fuzzing found


@pytest.mark.parametrize(
    "path",
    ["/v1/events?after=" + "9" * 30, "/v1/events?last=" + "9" * 30,
     "/v1/events/stream?after=" + "9" * 30],
)  # fmt: skip
def test_a_number_that_the_store_cannot_hold_is_malformed(rest: TestClient, path: str) -> None:
    assert rest.get(path).status_code == HTTPStatus.BAD_REQUEST


def test_an_event_id_that_the_store_cannot_hold_is_malformed(rest: TestClient) -> None:
    response = rest.get("/v1/events/stream", headers={"Last-Event-ID": "9" * 30})
    assert response.status_code == HTTPStatus.BAD_REQUEST


def test_a_request_with_thousands_of_faults_has_a_short_answer(rest: TestClient) -> None:
    body = {f"{number}{'x' * 500}": 1 for number in range(1000)}
    response = rest.post("/v1/systems", json=body)
    is_documented(response)
    assert response.json()["code"] == "bad-body"
    assert len(response.content) < 10_000


def test_a_length_of_thousands_of_digits_is_too_large(rest: TestClient) -> None:
    response = rest.post("/v1/systems", content=b"{}", headers={"content-length": "9" * 5000})
    assert response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_number_of_hundreds_of_digits_is_out_of_range(rest: TestClient) -> None:
    body = {"name": "db", "system": "s1", "memory_mib": 10**400}
    response = rest.post("/v1/partitions", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "out-of-range")


@pytest.mark.parametrize("bandwidth", [-1, 10**7])
def test_a_policy_that_its_mark_could_not_hold_is_refused(rest: TestClient, bandwidth: int) -> None:
    body = {"name": "db", "system": "s1", "memory_mib": 64}
    response = rest.post("/v1/partitions", json=body | {"policy": {"bandwidth_mib_s": bandwidth}})
    assert (response.status_code, response.json()["code"]) == (400, "out-of-range")
