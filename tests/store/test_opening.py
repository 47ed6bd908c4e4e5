"""Opening: one console a file, the newest schema, nothing of anybody else's touched."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from records import Room, migration

from openlpm.adapters.store import Store, open_store, sqlite
from openlpm.adapters.store import engine as database
from openlpm.adapters.store.journal import Journal
from openlpm.adapters.store.schema import REVISIONS, metadata
from openlpm.adapters.store.transactions import Transactions
from openlpm.model.errors import NotLeader, StoreFailed
from openlpm.model.event import Event


def refused(path: Path) -> StoreFailed:
    with pytest.raises(StoreFailed) as caught:
        open_store(path)
    assert caught.value.remedy
    return caught.value


def sql(path: Path, statement: str) -> None:
    raw = sqlite3.connect(path)
    with raw:
        raw.execute(statement)
    raw.close()


def test_what_was_written_is_there_again(path: Path):
    move = migration()
    with open_store(path) as store:
        store.journal.begin(move, Room(move))
    with open_store(path) as store:
        assert store.journal.unfinished() == [move]


def test_versions_lead_to_the_schema(path: Path):
    open_store(path).close()
    config = Config()
    config.set_main_option("script_location", "openlpm.adapters.store:")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(s.revision for s in scripts.walk_revisions())[::-1] == REVISIONS
    with database.reading(sqlite.open_engine(path)) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_alembic_is_loaded_only_to_upgrade(path: Path):
    open_store(path).close()
    script = (
        "import sys; from openlpm.adapters.store import open_store\n"
        f"open_store({str(path)!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_second_console_is_refused_and_told_who(path: Path, tmp_path: Path):
    with open_store(path):
        link = tmp_path / "link.db"
        link.symlink_to(path)
        for name in (path, link):
            error = refused(name)
            assert error.code == "store-in-use"
            assert "process " in error.message
    open_store(path).close()


def test_the_file_is_the_consoles_alone(store: Store, path: Path):
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    assert store.journal.last_seq() == 0


def test_a_console_that_slept_through_a_take_over_cannot_write(path: Path):
    with open_store(path) as awake:
        # The lock is lost, as on a network file system that forgot it: only the epoch is left.
        frozen = Journal(Transactions(sqlite.open_engine(path), epoch=0), lambda: 0.0)
        with pytest.raises(NotLeader):
            frozen.tell(Event("late", "I was frozen."))
        move = migration()
        with pytest.raises(NotLeader):
            frozen.begin(move, Room(move))
        awake.journal.tell(Event("fine", "I lead."))
        assert [e.code for e in frozen.events()] == ["fine"]


def test_each_opening_begins_an_epoch(path: Path):
    for epoch in (1, 2, 3):
        with open_store(path) as store:
            assert store._transactions.epoch == epoch


def test_a_newer_database_is_refused_unchanged(path: Path):
    open_store(path).close()
    sql(path, "UPDATE alembic_version SET version_num = 'lpm9999'")
    before = path.read_bytes()
    assert refused(path).code == "store-newer"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE songs (title)"],
        ["CREATE TABLE alembic_version (version_num VARCHAR(32))"],
        [
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('1a2b3c')",
        ],
    ],
)
def test_another_programs_database_is_refused(path: Path, statements: list[str]):
    for statement in statements:
        sql(path, statement)
    before = path.read_bytes()
    assert refused(path).code == "store-foreign"
    assert path.read_bytes() == before


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def _torn(path: Path) -> None:
    open_store(path).close()
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 3] = b"\xff" * 8192
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (_garbage, "store-corrupt"),
        (_torn, "store-corrupt"),
        (lambda path: path.mkdir(), "store-cannot-open"),
    ],
)
def test_a_broken_file_is_told(path: Path, break_it: Callable[[Path], None], code: str):
    break_it(path)
    assert refused(path).code == code


def test_a_missing_folder_is_told(tmp_path: Path):
    assert refused(tmp_path / "nowhere" / "state.db").code == "store-cannot-open"


def test_a_database_locked_by_another_program_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    with open_store(path) as store:
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed) as caught:
            store.journal.tell(Event("e", ""))
        assert caught.value.code == "store-locked"
        other.rollback()
        other.close()
        assert store.journal.tell(Event("e", "")).seq == 1


def test_the_database_itself_refuses_a_second_move(store: Store, path: Path):
    move = migration()
    store.journal.begin(move, Room(move))
    with pytest.raises(sqlite3.IntegrityError):
        sql(
            path,
            "INSERT INTO migrations SELECT 99, 'm99', partition_uuid, partition, source, target,"
            "kind, phase, asked, halt, throttled, leased, retaking, gone, switched,"
            "demand, policy,"
            "is_return, reason, created_at, finished_at, phase_at, figures, copies, keep_disks,"
            "checksum"
            " FROM migrations",
        )
