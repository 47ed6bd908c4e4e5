"""Post-copy by the real engine on the fake world: what an operator would notice.

A partition that changes its memory faster than the link carries it, and may be run by its target
before all of it is there. What breaks in the midst is mended where it can be; else both ends are
kept, and it is said what may be done.
"""

from contextlib import suppress

import pytest

from engine.conftest import Stand
from engine.test_killed_at_each_point import DyingJournal, check_the_end
from engine.test_moves import add
from fakes.fault import Fault, Stage
from fakes.hypervisors import ConsoleKilled
from fakes.places import BROKEN_OFF, FETCHES, LACKS
from openlpm.engine import mover
from openlpm.engine.views import MigrationView
from openlpm.model.errors import OpenLpmError, TooLate
from openlpm.model.migration import Phase
from openlpm.model.sight import Place, Sight, Why
from openlpm.model.system import Link

USUAL_TURN_S = mover.TURN_S
FETCH_LONG_MIB_S = 3
"""So that fetching lasts for the better part of a real second: time for something to happen."""

THROTTLED_MIB_S = 150
"""Too much for the link, and little enough once it is slowed down."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of sending are judged one a look, and only events bring looks sooner than this."""
    monkeypatch.setattr(mover, "TURN_S", 0.02)


def busy(stand: Stand, *, throttle: bool = True, **options: object) -> MigrationView:
    """A move of a partition that is too busy for the link, by post-copy."""
    options = {"memory_mib": 128, "dirty_mib_s": 500, **options}
    stand.world.link_mib_s = 50
    add(stand, **options)
    limits = {"throttle": throttle, "max_pause_ms": 60}
    return stand.console.migrate("web1", "s2", postcopy=True, **limits)


def until_there(stand: Stand, place: Place) -> None:
    stand.world.until(lambda: stand.world.place("web1", "s2") == place)


def in_order(stand: Stand, *codes: str) -> bool:
    """They were told in this order, whatever else was told in between."""
    told = iter(stand.codes())
    return all(code in told for code in codes)


def attention(stand: Stand) -> str:
    events = stand.console.events(limit=10_000)
    return " ".join(e.message for e in events if e.code == "migration-attention")


def assert_done(stand: Stand, view: MigrationView) -> None:
    view = stand.settle(view, timeout_s=60)
    assert view.migration.phase is Phase.DONE, view.migration.reason
    assert stand.world.running(view.migration.partition_uuid) == ["s2"]
    assert stand.world.place("web1", "s2") == Place(Sight.RUNNING)
    assert stand.world.place("web1", "s1").state is Sight.ABSENT
    assert stand.world.ran_twice == []
    assert stand.store.journal.reservations() == []


def assert_kept(stand: Stand, view: MigrationView, source: Place, target: Place) -> str:
    """Both ends stay as they are, and the move goes on; returns what recovery says."""
    move = view.migration.id
    stand.wait_for(lambda: "virsh destroy" in stand.console.recover(move).explanation)
    assert (stand.world.place("web1", "s1"), stand.world.place("web1", "s2")) == (source, target)
    assert not stand.console.migration(move).migration.phase.final
    assert stand.store.journal.reservations("s2")
    return stand.console.recover(move).explanation


def test_it_moves_by_postcopy_and_says_so(stand: Stand) -> None:
    view = busy(stand)
    assert_done(stand, view)
    assert in_order(
        stand,
        "migration-pause-widened",
        "migration-postcopy",
        "migration-start-postcopy",
        "migration-switch-over",
        "migration-cut-ties",
        "migration-done",
    )
    record = stand.console.migration(view.migration.id).migration
    assert record.switched
    assert not record.throttled
    assert (record.figures.bytes_sent or 0) >= 128 * 2**20
    assert stand.world.requests[-1].postcopy
    assert "migration-attention" not in stand.codes()


def test_without_leave_nothing_is_switched(stand: Stand) -> None:
    add(stand, memory_mib=128, dirty_mib_s=500)
    stand.world.link_mib_s = 50
    view = stand.console.migrate("web1", "s2", throttle=False, max_pause_ms=60)
    view = stand.settle(view, timeout_s=60)
    assert view.migration.phase is Phase.FAILED
    assert not view.migration.switched
    assert not stand.world.requests[-1].postcopy


def test_where_the_target_cannot_it_is_warned_and_goes_without(stand: Stand) -> None:
    stand.world.server("s2").no_postcopy = "Postcopy is not supported."
    view = busy(stand, dirty_mib_s=THROTTLED_MIB_S)
    (warned,) = view.findings
    assert warned.code == "postcopy-unsupported"
    assert "Postcopy is not supported." in warned.message
    assert_done(stand, view)
    assert not any(request.postcopy for request in stand.world.requests)
    assert stand.console.migration(view.migration.id).migration.throttled


def test_its_target_is_asked_only_when_it_may_be_switched_and_not_each_time(stand: Stand) -> None:
    add(stand)
    s1, s2 = stand.world.server("s1"), stand.world.server("s2")
    stand.console.validate("web1", "s2")
    stand.settle(stand.console.migrate("web1", "s2"))
    assert s2.postcopy_tries == 0
    stand.settle(stand.console.migrate("web1", "s1", postcopy=True))
    for to in ("s2", "s1"):
        stand.settle(stand.console.migrate("web1", to, postcopy=True))
    assert (s1.postcopy_tries, s2.postcopy_tries) == (1, 1)


def test_a_suspended_partition_is_never_switched(stand: Stand) -> None:
    view = stand.settle(busy(stand, state=Sight.PAUSED))
    assert view.migration.phase is Phase.DONE
    assert not view.migration.switched
    assert not any(request.postcopy for request in stand.world.requests)
    assert stand.world.place("web1", "s2") == Place(Sight.PAUSED, Why.USER)


REFUSAL = "Postcopy is not what this QEMU does."


def refused_switch(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, **options: object
) -> MigrationView:
    """A move of a busy partition whose switch is refused for as long as it is asked for."""
    monkeypatch.setattr(mover, "BACK_OFF_S", 0.05)
    stand.world.server("s1").refuse("start_postcopy", REFUSAL, times=10_000)
    return busy(stand, **options)


def test_a_switch_that_is_refused_for_ever_is_forgone_and_it_is_throttled(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = refused_switch(stand, monkeypatch, dirty_mib_s=THROTTLED_MIB_S)
    assert_done(stand, view)
    story = ["start-postcopy", "forgo-postcopy", "throttle", "done"]
    codes = [code.removeprefix("migration-") for code in stand.codes()]
    assert [code for code in codes if code in story] == story
    assert [request.postcopy for request in stand.world.requests] == [True, False]
    record = stand.console.migration(view.migration.id).migration
    assert record.throttled
    assert not record.switched
    assert REFUSAL in record.reason


def test_where_it_may_not_be_throttled_either_the_reason_names_the_refusal(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = stand.settle(refused_switch(stand, monkeypatch, throttle=False), timeout_s=60)
    assert view.migration.phase is Phase.FAILED
    assert "It does not converge" in view.migration.reason
    assert REFUSAL in view.migration.reason
    assert stand.world.running(view.migration.partition_uuid) == ["s1"]
    assert stand.world.place("web1", "s2").state is Sight.ABSENT


def test_a_stop_after_a_refused_switch_stops_it(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = refused_switch(stand, monkeypatch, memory_mib=512)
    stand.wait_for(lambda: "migration-forgo-postcopy" in stand.codes())
    stand.console.stop(view.migration.id)
    view = stand.settle(view)
    assert view.migration.phase is Phase.STOPPED
    assert stand.world.running(view.migration.partition_uuid) == ["s1"]
    assert stand.world.place("web1", "s2").state is Sight.ABSENT


def test_a_switch_that_is_refused_at_first_comes_all_the_same(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mover, "BACK_OFF_S", 0.05)
    stand.world.server("s1").refuse("start_postcopy", REFUSAL, times=mover.SWITCH_TRIES - 1)
    view = busy(stand)
    assert_done(stand, view)
    assert stand.console.migration(view.migration.id).migration.switched
    assert "migration-forgo-postcopy" not in stand.codes()


def test_a_stop_before_the_switch_stops_it(stand: Stand) -> None:
    view = busy(stand, memory_mib=2048)
    view = stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    stand.console.stop(view.migration.id)
    view = stand.settle(view)
    assert view.migration.phase is Phase.STOPPED
    assert stand.world.running(view.migration.partition_uuid) == ["s1"]
    assert stand.world.place("web1", "s2").state is Sight.ABSENT


def test_a_stop_from_the_switch_on_is_too_late(stand: Stand) -> None:
    stand.world.fetch_mib_s = FETCH_LONG_MIB_S
    view = busy(stand)
    stand.until(view, lambda v: v.migration.switched, timeout_s=60)
    with pytest.raises(TooLate):
        stand.console.stop(view.migration.id)
    assert_done(stand, view)


def test_a_stop_in_the_very_moment_of_the_switch_ends_done(stand: Stand) -> None:
    view = busy(stand)
    world = stand.world
    world.until(lambda: world.place("web1", "s1").fetching)  # the console may not have seen it
    with suppress(TooLate):
        stand.console.stop(view.migration.id)
    assert_done(stand, view)


def test_a_link_that_breaks_twice_is_waited_for(stand: Stand) -> None:
    stand.world.fail_transfer(Fault(Stage.FETCH, "the link broke", after_s=0.2))
    stand.world.fail_transfer(Fault(Stage.FETCH, "the link broke again", after_s=0.2))
    view = busy(stand)
    assert_done(stand, view)
    assert [request.resumes for request in stand.world.requests] == [False, True, True]
    breaks = ["migration-resume-postcopy", "migration-postcopy-goes-on"] * 2
    assert in_order(stand, "migration-postcopy", *breaks)
    assert [code for code in stand.codes() if code in breaks] == breaks
    assert "nothing is lost" in attention(stand)


def test_a_link_that_stays_cut_is_waited_for(stand: Stand) -> None:
    stand.world.fetch_mib_s = FETCH_LONG_MIB_S
    view = busy(stand)
    until_there(stand, FETCHES)
    stand.world.server("s2").network_cut = True
    until_there(stand, LACKS)
    stand.wait_for(lambda: len(stand.world.asked) > 12)
    assert stand.codes().count("migration-resume-postcopy") == 1
    assert "migration-postcopy-goes-on" not in stand.codes()
    assert stand.codes().count("migration-attention") < 4
    assert "nothing is lost" in attention(stand)
    assert "No route to host" in attention(stand)
    recovery = stand.console.recover(view.migration.id)
    assert "The connection broke while memory was fetched" in recovery.explanation
    assert not recovery.view.migration.phase.final
    stand.world.server("s2").network_cut = False
    assert_done(stand, view)
    assert in_order(stand, "migration-resume-postcopy", "migration-postcopy-goes-on")


def test_broken_in_the_switch_it_is_kept_for_an_operator(stand: Stand) -> None:
    stand.world.fail_transfer(Fault(Stage.SWITCH, "the link broke", after_s=0.1))
    view = busy(stand)
    told = assert_kept(stand, view, BROKEN_OFF, Place(Sight.ABSENT))
    assert "It has not run on s2: all of it is on s1" in told
    stand.world.hypervisors().connect(stand.world.server("s1").system).destroy(
        view.migration.partition_uuid
    )
    view = stand.settle(view)
    assert view.migration.phase is Phase.FAILED
    assert stand.console.activate("web1").state is Sight.RUNNING
    assert stand.world.running(view.migration.partition_uuid) == ["s1"]


@pytest.mark.parametrize(
    ("dies", "source", "target", "told"),
    [
        ("s2", BROKEN_OFF, Place(Sight.OFF, Why.FAULT), "the newest part of its memory"),
        ("s1", Place(Sight.OFF, Why.FAULT), LACKS, "s1 has lost the memory that s2 still lacks"),
    ],
)
def test_a_guest_that_dies_in_the_midst_leaves_the_rest(
    stand: Stand, dies: str, source: Place, target: Place, told: str
) -> None:
    stand.world.fetch_mib_s = FETCH_LONG_MIB_S
    view = busy(stand)
    until_there(stand, FETCHES)
    stand.world.kill_guest("web1", on=dies)
    assert told in assert_kept(stand, view, source, target)
    other = {"s1": "s2", "s2": "s1"}[dies]
    host = stand.world.hypervisors().connect(stand.world.server(other).system)
    host.destroy(view.migration.partition_uuid)
    view = stand.settle(view)
    ended = Phase.FAILED if dies == "s2" else Phase.DONE
    assert view.migration.phase is ended
    home = {Phase.FAILED: "s1", Phase.DONE: "s2"}[ended]
    assert stand.console.partition("web1").system == home
    assert stand.console.activate("web1").state is Sight.RUNNING
    assert stand.world.running(view.migration.partition_uuid) == [home]
    assert stand.world.ran_twice == []


def test_without_its_target_it_ends_and_says_what_is_left(stand: Stand) -> None:
    stand.world.fetch_mib_s = FETCH_LONG_MIB_S
    view = busy(stand)
    until_there(stand, FETCHES)
    with stand.world.lock:
        stand.world.server("s2").crash()
    stand.wait_for(lambda: stand.console.system("s2").link is Link.UNREACHABLE)
    recovery = stand.console.recover(view.migration.id, force=True)
    assert recovery.view.migration.phase is Phase.FAILED
    assert "s2 was given up. It is paused on s1." in recovery.explanation
    assert "the newest part of its memory" in recovery.explanation
    assert stand.world.place("web1", "s1") == BROKEN_OFF


def end_by_another(stand: Stand) -> None:
    """The console is killed, or has ended the move; whoever comes next finds it and ends it."""
    hypervisors = stand.consoles[-1][2]
    stand.world.until(lambda: hypervisors.killed or not stand.store.journal.unfinished())
    stand.kill()
    stand.start()
    uuid = stand.world.guest("web1").uuid
    check_the_end(stand, uuid)
    assert stand.world.running(uuid) == ["s2"]
    assert len([r for r in stand.world.requests if not r.resumes]) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(4, 9))
def test_killed_at_a_write(stand: Stand, write: int, *, after: bool) -> None:
    """From the decision to switch to the end; what comes before is any move's."""
    stand.kill()
    stand.start(lambda journal: DyingJournal(journal, stand, write, after=after))
    with suppress(ConsoleKilled, OpenLpmError):
        busy(stand)
    end_by_another(stand)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("breaks", [False, True], ids=["whole", "broken"])
@pytest.mark.parametrize("call", range(1, 16))
def test_killed_at_a_call(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, call: int, *, breaks: bool
) -> None:
    """At each of the calls that follow the decision to switch."""
    if breaks:
        stand.world.fail_transfer(Fault(Stage.FETCH, after_s=0.2))
    hypervisors = stand.consoles[-1][2]
    view = busy(stand)
    stand.until(view, lambda v: v.migration.switched)
    monkeypatch.setattr(mover, "TURN_S", USUAL_TURN_S)  # looks for nothing would be most calls
    with stand.world.lock:
        hypervisors.die_at(hypervisors.calls + call)
    end_by_another(stand)
