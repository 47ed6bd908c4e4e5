"""Two partitions that write to one disk: told within ten seconds, and when it is over."""

from dataclasses import replace

from engine.conftest import Stand
from engine.test_moves import add
from openlpm.model.event import Level


def told(stand: Stand, code: str) -> list[str]:
    return [e.message for e in stand.console.events(limit=1000) if e.code == code]


def test_a_copy_on_the_same_disk_is_told_once_and_its_end_too(stand: Stand) -> None:
    add(stand)
    copy = stand.world.add_partition("copy", on="s2")
    with stand.world.lock:
        copy.hardware = replace(
            copy.hardware, disks=stand.world.guest("web1").hardware.disks, leases=()
        )
        stand.world.note_change("s2", copy.uuid)
    stand.wait_for(lambda: bool(told(stand, "partitions-clash")), timeout_s=10)
    (message,) = told(stand, "partitions-clash")
    assert "'copy' on s2 and 'web1' on s1 both write to disk nbd://storage:10809/web1" in message
    assert {e.level for e in stand.console.events(limit=1000) if e.message == message} == {
        Level.ERROR
    }
    stand.console.shutdown("copy", force=True)
    stand.wait_for(lambda: bool(told(stand, "partitions-clash-over")), timeout_s=10)
    assert len(told(stand, "partitions-clash")) == 1


def test_a_move_is_no_clash(stand: Stand) -> None:
    add(stand, dirty_mib_s=60)
    stand.world.link_mib_s = 20  # it takes longer than two looks
    stand.settle(stand.console.migrate("web1", "s2"), timeout_s=60)
    assert not told(stand, "partitions-clash")
