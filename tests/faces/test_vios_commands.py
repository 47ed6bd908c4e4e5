"""`lpm vios`, `lpm storage`, `lpm network`, and the requests behind them."""

import json
import re
from collections.abc import Callable

import pytest
from children import Daemon, Done
from click.shell_completion import ShellComplete
from fake_console import FakeConsole
from fastapi.testclient import TestClient

from openlpm.faces.cli.main import lpm as command
from openlpm.faces.rest.app import build_app

Lpm = Callable[..., Done]


def typed(lpm: Lpm, line: str) -> Done:
    """The command as somebody types it."""
    return lpm(*line.split())


def has(text: str, *cells: str) -> bool:
    """A line with these cells, whatever the blanks between."""
    return bool(re.search("^" + " +".join(map(re.escape, cells)) + "$", text, re.MULTILINE))


def test_pools_are_listed_with_those_that_are_the_same(lpm: Lpm) -> None:
    listed = lpm("storage", "pools")
    images = ("server1", "images", "netfs", "active", "6144 MiB", "8192 MiB", "server2 nfs")
    assert has(listed.out, *images)
    assert has(listed.out, "server1", "local", "dir", "inactive", "?", "?", "(local)")
    assert listed.err == "warning: narrow was not seen: No route to host.\n"
    assert lpm("storage", "pools", "server2").out.count("\n") == 1
    found = lpm("storage", "pools", "--json").json
    assert found["pools"][0]["same_as"] == [{"system": "server2", "pool": "nfs"}]


def test_volumes_are_made_listed_enlarged_and_removed(lpm: Lpm) -> None:
    made = typed(lpm, "storage create images db1 --size 2GiB")
    assert made.out == "db1 has 2048 MiB: /mnt/images/db1\n"
    listed = typed(lpm, "storage volumes images").out
    uses = "perhaps web1 on server1 (sda, below)"
    assert has(listed, "web1", "1024 MiB", "0 KiB", "raw", f"web1 on server2 (sda), {uses}")
    assert has(listed, "free", "1024 MiB", "0 KiB", "raw", "-")
    assert typed(lpm, "storage grow images db1 --size 4G").out == "db1 has 4096 MiB.\n"
    grown = typed(lpm, "storage grow images db1 --size 5G --json").json
    assert grown["volume"]["capacity_bytes"] == 5 << 30
    assert typed(lpm, "storage delete images db1").out == "db1 is deleted.\n"
    typed(lpm, "storage create images db1 --size 64 --format qcow2 --on server1")
    assert typed(lpm, "storage delete images db1 --json").json == {"deleted": "db1"}


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("storage volumes local", 6, "ambiguous-pool"),
        ("storage volumes nosuch", 2, "no-such-pool"),
        ("storage volumes a/b", 2, "bad-name"),
        ("storage create images x", 2, "usage"),
        ("storage create images x --size 10GB", 2, "usage"),
        ("storage create images x --size 1G --format vmdk", 2, "usage"),
        ("storage grow images nosuch --size 1G", 2, "no-such-volume"),
        ("storage delete images web1", 6, "volume-in-use"),
        ("vios show server9", 2, "no-such-system"),
        ("vios set server1 --concurrent 0", 2, "usage"),
    ],
)
def test_what_cannot_be_is_refused(lpm: Lpm, line: str, code: int, told: str) -> None:
    done = typed(lpm, f"{line} --json")
    assert (done.code, done.out) == (code, "")
    assert json.loads(done.err)["code"] == told


def test_switches_are_listed(lpm: Lpm) -> None:
    listed = lpm("network", "list").out
    also = "server2, narrow (it is inactive there)"
    assert has(listed, "server1", "guest", "network", "active", "1500", "dmz=7+8", "web1", also)
    assert "br\\u001b[31m0" in listed
    assert lpm("network", "list", "server1", "--json").json["switches"][0]["adapters"]


def test_a_virtual_io_server_is_shown(lpm: Lpm) -> None:
    shown = lpm("vios", "show", "server1")
    assert has(shown.out, "Moves at once", "2, 1 under way")
    assert has(shown.out, "Bandwidth", "500 MiB/s")
    assert has(shown.out, "web1", "scsi sda", "/mnt/images/web1", "images/web1", "yes")
    assert has(shown.out, "web1", "scsi sdb", "nbd://h/x", "-", "yes")
    assert has(shown.out, "web1", "52:54:00:00:00:01", "network guest, dmz", "-", "-")
    assert "It has a document type declaration." in shown.out
    assert has(shown.out, "images", "netfs", "active", "6144 MiB", "8192 MiB", "server2 nfs")
    assert has(shown.out, "guest", "network", "1500", "1")
    assert "narrow" in shown.err
    assert lpm("vios", "show", "server1", "--json").json["moves"] == 1


def test_a_mover_is_changed(lpm: Lpm) -> None:
    done = typed(
        lpm, "vios set server1 --mover-address 10.0.0.9 --mover-bandwidth 7 --concurrent 3"
    )
    assert has(done.out, "Mover's address", "10.0.0.9")
    assert has(done.out, "Moves at once", "3")
    done = lpm("vios", "set", "server1", "--mover-address", "", "--json")
    assert done.json["system"]["mover"]["address"] == ""


def test_names_are_completed(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPM_SOCKET", str(daemon.socket))
    shell = ShellComplete(command, {}, "lpm", "_LPM_COMPLETE")

    def completed(*words: str, at: str = "") -> set[str]:
        return {item.value for item in shell.get_completions(list(words), at)}

    assert completed("storage", "volumes") == {"images", "local"}
    assert completed("storage", "delete", "images") == {"web1", "free"}
    assert completed("storage", "grow", "images", at="w") == {"web1"}
    assert completed("storage", "grow", "--size") == set()
    assert "server2" in completed("storage", "volumes", "images", "--on")
    assert "server1" in completed("vios", "show")


def test_the_requests(daemon: Daemon) -> None:
    console = FakeConsole()
    rest = TestClient(build_app(console), raise_server_exceptions=False)  # type: ignore[arg-type]
    made = rest.post("/v1/storage/pools/images/volumes", json={"name": "db 1", "size_mib": 5})
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/storage/pools/images/volumes/db%201"
    assert rest.get("/v1/storage/pools/local/volumes").status_code == 409
    assert rest.get("/v1/storage/pools/local/volumes?system=server1").status_code == 200
    path = "/v1/storage/pools/images/volumes/free"
    assert rest.patch(path, json={"size_mib": "9"}).status_code == 400
    assert rest.patch(path, json={"size_mib": 9}).json()["volume"]["capacity_bytes"] == 9 << 20
    assert rest.delete(path).status_code == 204
    assert rest.delete(path).status_code == 404
    assert rest.get("/v1/networks?system=server2").json()["switches"] == []
    assert rest.get("/v1/systems/server1/vios").json()["mover"]["concurrent"] == 2
    assert rest.patch("/v1/systems/server1/vios", json={"concurrent": 2}).status_code == 200
    assert console.given["vios"] == {
        "mover_address": None,
        "mover_bandwidth_mib_s": None,
        "concurrent": 2,
    }
