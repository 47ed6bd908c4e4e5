"""A full disk: the write is refused by name, nothing is half-written, and space heals it.

Tried on a real, tiny file system in a mount namespace of its own; and, for machines where that
is impossible, with SQLite's limit on the size of a database, which ends in the same error.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from sqlite3 import Connection as SqliteConnection

import pytest
from full_disk import write_until_refused
from sqlalchemy import event

from openlpm.adapters.store import open_store
from openlpm.model.event import Event

IN_TINY_DISK = 'mount -t tmpfs -o size=768k none "$1" && exec "$2" "$3" "$1"'


def test_a_full_file_system(tmp_path: Path):
    own_namespace = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    if subprocess.run([*own_namespace, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here: only SQLite's own limit was tried")
    script = Path(__file__).with_name("full_disk.py")
    command = ["sh", "-c", IN_TINY_DISK, "sh", str(tmp_path), sys.executable, str(script)]
    done = subprocess.run([*own_namespace, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["code"] == told["again"] == told["opening"] == "store-full"
    accepted = told["accepted"]
    assert told["after"] == [accepted] * 3  # a migration, a reservation and an event each
    assert told["recovered"] == accepted + 1
    assert told["reopened"] == [accepted, accepted, accepted + 1]


def test_a_database_at_its_limit(path: Path):
    with open_store(path) as store:
        engine = store._transactions._engine
        engine.dispose()

        def limit(connection: SqliteConnection, _: object) -> None:
            connection.execute("PRAGMA max_page_count = 30")

        event.listen(engine, "connect", limit)
        error, accepted = write_until_refused(store)
        assert error.code == "store-full"
        assert len(store.journal.unfinished()) == len(store.journal.reservations()) == accepted
        event.remove(engine, "connect", limit)
        engine.dispose()
        store.journal.tell(Event("fine", ""))
