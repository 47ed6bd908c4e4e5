"""Backups are one moment of the state. A restore brings the systems back, and undoes nothing."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from estate import DONE, EXPECTED, ROOM, SYSTEMS, TOLD, UNFINISHED, contents, fill
from records import Room, migration

from openlpm.adapters.store import Store, archive, open_store, restore_offline, swap
from openlpm.adapters.store.archive import read
from openlpm.model.errors import AlreadyExists, BadRequest, Conflict, OpenLpmError, StoreFailed
from openlpm.model.event import Event
from openlpm.model.migration import Halt, Phase
from openlpm.model.system import System

OTHER = System("s9", "qemu+ssh://s9/system", "qemu+ssh://s9/system")


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    """Of a store that is filled."""
    fill(store)
    file = tmp_path / "backup.sqlite"
    store.archive.save(str(file))
    return file


def finish(store: Store) -> None:
    store.journal.turn(replace(UNFINISHED, phase=Phase.DONE), events=[TOLD])


def accept(_: object) -> None:
    """Nothing to say against it."""


# Making one


def test_a_backup_has_everything_and_is_told(store: Store, tmp_path: Path) -> None:
    fill(store)
    file = tmp_path / "b"
    report = store.archive.save(str(file))
    assert (report.file, report.size_bytes) == (str(file), file.stat().st_size)
    assert (report.systems, report.migrations, report.events) == (2, 2, 3)
    assert sorted(p.name for p in tmp_path.glob("*b*") if "state" not in p.name) == ["b"]
    saved = read(str(file))
    assert saved.systems == SYSTEMS
    assert saved.migrations == (DONE, UNFINISHED)
    assert saved.reservations == (ROOM,)
    assert [event.seq for event in saved.events] == [1, 2, 3]


def test_a_backup_is_one_moment_while_others_write(store: Store, tmp_path: Path) -> None:
    """A migration and its event are written together, and are in a backup together or not."""
    stop = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            move = migration(number)
            store.journal.begin(move, Room(move))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = []
        for number in range(10):
            file = tmp_path / f"b{number}"
            store.archive.save(str(file))
            saved = read(str(file))
            assert len(saved.migrations) == len(saved.events) == len(saved.reservations)
            sizes.append(len(saved.migrations))
    finally:
        stop.set()
        writer.join()
    assert sizes[0] < sizes[-1]


def test_nothing_is_overwritten_unless_forced(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("precious")
    with pytest.raises(AlreadyExists, match="precious") as caught:
        store.archive.save(str(file))
    assert "--force" in caught.value.remedy
    assert file.read_text() == "precious"
    store.archive.save(str(file), force=True)
    assert read(str(file)).systems == ()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_name_taken_meanwhile_is_left_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b"

    def meanwhile(*_: object) -> None:
        file.write_text("precious")

    monkeypatch.setattr(archive, "sync", meanwhile)
    with pytest.raises(AlreadyExists):
        store.archive.save(str(file))
    assert file.read_text() == "precious"
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda p: p.symlink_to("/etc/passwd")])
def test_what_is_no_plain_file_is_never_replaced(
    store: Store, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "b")
    with pytest.raises(AlreadyExists):
        store.archive.save(str(tmp_path / "b"), force=True)


@pytest.mark.parametrize("part", ["", "-wal", "-shm", ".lock", ".restoring"])
def test_the_state_itself_is_never_overwritten(store: Store, path: Path, part: str) -> None:
    link = path.parent / "link"
    link.symlink_to(path.parent)
    for folder in (path.parent, link):
        with pytest.raises(Conflict, match="own state"):
            store.archive.save(str(folder / f"{path.name}{part}"), force=True)


def test_a_backup_that_cannot_be_written_is_told_and_leaves_nothing(
    store: Store, tmp_path: Path
) -> None:
    for file in (tmp_path / "no" / "b", tmp_path / ("b" * 300)):
        with pytest.raises(BadRequest) as caught:
            store.archive.save(str(file))
        assert caught.value.code == "backup-not-written"


def test_a_damaged_state_makes_no_backup(store: Store, path: Path, tmp_path: Path) -> None:
    """It is copied page by page, damage and all: so the copy is read before it gets its name."""
    fill(store)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE systems SET chassis = 'rack9'")
    raw.close()
    with pytest.raises(StoreFailed, match="damaged"):
        store.archive.save(str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


# Reading one


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "backup-corrupt"),
        (b"no database at all " * 500, "backup-corrupt"),
        (None, "no-such-file"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes | None, code: str) -> None:
    file = tmp_path / "b"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadRequest) as caught:
        read(str(file))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE alembic_version SET version_num = 'lpm9999'", "backup-newer"),
        ("UPDATE alembic_version SET version_num = 'abc'", "backup-foreign"),
        ("DROP TABLE alembic_version", "backup-foreign"),
        ("DROP INDEX one_unfinished_move", "backup-corrupt"),
        ("UPDATE systems SET uri = 'qemu+ssh://evil/system'", "backup-corrupt"),
        ("DELETE FROM migrations", "backup-corrupt"),  # a reservation names one
    ],
)
def test_a_backup_that_is_not_as_written_is_refused(
    backup: Path, store: Store, statement: str, code: str
) -> None:
    with sqlite3.connect(backup) as raw:
        raw.execute(statement)
    raw.close()
    with pytest.raises(BadRequest) as caught:
        read(str(backup))
    assert caught.value.code == code
    assert str(backup) in caught.value.message
    assert contents(store) == EXPECTED


def test_a_backup_is_only_read(backup: Path) -> None:
    backup.chmod(0o400)
    before = sorted(backup.parent.iterdir()), backup.read_bytes()
    read(str(backup))
    assert (sorted(backup.parent.iterdir()), backup.read_bytes()) == before


# Restoring one


def test_the_systems_come_back_as_they_were(store: Store, backup: Path) -> None:
    finish(store)
    store.inventory.remove("s2")
    store.inventory.remove("s1")
    store.inventory.add(replace(SYSTEMS[0], chassis="rack7"))
    store.inventory.add(OTHER)
    report = store.archive.restore(read(str(backup)))
    assert store.inventory.systems() == list(SYSTEMS)
    assert report.systems_added == ("s2",)
    assert report.systems_changed == ("s1",)
    assert report.systems_removed == ("s9",)
    assert read(report.kept).systems == (replace(SYSTEMS[0], chassis="rack7"), OTHER)
    assert stat.S_IMODE(Path(report.kept).stat().st_mode) == 0o600


def test_what_happened_since_stays_known(store: Store, backup: Path) -> None:
    """The move that had not ended in the backup has ended: that is not forgotten."""
    finish(store)
    before = contents(store)
    report = store.archive.restore(read(str(backup)))
    after = contents(store)
    assert (report.migrations, report.events, report.unfinished) == (0, 0, ())
    assert after["migrations"] == before["migrations"]
    assert after["seen"] == before["seen"]
    assert after["reservations"] == []
    events = store.journal.events()
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert events[-1].code == "backup-restored"
    assert len(events) == len(before["events"]) + 1  # type: ignore[arg-type]


def test_a_new_console_learns_everything_but_what_was_seen(backup: Path, tmp_path: Path) -> None:
    with open_store(tmp_path / "new.db") as new:
        new.journal.tell(Event("early", ""))
        report = new.archive.restore(read(str(backup)))
        assert new.inventory.systems() == list(SYSTEMS)
        assert new.inventory.last_seen("s1") == []
        assert new.journal.migration("m1") == DONE
        assert [e.code for e in new.journal.events()] == [
            *("early", "told", "migration-begun", "backup-restored", "migration-from-backup"),
        ]
        assert (report.migrations, report.events, report.unfinished) == (2, 2, ("m2",))


def test_an_unfinished_move_of_a_backup_is_looked_after_and_never_begun(
    backup: Path, tmp_path: Path
) -> None:
    with open_store(tmp_path / "new.db") as new:
        new.archive.restore(read(str(backup)))
        (move,) = new.journal.unfinished()
        assert move == replace(UNFINISHED, asked=True, halt=Halt.OPERATOR)
        assert new.journal.reservations() == [ROOM]


def test_while_a_move_is_unfinished_nothing_is_restored(store: Store, backup: Path) -> None:
    names = sorted(backup.parent.iterdir())
    with pytest.raises(Conflict) as caught:
        store.archive.restore(read(str(backup)))
    assert caught.value.code == "moves-unfinished"
    assert "m2" in caught.value.cause
    assert "lpm migration watch m2" in caught.value.remedy
    assert contents(store) == EXPECTED
    assert sorted(backup.parent.iterdir()) == names


def test_a_restore_never_sets_the_fence_back(store: Store, backup: Path) -> None:
    finish(store)
    epoch = store._transactions.epoch
    store.archive.restore(replace(read(str(backup)), epoch=0))
    assert store.journal.tell(Event("fine", "we still lead")).seq
    assert store._transactions.epoch == epoch


def test_a_refused_restore_changes_nothing(store: Store, backup: Path) -> None:
    """Here by the database itself: two events of one number."""
    finish(store)
    before = contents(store)
    twice = replace(read(str(backup)), events=(Event("a", "", seq=90), Event("b", "", seq=90)))
    with pytest.raises(StoreFailed):
        store.archive.restore(twice)
    assert contents(store) == before


# Where no console runs


def restored(backup: Path, path: Path) -> str:
    return restore_offline(str(backup), path, accept=accept).kept


def test_with_a_console_at_work_it_is_refused(store: Store, path: Path, backup: Path) -> None:
    with pytest.raises(StoreFailed) as caught:
        restored(backup, path)
    assert caught.value.code == "store-in-use"


def test_a_backup_that_is_not_accepted_changes_nothing(backup: Path, tmp_path: Path) -> None:
    def refuse(_: object) -> None:
        raise BadRequest("bad-uri", "No.")

    with pytest.raises(BadRequest):
        restore_offline(str(backup), tmp_path / "new.db", accept=refuse)
    assert not (tmp_path / "new.db").exists()


def test_into_nothing_it_makes_a_state(backup: Path, tmp_path: Path) -> None:
    restored(backup, tmp_path / "new.db")
    with open_store(tmp_path / "new.db") as new:
        assert new.inventory.systems() == list(SYSTEMS)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _garble(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"rack1", b"rack2"))


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A state some time after its backup, its console gone."""
    path = tmp_path / "later" / "db"
    path.parent.mkdir()
    with open_store(path) as store:
        fill(store)
        store.archive.save(str(tmp_path / "old"))
        finish(store)
        for number in range(20):
            store.journal.tell(Event("later", str(number)))
    open_store(path).close()
    return path


@pytest.mark.parametrize("damage", [_cut, _garble, Path.unlink])
def test_a_damaged_state_is_replaced_and_kept(
    later: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(later)
    left = later.read_bytes() if later.exists() else None
    with pytest.raises(StoreFailed):
        open_store(later)
    kept = restored(tmp_path / "old", later)
    if left is not None:
        assert Path(kept).read_bytes() == left
    assert list(later.parent.glob("*.new*")) == []
    with open_store(later) as store:
        assert store.inventory.systems() == list(SYSTEMS)
        (restored_event,) = [e for e in store.journal.events() if e.code == "backup-restored"]
        assert restored_event.seq > 24  # whoever followed the old events misses none
        assert store._transactions.epoch == 3


def test_another_programs_database_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    songs = tmp_path / "songs.db"
    with sqlite3.connect(songs) as raw:
        raw.execute("CREATE TABLE songs (title)")
    raw.close()
    with pytest.raises(StoreFailed) as caught:
        restored(backup, songs)
    assert caught.value.code == "store-foreign"


@pytest.mark.parametrize("renames", range(1, 6))
def test_killed_at_any_rename_the_next_start_finishes(
    later: Path, tmp_path: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first the old state counts, after it the new one. Never a mixture, never none."""
    for part in ("-wal", "-shm"):
        later.with_name(later.name + part).write_bytes(b"of the damaged one")
    _cut(later)
    done = 0
    rename = Path.rename

    def dying(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == renames:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        restored(tmp_path / "old", later)
    monkeypatch.undo()
    if renames == 1:
        with pytest.raises(StoreFailed) as caught:
            open_store(later)
        assert caught.value.code == "store-corrupt"
        return
    with open_store(later) as store:
        assert store.inventory.systems() == list(SYSTEMS)
    assert not swap._restoring(later).exists()
    kept = list(later.parent.glob("*.damaged-*"))
    assert len(kept) == 3


def test_errors_of_the_file_system_are_told(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(OpenLpmError) as caught:
        restored(backup, tmp_path / "no" / "db")
    assert caught.value.code == "store-cannot-open"
