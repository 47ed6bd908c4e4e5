"""Moves without shared storage: the disks go with the partition, and nothing of them is left."""

from dataclasses import replace
from typing import Any

import pytest

from engine.conftest import Stand
from engine.test_given_up import back, lose
from engine.test_killed_at_each_point import ask
from engine.test_moves import add
from fakes.fault import Fault, Stage
from fakes.guest import Guest
from openlpm.engine.views import MigrationView
from openlpm.model.errors import BadRequest, Refused
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.migration import Migration, Phase
from openlpm.model.sight import Sight
from openlpm.model.storage import Volume

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

MIB = 2**20
SIZE_MIB = 550  # five seconds of the link


def volumes(stand: Stand, server: str) -> list[str]:
    return sorted(stand.world.server(server).stores["local"].volumes)


def own_disk(stand: Stand, name: str = "web1", *, size_mib: int = SIZE_MIB) -> Guest:
    """A partition whose disk is a file of s1 itself."""
    path = f"/var/lib/libvirt/images/{name}"
    stored = Volume(
        *(name, path, path, "file", "raw"),
        capacity_bytes=size_mib * MIB,
        allocation_bytes=size_mib * MIB,
    )
    stand.world.server("s1").stores["local"].volumes[name] = stored
    add(stand, name, dirty_mib_s=1)
    guest = stand.world.guest(name)
    disk = VirtualDisk("vda", "virtio", DiskKind.FILE, path, format="raw")
    guest.hardware = replace(guest.hardware, disks=(disk,))
    return guest


def moved(stand: Stand, **options: Any) -> Migration:
    return stand.settle(stand.console.migrate("web1", "s2", **options)).migration


def test_its_disk_goes_with_it(stand: Stand):
    guest = own_disk(stand)
    move = moved(stand)
    assert move.phase is Phase.DONE
    copy = f"web1-m{move.id}"
    assert volumes(stand, "s1") == []
    assert volumes(stand, "s2") == [copy]
    assert guest.hardware.disks[0].source == f"/var/lib/libvirt/images/{copy}"
    assert stand.world.ran_twice == []
    there_and_back = stand.settle(stand.console.return_partition("web1")).migration
    assert there_and_back.phase is Phase.DONE
    assert volumes(stand, "s1") == [f"web1-m{there_and_back.id}"]
    assert volumes(stand, "s2") == []


def test_its_old_disk_stays_where_that_is_asked_for(stand: Stand):
    own_disk(stand)
    move = moved(stand, keep_disks=True)
    assert move.phase is Phase.DONE
    assert volumes(stand, "s1") == ["web1"]
    assert volumes(stand, "s2") == [f"web1-m{move.id}"]


def test_a_validation_says_what_would_be_copied_and_changes_nothing(stand: Stand):
    own_disk(stand)
    examined = stand.console.validate("web1", "s2")
    assert examined.validation.passed
    (copy,) = examined.copies
    assert (copy.disk, copy.pool, copy.to_pool) == ("vda", "local", "local")
    assert examined.estimate
    assert examined.estimate.bytes_sent > SIZE_MIB * MIB
    assert volumes(stand, "s2") == []
    examined = stand.console.validate("web1", "s2", pool="nosuch")
    assert [f.code for f in examined.validation.errors] == ["pool-needed"]
    with pytest.raises(Refused, match="pool-needed"):
        stand.console.migrate("web1", "s2", pool="nosuch")


@pytest.mark.parametrize("options", [{"pool": "local"}, {"keep_disks": True}])
def test_where_nothing_is_copied_none_of_that_is_taken(stand: Stand, options: dict[str, Any]):
    add(stand)
    with pytest.raises(BadRequest, match="No disk of 'web1' is copied"):
        stand.console.migrate("web1", "s2", **options)
    assert stand.store.journal.unfinished() == []


def test_while_it_is_off_its_disk_stays(stand: Stand):
    own_disk(stand)
    stand.console.shutdown("web1", force=True)
    found = stand.console.validate("web1", "s2").validation
    assert [f.code for f in found.errors] == ["disk-host-local"]
    assert "Activate it" in found.errors[0].remedy


def test_room_that_another_move_is_about_to_fill_is_not_free(stand: Stand):
    own_disk(stand, size_mib=4000)
    own_disk(stand, "web2", size_mib=4000)
    stand.world.link_mib_s = 100
    view = stand.console.migrate("web1", "s2")
    found = stand.console.validate("web2", "s2").validation
    assert [f.code for f in found.errors] == ["pool-full"]
    stand.console.stop(view.migration.id)
    stand.settle(view)
    assert stand.console.validate("web2", "s2").validation.passed


def test_stopped_while_disks_are_copied_leaves_nothing(stand: Stand):
    own_disk(stand, size_mib=4000)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: bool(v.progress and v.progress.disks_done > 0.01))
    assert len(volumes(stand, "s2")) == 1
    stand.console.stop(view.migration.id)
    assert stand.settle(view).migration.phase is Phase.STOPPED
    assert volumes(stand, "s1") == ["web1"]
    assert volumes(stand, "s2") == []
    assert stand.world.place("web1", "s1").state is Sight.RUNNING


@pytest.mark.parametrize("stage", [Stage.PREPARE, Stage.SEND, Stage.PAUSE, Stage.FINISH])
def test_a_move_that_fails_leaves_nothing(stand: Stand, stage: Stage):
    own_disk(stand)
    stand.world.fail_transfer(Fault(stage))
    move = moved(stand)
    assert move.phase is Phase.FAILED
    assert volumes(stand, "s1") == ["web1"]
    assert volumes(stand, "s2") == []


def test_a_volume_that_cannot_be_made_ends_the_move(stand: Stand):
    own_disk(stand)
    stand.world.server("s2").refuse("create_volume", "no space left on device")
    move = moved(stand)
    assert move.phase is Phase.FAILED
    assert "no space left on device" in move.reason
    assert volumes(stand, "s1") == ["web1"]
    assert stand.world.place("web1", "s1").state is Sight.RUNNING


def test_a_copy_that_cannot_be_removed_is_told_of_and_holds_up_nothing(stand: Stand):
    own_disk(stand)
    stand.world.server("s1").refuse("delete_volume", "Device or resource busy", times=100)
    assert moved(stand).phase is Phase.DONE
    (told,) = [e for e in stand.console.events(limit=1000) if e.code == "migration-copies-left"]
    assert "Device or resource busy" in told.message


def test_a_disk_that_another_partition_uses_too_stays(stand: Stand):
    own_disk(stand)
    other = own_disk(stand, "web2")
    other.hardware = replace(other.hardware, disks=stand.world.guest("web1").hardware.disks)
    assert moved(stand).phase is Phase.DONE
    assert "web1" in volumes(stand, "s1")
    (told,) = [e for e in stand.console.events(limit=1000) if e.code == "migration-copies-left"]
    assert "'web2' uses it" in told.message


def test_a_disk_below_another_image_stays(stand: Stand):
    own_disk(stand)
    over = Volume("over", "/var/lib/libvirt/images/over", backing="/var/lib/libvirt/images/web1")
    stand.world.server("s1").stores["local"].volumes["over"] = over
    assert moved(stand).phase is Phase.DONE
    assert volumes(stand, "s1") == ["over", "web1"]
    (told,) = [e for e in stand.console.events(limit=1000) if e.code == "migration-copies-left"]
    assert "local/over lies over it" in told.message


def test_where_a_definition_cannot_be_read_its_old_disk_stays(stand: Stand):
    own_disk(stand)
    add(stand, "odd")
    stand.world.guest("odd").unreadable = "It is no XML."
    assert moved(stand).phase is Phase.DONE
    assert volumes(stand, "s1") == ["web1"]
    (told,) = [e for e in stand.console.events(limit=1000) if e.code == "migration-copies-left"]
    assert "what 'odd' uses is not known" in told.message


def test_a_guest_that_writes_faster_than_is_sent_is_given_up(stand: Stand):
    own_disk(stand).writes_mib_s = 200
    move = moved(stand)
    assert move.phase is Phase.FAILED
    assert "The copy of its disks does not catch up" in move.reason
    assert volumes(stand, "s2") == []


def test_progress_never_runs_backwards(stand: Stand):
    guest = own_disk(stand)
    guest.writes_mib_s = 100
    guest.dirty_mib_s = 90
    stand.world.pace.confirm_s = 1
    view = stand.console.migrate("web1", "s2")
    seen: list[tuple[float, float]] = []

    def ended(v: MigrationView) -> bool:
        if v.progress:
            seen.append((v.progress.disks_done, v.progress.memory_done))
        return v.migration.phase.final

    assert stand.until(view, ended).migration.phase is Phase.DONE
    assert len(set(seen)) > 5
    assert seen == sorted(seen)
    assert all(disks == 1 for disks, memory in seen if memory > 0)


@pytest.mark.parametrize("call", range(1, 60, 2))
def test_a_console_killed_at_any_call_leaves_one_copy_of_the_disk(stand: Stand, call: int):
    uuid = own_disk(stand).uuid
    if call % 4 == 1:
        stand.world.fail_transfer(Fault(Stage.SEND))
    hypervisors = stand.consoles[-1][2]
    hypervisors.die_at(hypervisors.calls + call)
    ask(stand)
    stand.world.until(lambda: hypervisors.killed or not stand.store.journal.unfinished())
    stand.kill()
    stand.start()
    stand.wait_for(lambda: not stand.store.journal.unfinished(), timeout_s=30)
    (home,) = stand.world.running(uuid)
    other = {"s1": "s2", "s2": "s1"}[home]
    assert len(volumes(stand, home)) == 1
    assert volumes(stand, other) == []


def test_what_a_lost_source_still_has_of_it_is_removed_when_it_is_back(stand: Stand):
    uuid = own_disk(stand).uuid
    stand.world.pace.confirm_s = 10_000
    view = stand.console.migrate("web1", "s2")
    stand.wait_for(lambda: stand.world.running(uuid) == ["s2"])
    lose(stand, "s1")
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.DONE
    assert volumes(stand, "s1") == ["web1"]
    back(stand, "s1")
    stand.wait_for(lambda: "migration-looked-after" in stand.codes())
    assert volumes(stand, "s1") == []
    assert len(volumes(stand, "s2")) == 1


def test_what_a_lost_target_has_of_it_is_removed_when_it_is_back(stand: Stand):
    own_disk(stand, size_mib=4000)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    lose(stand, "s2")
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert len(volumes(stand, "s2")) == 1
    back(stand, "s2")
    stand.wait_for(lambda: "migration-looked-after" in stand.codes())
    assert volumes(stand, "s1") == ["web1"]
    assert volumes(stand, "s2") == []
