"""The REST face: what goes in, what comes out, and how it says no."""

import json
from typing import Any

import pytest
from fake_console import FakeConsole
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.console_stream import ENDED
from openlpm.faces.rest.limit import LIMIT_BYTES
from openlpm.faces.rest.problems import KINDS, MEDIA_TYPE
from openlpm.faces.rest.streams import Streams
from openlpm.model import errors
from openlpm.model.partition import DiskSpec, EthernetSpec, PartitionSpec
from openlpm.model.policy import Policy
from openlpm.model.system import Mover, System

NEW = {"name": "db", "system": "server1", "memory_mib": 512}


@pytest.fixture
def console() -> FakeConsole:
    return FakeConsole()


@pytest.fixture
def rest(console: FakeConsole) -> TestClient:
    app = build_app(console)  # type: ignore[arg-type]
    return TestClient(app, raise_server_exceptions=False)


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check the form that every problem has, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    document = response.json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["type"] == f"urn:openlpm:problem:{code}"
    assert document["title"]
    assert document["detail"]
    return document


def data_of(text: str) -> list[Any]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_systems_are_listed_without_their_large_parts(rest: TestClient) -> None:
    listed = rest.get("/v1/systems").json()
    assert [view["system"]["name"] for view in listed][:2] == ["server1", "server2"]
    assert listed[0]["link"] == "connected"
    assert listed[0]["free"] == {"processing_units": 4.0, "memory_mib": 4096}
    assert not {"cpu_xml", "machines", "lockspace"} & listed[0]["facts"].keys()


def test_one_system_is_shown_whole(rest: TestClient) -> None:
    facts = rest.get("/v1/systems/server1").json()["facts"]
    assert facts["cpu_xml"] == "<cpu/>"
    assert facts["machines"] == ["q35"]


def test_a_system_is_added_as_it_was_described(rest: TestClient, console: FakeConsole) -> None:
    body = {
        "name": "s9",
        "uri": "qemu+tls://s9/system",
        "mover": {"address": "10.0.0.9", "concurrent": 2},
        "processors": 2,
    }
    added = rest.post("/v1/systems", json=body)
    assert added.status_code == 201
    assert added.headers["location"] == "/v1/systems/s9"
    assert console.given["system"] == System(
        "s9", body["uri"], body["uri"], mover=Mover("10.0.0.9", 0, 2), processors=2.0
    )


def test_a_system_is_removed(rest: TestClient) -> None:
    assert rest.delete("/v1/systems/server2").status_code == 204
    problem(rest.get("/v1/systems/server2"), 404, "no-such-system")


def test_a_baseline_is_that_of_each_system_named(rest: TestClient) -> None:
    found = rest.get("/v1/baseline", params={"system": ["server1", "server2"]}).json()
    assert found["systems"] == ["server1", "server2"]
    assert found["cpu"]["model"] == "Nehalem"
    assert [each["fit"] for each in found["partitions"]] == ["fits", "restart", "other"]
    problem(rest.get("/v1/baseline?system=server1&system=s9"), 404, "no-such-system")
    problem(rest.get("/v1/baseline?system=server1&system=narrow"), 409, "no-common-baseline")


def test_a_partition_is_created_as_it_was_described(rest: TestClient, console: FakeConsole) -> None:
    body = NEW | {
        "disks": [{"url": "nbd://h:1/x"}],
        "ethernets": [{"switch": "br0", "mac": "52:54:00:00:00:01"}],
        "policy": {"max_pause_ms": 50},
    }
    made = rest.post("/v1/partitions", json=body)
    assert made.status_code == 201
    assert made.headers["location"] == f"/v1/partitions/{made.json()['uuid']}"
    assert console.given["spec"] == PartitionSpec(
        "db",
        "server1",
        512,
        disks=(DiskSpec("nbd://h:1/x"),),
        ethernets=(EthernetSpec("br0", "52:54:00:00:00:01"),),
        policy=Policy(max_pause_ms=50),
    )


def test_a_partition_goes_through_its_states(rest: TestClient, console: FakeConsole) -> None:
    states = [
        rest.post(f"/v1/partitions/web1/{verb}").json()["state"] for verb in ("pause", "resume")
    ]
    assert states == ["paused", "running"]
    off = rest.post("/v1/partitions/web1/shutdown", json={"force": True})
    assert off.json()["state"] == "off"
    assert console.given["force"] is True
    assert rest.post("/v1/partitions/web1/activate").json()["state"] == "running"
    assert rest.post("/v1/partitions/web1/adopt").json()["mark"]["partition_id"] == 1
    assert rest.post("/v1/partitions/web1/release").json()["mark"] is None
    problem(rest.delete("/v1/partitions/web1"), 502, "domain-active")
    rest.post("/v1/partitions/web1/shutdown", json={"force": True})
    assert rest.delete("/v1/partitions/web1").status_code == 204


def test_partitions_are_listed_by_system(rest: TestClient) -> None:
    assert len(rest.get("/v1/partitions").json()) == 3
    assert rest.get("/v1/partitions", params={"system": "server2"}).json() == []


def test_a_validation_with_errors_is_an_answer_and_no_problem(rest: TestClient) -> None:
    examined = rest.post("/v1/partitions/web1/validate", json={"to": "narrow"}).json()
    assert [f["code"] for f in examined["validation"]["findings"]] == [
        "rmc-inactive",
        "memory-short",
    ]
    assert examined["estimate"] is None
    targets = rest.get("/v1/partitions/web1/targets").json()
    assert targets[0]["validation"]["target"] == "server2"
    assert targets[0]["estimate"]["pause_ms"] == 40.0


def test_a_move_is_accepted_and_then_watched_to_its_end(
    rest: TestClient, console: FakeConsole
) -> None:
    accepted = rest.post("/v1/partitions/web1/migrate", json={"to": "server2", "max_pause_ms": 100})
    assert accepted.status_code == 202
    assert console.given["limits"] == {
        "max_pause_ms": 100,
        "throttle": None,
        "bandwidth_mib_s": None,
        "postcopy": None,
        "pool": "",
        "keep_disks": False,
    }
    watched = rest.get(accepted.headers["location"] + "/watch")
    assert watched.headers["content-type"].startswith("text/event-stream")
    views = data_of(watched.text)
    assert views[-1]["migration"]["phase"] == "done"
    assert views[-1]["migration"]["figures"]["pause_ms"] == 42
    assert any(view["progress"] for view in views)
    assert len(views) == len({json.dumps(view) for view in views})
    assert rest.post("/v1/partitions/web1/return").json()["migration"]["is_return"] is True
    assert [v["migration"]["id"] for v in rest.get("/v1/migrations?limit=1").json()] == ["m2"]


def test_a_refused_move_carries_its_findings(rest: TestClient) -> None:
    refused = rest.post("/v1/partitions/web1/migrate", json={"to": "narrow"})
    document = problem(refused, 422, "refused")
    assert [f["severity"] for f in document["findings"]] == ["warning", "error"]


def test_a_move_is_stopped_and_recovered(rest: TestClient) -> None:
    move = rest.post("/v1/partitions/web1/migrate", json={"to": "endless"}).headers["location"]
    recovery = rest.post(f"{move}/recover").json()
    assert recovery["seen"]["source"]["state"] == "running"
    assert recovery["explanation"]
    problem(rest.post(f"{move}/recover", json={"force": True}), 409, "both-in-sight")
    assert rest.post(f"{move}/stop").json()["migration"]["phase"] == "stopped"
    problem(rest.post(f"{move}/stop"), 409, "too-late")


def test_watching_an_unknown_move_is_a_problem_and_no_stream(rest: TestClient) -> None:
    problem(rest.get("/v1/migrations/m7/watch"), 404, "no-such-migration")


def test_a_stream_that_cannot_go_on_says_why(rest: TestClient, console: FakeConsole) -> None:
    def fails(*_: object) -> None:
        raise errors.StoreFailed("store-full", "The disk is full.")

    console.wait_events = fails  # type: ignore[method-assign, assignment]
    text = rest.get("/v1/events/stream?after=0").text
    assert "event: problem" in text
    assert data_of(text)[0]["code"] == "store-full"


def test_events_are_listed_from_either_end(rest: TestClient, console: FakeConsole) -> None:
    for number in range(5):
        console.tell(f"event {number}")
    assert [e["seq"] for e in rest.get("/v1/events?after=3").json()] == [4, 5]
    assert [e["seq"] for e in rest.get("/v1/events?last=2").json()] == [4, 5]
    assert [e["seq"] for e in rest.get("/v1/events?limit=1").json()] == [1]
    assert rest.get("/v1/events?last=0").json() == []


def test_each_kind_of_error_has_its_status() -> None:
    def kinds(error: type[errors.OpenLpmError]) -> set[str]:
        return {error.kind}.union(*(kinds(each) for each in error.__subclasses__()))

    assert kinds(errors.OpenLpmError) - KINDS.keys() == set()


@pytest.mark.parametrize(
    ("body", "spot"),
    [
        (NEW | {"color": "red"}, "body.color"),
        (NEW | {"memory_mib": "512"}, "body.memory_mib"),
        ({"name": "db"}, "body.memory_mib"),
        (NEW | {"policy": {"max_pause": 3}}, "body.policy.max_pause"),
        ([], "body"),
    ],
)
def test_a_malformed_body_is_a_problem_that_names_the_spot(
    rest: TestClient, body: Any, spot: str
) -> None:
    document = problem(rest.post("/v1/partitions", json=body), 400, "bad-body")
    assert spot in document["cause"]


def test_what_is_no_json_is_a_problem(rest: TestClient) -> None:
    problem(rest.post("/v1/partitions", content=b"{"), 400, "bad-body")
    problem(rest.get("/v1/migrations?limit=0"), 400, "bad-parameter")


def test_unknown_paths_and_methods_are_problems(rest: TestClient) -> None:
    problem(rest.get("/v1/lpars"), 404, "no-such-path")
    refused = rest.put("/v1/systems")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"]


def test_errors_of_every_layer_are_problems(rest: TestClient) -> None:
    nowhere = {"name": "s3", "uri": "qemu+ssh://nowhere/system"}
    assert problem(rest.post("/v1/systems", json=nowhere), 503, "no-answer")["remedy"] == "Wait."
    problem(rest.post("/v1/partitions", json=NEW | {"name": "full"}), 507, "store-full")
    unforeseen = rest.post("/v1/partitions", json=NEW | {"name": "bug"})
    assert "RuntimeError" in problem(unforeseen, 500, "internal-error")["cause"]


def test_a_body_beyond_the_limit_is_not_read(rest: TestClient) -> None:
    problem(rest.post("/v1/partitions", content=b" " * (LIMIT_BYTES + 1)), 413, "body-too-large")
    chunks = (b" " * 100_000 for _ in range(11))  # no length announced
    problem(rest.post("/v1/partitions", content=chunks), 413, "body-too-large")


def test_openapi_describes_what_is_sent(rest: TestClient) -> None:
    schema = rest.get("/openapi.json").json()
    watch = schema["paths"]["/v1/migrations/{migration}/watch"]["get"]["responses"]["200"]
    assert "MigrationView" in json.dumps(watch)
    for path in schema["paths"].values():
        for operation in path.values():
            assert list(operation["responses"]["default"]["content"]) == [MEDIA_TYPE]
            assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert rest.get("/docs").status_code == 404


def test_a_serial_console_carries_bytes_both_ways(rest: TestClient, console: FakeConsole) -> None:
    with rest.websocket_connect("/v1/partitions/web1/console") as socket:
        assert socket.receive_bytes() == b"login: "
        socket.send_bytes(b"root\xff\x00")
        assert socket.receive_bytes() == b"root\xff\x00"
        console.streams[0].end()
        with pytest.raises(WebSocketDisconnect) as end:
            socket.receive_bytes()
    assert end.value.code == ENDED
    assert console.streams[0].closed


def test_a_serial_console_is_closed_when_its_client_leaves(
    rest: TestClient, console: FakeConsole
) -> None:
    with rest.websocket_connect("/v1/partitions/web1/console"):
        pass
    assert console.streams[0].closed


def test_a_serial_console_is_refused_with_a_problem(rest: TestClient) -> None:
    for partition, status, code in (
        ("web9", 404, "no-such-partition"),
        ("paused1", 409, "not-running"),
    ):
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            rest.websocket_connect(f"/v1/partitions/{partition}/console"),
        ):
            pass
        problem(denied.value, status, code)


def test_streams_have_a_limit(console: FakeConsole) -> None:
    app = build_app(console, Streams(places=0))  # type: ignore[arg-type]
    problem(TestClient(app).get("/v1/events/stream"), 409, "too-many-streams")
