"""`lpm backup`, `lpm restore` and what the daemon says of a damaged database, end to end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from children import LPM, Done
from fake_console import FakeConsole
from fastapi.testclient import TestClient

from openlpm.adapters.store import open_store
from openlpm.faces.rest.app import build_app
from openlpm.model.system import System

Lpm = Callable[..., Done]
SERVER = System("server1", "qemu+ssh://server1/system", "qemu+ssh://server1/system")


def test_a_backup_is_told_with_what_is_in_it(lpm: Lpm) -> None:
    here = os.getcwd()
    done = lpm("backup", "monday")
    assert done.out.startswith(f"{here}/monday: 64 KiB, 5 systems, 0 moves, ")
    asked = lpm("backup", "/srv/b", "--json").json
    assert (asked["file"], asked["size_bytes"], asked["systems"]) == ("/srv/b", 65536, 5)


def test_an_existing_backup_is_replaced_by_force_only(lpm: Lpm) -> None:
    refused = lpm("backup", "/srv/taken", "--json")
    assert refused.code == 6
    assert json.loads(refused.err)["code"] == "backup-exists"
    assert lpm("backup", "/srv/taken", "--force").code == 0


def test_a_restore_tells_what_it_changed(lpm: Lpm) -> None:
    text = lpm("restore", "/srv/b").out
    assert text.splitlines() == [
        "Restored         /srv/b",
        "Systems added    server9",
        "Systems removed  server2",
        "Moves added      3",
        "Unfinished then  m7",
        "Events added     4",
        "State before     /kept",
    ]
    assert lpm("restore", "/srv/b", "--json").json["unfinished"] == ["m7"]
    assert lpm("restore", "/srv/busy").code == 6


def test_rest_takes_absolute_words_only() -> None:
    rest = TestClient(build_app(FakeConsole()))  # type: ignore[arg-type]
    assert rest.post("/v1/backup", json={"file": "/b"}).status_code == 201
    assert rest.post("/v1/restore", json={"file": "/b"}).status_code == 200
    assert rest.post("/v1/restore", json={"file": "/busy"}).status_code == 409
    for body in ({}, {"file": 1}, {"file": "/b", "forced": True}):
        assert rest.post("/v1/backup", json=body).json()["code"] == "bad-body"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """With one system, and a backup `b` beside it."""
    path = tmp_path / "state" / "db"
    path.parent.mkdir()
    with open_store(path) as store:
        store.inventory.add(SERVER)
        store.archive.save(str(tmp_path / "b"))
    return path


def lpm_alone(*words: object) -> Done:
    done = subprocess.run([LPM, *map(str, words)], capture_output=True, text=True, timeout=60)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_damaged_database_is_refused_with_the_way_out_and_that_works(
    database: Path, tmp_path: Path
) -> None:
    os.truncate(database, 20_000)
    refused = lpm_alone("serve", "--socket", tmp_path / "s", "--database", database)
    assert refused.code == 7
    assert refused.err.startswith("lpmd: The console's state in ")
    remedy = f"lpm restore BACKUP --database {database}"
    assert remedy in refused.err
    assert "Traceback" not in refused.err
    assert database.stat().st_size == 20_000
    command = remedy.replace("BACKUP", str(tmp_path / "b")).split()[1:]
    done = lpm_alone(*command, "--json")
    assert (done.code, done.json["systems_added"]) == (0, ["server1"])
    assert Path(done.json["kept"]).stat().st_size == 20_000
    with open_store(database) as store:
        assert store.inventory.systems() == [SERVER]


def test_without_a_console_problems_have_their_exit_codes(database: Path, tmp_path: Path) -> None:
    with open_store(database):
        taken = lpm_alone("restore", tmp_path / "b", "--database", database, "--json")
    assert (taken.code, json.loads(taken.err)["code"]) == (7, "store-in-use")
    missing = lpm_alone("restore", tmp_path / "no", "--database", database)
    assert missing.code == 2
    assert missing.err == f"There is no file {tmp_path}/no.\n"


def test_a_path_that_looks_like_an_option_is_a_path(database: Path, tmp_path: Path) -> None:
    done = lpm_alone("restore", tmp_path / "b", "--database", f"{tmp_path}/-x/-db")
    assert done.code == 0, done.err
    assert (tmp_path / "-x" / "-db").stat().st_mode & 0o077 == 0


def test_a_broken_installation_is_told(tmp_path: Path) -> None:
    """The daemon's program cannot even be imported."""
    script = (
        "import sys; from openlpm.faces.cli.main import main; sys.executable = '/bin/false'; "
        f"sys.argv = ['lpm', 'restore', '/b', '--database', '{tmp_path}/db']; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "The daemon's program failed." in done.stderr
