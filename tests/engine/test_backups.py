"""Restoring a backup under a running console: what an operator would notice."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.conftest import Stand
from engine.test_moves import add
from openlpm.adapters.store import engine as database
from openlpm.adapters.store import open_store, sqlite
from openlpm.adapters.store.seals import reseal
from openlpm.engine.backups import accept
from openlpm.engine.views import MigrationView
from openlpm.model.backup import Backup, RestoreReport
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.migration import Phase, Reservation
from openlpm.model.sight import Sight
from openlpm.model.system import Link, Resources, System

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def back_up_in_the_midst_of_a_move(stand: Stand, file: Path) -> MigrationView:
    stand.world.link_mib_s = 10.0  # half a second of ours
    view = stand.console.migrate("web1", "s2")
    stand.console.backup(str(file))
    return view


def connected(stand: Stand) -> list[str]:
    return [v.system.name for v in stand.console.systems() if v.link is Link.CONNECTED]


def test_the_restored_systems_are_watched_and_the_others_let_go(
    stand: Stand, tmp_path: Path
) -> None:
    uuid = add(stand)
    stand.console.backup(str(tmp_path / "b"))
    stand.console.remove_system("s1")
    stand.console.add_system(stand.world.server("s3").system)
    assert stand.console.partitions("s2") == stand.console.partitions()
    report = stand.console.restore(str(tmp_path / "b"))
    assert (report.systems_added, report.systems_removed) == (("s1",), ("s3",))
    stand.wait_for(lambda: connected(stand) == ["s1", "s2"])
    assert stand.console.partition("web1").uuid == uuid
    stand.settle(stand.console.migrate("web1", "s2"))
    assert stand.world.running(uuid) == ["s2"]


def test_a_partition_that_moved_since_the_backup_is_where_it_is(
    stand: Stand, tmp_path: Path
) -> None:
    """The backup was made in the midst of the move: it is not begun again, nor forgotten."""
    uuid = add(stand, dirty_mib_s=1)
    view = back_up_in_the_midst_of_a_move(stand, tmp_path / "b")
    stand.settle(view)
    stand.console.restore(str(tmp_path / "b"))
    assert stand.console.migration(view.migration.id).migration.phase is Phase.DONE
    assert stand.console.partition("web1").system == "s2"
    assert stand.world.running(uuid) == ["s2"]
    assert stand.store.journal.reservations() == []


@pytest.mark.parametrize("finished", [False, True], ids=["before-the-end", "after-the-end"])
def test_a_new_console_finds_out_what_became_of_a_move(
    stand: Stand, tmp_path: Path, *, finished: bool
) -> None:
    """All that is left is a backup made in the midst of a move."""
    uuid = add(stand, dirty_mib_s=1)
    view = back_up_in_the_midst_of_a_move(stand, tmp_path / "b")
    if finished:
        stand.settle(view)
    stand.kill()
    for file in tmp_path.glob("console.db*"):
        file.unlink()
    stand.start()
    report = stand.console.restore(str(tmp_path / "b"))
    assert report.unfinished == (view.migration.id,)
    ended = stand.settle(view).migration
    here = {Phase.DONE: "s2", Phase.STOPPED: "s1"}[ended.phase]
    assert stand.world.running(uuid) == [here]
    assert stand.world.ran_twice == []
    other = {"s1": "s2", "s2": "s1"}[here]
    assert stand.world.place("web1", other).state is Sight.ABSENT
    assert stand.store.journal.reservations() == []
    assert "migration-from-backup" in stand.codes()
    assert not finished or ended.phase is Phase.DONE


def test_a_move_that_was_never_asked_for_is_not_begun_by_a_restore(
    stand: Stand, tmp_path: Path
) -> None:
    uuid = add(stand)
    with open_store(tmp_path / "old.db") as old:
        for name in ("s1", "s2"):
            old.inventory.add(stand.world.server(name).system)
        stand.settle(stand.console.migrate("web1", "s2"))
        stand.settle(stand.console.return_partition("web1"))
        record = stand.console.migrations()[-1].migration
        begun = replace(record, id="old1", phase=Phase.CAPTURE, asked=False, finished_at=None)
        room = Reservation("old1", "s2", uuid, "web1", Resources(1.0, 512))
        old.journal.begin(begun, lambda *_: room)
        old.archive.save(str(tmp_path / "b"))
    transfers = len(stand.world.transfers)
    view = stand.console.restore(str(tmp_path / "b"))
    assert view.unfinished == ("old1",)
    ended = stand.settle(stand.console.migration("old1")).migration
    assert (ended.phase, ended.reason) == (Phase.STOPPED, "Stopped; it stays on s1.")
    assert len(stand.world.transfers) == transfers
    assert stand.world.running(uuid) == ["s1"]


def test_during_a_move_nothing_is_restored(stand: Stand, tmp_path: Path) -> None:
    add(stand)
    stand.console.backup(str(tmp_path / "b"))
    view = stand.console.migrate("web1", "s2")
    with pytest.raises(Conflict) as refused:
        stand.console.restore(str(tmp_path / "b"))
    assert refused.value.code == "moves-unfinished"
    assert stand.settle(view).migration.phase is Phase.DONE
    stand.console.restore(str(tmp_path / "b"))


@pytest.mark.parametrize("moment", ["written", "done"])
def test_a_move_that_is_begun_during_a_restore_is_refused(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Validated with systems that a restore takes away just before the record is opened."""
    add(stand)
    stand.console.remove_system("s2")
    stand.console.backup(str(tmp_path / "b"))
    stand.console.add_system(stand.world.server("s2").system)
    outcomes: list[str] = []

    def move() -> None:
        try:
            stand.console.migrate("web1", "s2")
        except Conflict as error:
            outcomes.append(error.code)

    begin, restore = stand.store.journal.begin, stand.store.archive.restore

    def restore_first(*asked: Any) -> None:
        stand.console.restore(str(tmp_path / "b"))
        begin(*asked)

    def move_then(backup: Backup) -> RestoreReport:
        report = restore(backup)  # it is in the store, and the engine does not know yet
        move()
        return report

    if moment == "done":
        monkeypatch.setattr(stand.store.journal, "begin", restore_first)
        with pytest.raises(Conflict) as refused:
            stand.console.migrate("web1", "s2")
        outcomes.append(refused.value.code)
    else:
        monkeypatch.setattr(stand.store.archive, "restore", move_then)
        stand.console.restore(str(tmp_path / "b"))
    assert outcomes == ["systems-changed"]
    assert stand.store.journal.unfinished() == []
    assert stand.store.journal.reservations() == []


@pytest.mark.parametrize("file", ["b", "./b", "", "/tmp/a\nb", "/tmp/a\0b"])
def test_a_file_is_named_in_full(stand: Stand, file: str) -> None:
    for ask in (stand.console.backup, stand.console.restore):
        with pytest.raises(BadRequest) as refused:
            ask(file)
        assert refused.value.code == "bad-file"


def test_a_backups_systems_are_checked_like_typed_ones(stand: Stand, tmp_path: Path) -> None:
    """A URI can name a program to run."""
    evil = "qemu+ssh://s1/system?command=/tmp/evil"
    file = tmp_path / "b"
    stand.console.backup(str(file))
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE systems SET uri = ?", (evil,))
    raw.close()
    with database.writing(sqlite.open_engine(file)) as connection:
        reseal(connection)
    before = stand.console.systems()
    with pytest.raises(BadRequest, match="command"):
        stand.console.restore(str(file))
    assert [v.system for v in stand.console.systems()] == [v.system for v in before]
    with pytest.raises(BadRequest):
        accept(Backup("b", (System("a b", "", ""),), (), (), (), 1))
