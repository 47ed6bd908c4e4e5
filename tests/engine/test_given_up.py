"""A server that is gone for good: a move is ended without it when that is proved, else refused."""

import pytest

from engine.conftest import Stand
from engine.test_moves import add
from fakes.fault import Fault, Stage
from openlpm.engine.views import MigrationView
from openlpm.model.errors import Conflict
from openlpm.model.migration import Phase
from openlpm.model.sight import Sight
from openlpm.model.system import Link


def lose(stand: Stand, name: str, *, power: bool = True) -> None:
    """No power any more; or only no way to it."""
    server = stand.world.server(name)
    with stand.world.lock:
        server.crash() if power else setattr(server, "reachable", False)
    stand.wait_for(lambda: stand.console.system(name).link is Link.UNREACHABLE)


def back(stand: Stand, name: str) -> None:
    stand.world.server(name).reachable = True
    stand.wait_for(lambda: stand.console.system(name).link is Link.CONNECTED)


def under_way(stand: Stand, phase: Phase = Phase.SEND, **options: object) -> MigrationView:
    add(stand, dirty_mib_s=500, **options)
    view = stand.console.migrate("web1", "s2", throttle=False)
    return stand.until(view, lambda v: v.migration.phase is phase)


def test_without_the_target_it_stays_and_runs_on(stand: Stand) -> None:
    view = under_way(stand)
    move = view.migration.id
    lose(stand, "s2")
    assert "Waiting until s2 can be seen" in stand.console.recover(move).explanation
    assert "Waiting until s2 can be seen" in stand.console.migration(move).attention
    recovery = stand.console.recover(move, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert "s2 was given up. It is running on s1." in recovery.explanation
    assert stand.store.journal.reservations() == []
    assert stand.console.partition("web1").system == "s1"
    assert stand.console.pause("web1").state is Sight.PAUSED  # it is free for other work
    back(stand, "s2")
    stand.wait_for(lambda: "migration-looked-after" in stand.codes())
    assert stand.store.journal.given_up() == []
    assert stand.world.place("web1", "s2").state is Sight.ABSENT


def test_without_the_source_a_partition_that_runs_at_the_target_has_arrived(stand: Stand) -> None:
    uuid = add(stand)
    stand.world.pace.confirm_s = 10_000  # the source is paused until libvirt says that it is over
    view = stand.console.migrate("web1", "s2")
    stand.wait_for(lambda: stand.world.running(uuid) == ["s2"])
    lose(stand, "s1")
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.DONE
    assert [p.system for p in stand.console.partitions() if p.uuid == uuid] == ["s2"]
    assert stand.world.place("web1", "s1").state is Sight.OFF  # its disk knows it still
    back(stand, "s1")
    stand.wait_for(lambda: "migration-looked-after" in stand.codes())
    assert stand.world.place("web1", "s1").state is Sight.ABSENT
    assert stand.world.running(uuid) == ["s2"]


def test_without_the_source_it_has_not_arrived(stand: Stand) -> None:
    view = under_way(stand)
    lose(stand, "s1")
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert "s1 was given up" in recovery.explanation
    assert stand.console.partition("web1").system == "s1"  # as last seen: it is nowhere else
    back(stand, "s1")
    stand.wait_for(lambda: "migration-looked-after" in stand.codes())
    assert stand.world.place("web1", "s1").state is Sight.OFF  # the only definition stays
    stand.wait_for(lambda: stand.console.partition("web1").state is Sight.OFF)
    assert stand.console.activate("web1").state is Sight.RUNNING


def test_a_source_that_still_runs_it_is_not_given_up(stand: Stand) -> None:
    view = under_way(stand)
    stand.world.server("s2").network_cut = True
    lose(stand, "s1", power=False)
    with pytest.raises(Conflict) as refused:
        stand.console.recover(view.migration.id, force=True)
    assert refused.value.code == "not-proved-gone"
    assert "s1 still runs 'web1'" in refused.value.message
    assert not stand.console.migration(view.migration.id).migration.phase.final
    stand.world.server("s2").network_cut = False
    back(stand, "s1")
    assert stand.settle(view).migration.phase.final


def test_without_a_lease_nothing_proves_that_the_source_is_gone(stand: Stand) -> None:
    view = under_way(stand, has_lease=False)
    lose(stand, "s1")
    with pytest.raises(Conflict) as refused:
        stand.console.recover(view.migration.id, force=True)
    assert refused.value.code == "not-proved-gone"
    assert "no lease" in refused.value.cause


def test_what_was_paused_by_the_transfer_stays_so(stand: Stand) -> None:
    uuid = add(stand)
    stand.world.pace.confirm_s = 10_000
    view = stand.console.migrate("web1", "s2")
    stand.wait_for(lambda: stand.world.running(uuid) == ["s2"])
    lose(stand, "s2")
    with stand.world.lock:  # libvirt gives the transfer up and leaves the source as it is
        for transfer in stand.world.transfers:
            transfer.lost_daemon()
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert "this is an old copy" in recovery.explanation
    assert stand.world.place("web1", "s1").state is Sight.PAUSED
    assert stand.console.shutdown("web1", force=True).state is Sight.OFF
    assert stand.console.activate("web1").state is Sight.RUNNING


def test_an_inactive_move_needs_no_proof(stand: Stand) -> None:
    add(stand, state=Sight.OFF, has_lease=False)
    stand.world.server("s2").refuse("define", "its disk is full", times=10_000)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.DUPLICATE)
    lose(stand, "s2")
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert stand.console.activate("web1").state is Sight.RUNNING


@pytest.mark.parametrize(
    ("lost", "code"), [((), "both-in-sight"), (("s1", "s2"), "both-out-of-sight")]
)
def test_there_must_be_one_end_to_give_up(stand: Stand, lost: tuple[str, ...], code: str) -> None:
    view = under_way(stand)
    for name in lost:
        lose(stand, name, power=False)
    with pytest.raises(Conflict) as refused:
        stand.console.recover(view.migration.id, force=True)
    assert refused.value.code == code


def test_a_server_back_in_time_is_not_given_up(stand: Stand) -> None:
    """The wish ends with the reason for it: what is seen counts again."""
    stand.world.fail_transfer(Fault(Stage.SEND, message="the link broke", after_s=0.5))
    view = under_way(stand)
    lose(stand, "s2", power=False)
    mover = stand.console._executor.mover(view.migration.id)
    assert mover
    back(stand, "s2")
    mover.give_up("s2")
    done = stand.settle(view)
    assert done.migration.phase is Phase.FAILED
    assert done.migration.gone == ""
