"""A commit that was told is on the disk: what every connection is set to, and what is synced."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from openlpm.adapters.store import Store, durable, open_store

FULL = 2


def test_every_connection_syncs_each_commit(store: Store) -> None:
    engine = store._transactions._engine
    with ExitStack() as stack:  # as many at once as a pool has, and more
        connections = [stack.enter_context(engine.connect()) for _ in range(12)]
        assert len({id(c.connection.driver_connection) for c in connections}) == 12
        for connection in connections:
            told = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
            }
            assert told == {
                "journal_mode": "wal",
                "synchronous": FULL,
                "foreign_keys": 1,
                "trusted_schema": 0,
            }


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Python's own code syncs: names of files and folders."""
    names: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return names


def test_a_new_database_has_its_name_on_the_disk(tmp_path: Path, synced: list[str]) -> None:
    durable.make_folder(tmp_path / "var" / "lib")
    assert synced == ["var", tmp_path.name]
    open_store(tmp_path / "var" / "lib" / "db").close()
    assert synced[2:] == ["lib"]
    open_store(tmp_path / "var" / "lib" / "db").close()
    assert synced[3:] == []


def test_a_backup_is_on_the_disk_before_it_has_its_name(
    store: Store, tmp_path: Path, synced: list[str]
) -> None:
    file = tmp_path / "backup"
    store.archive.save(str(file))
    made, content, named = synced
    assert (made, named) == (tmp_path.name, tmp_path.name)
    assert content.endswith(".partial")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
