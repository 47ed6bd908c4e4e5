"""Moves by the real engine on the fake world: what becomes of the partition, and what is said."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.conftest import Stand
from fakes.fault import Fault, Stage
from fakes.host import FakeHost
from openlpm.engine.views import MigrationView
from openlpm.model.errors import Busy, Conflict, NotFound, Refused, ServerUnreachable, TooLate
from openlpm.model.migration import Kind, Migration, Phase, Progress
from openlpm.model.sight import Sight
from openlpm.model.system import Link, Mover
from openlpm.ports import Journal


def add(stand: Stand, name: str = "web1", **options: object) -> str:
    guest = stand.world.add_partition(name, on="s1", **options)
    stand.wait_for(lambda: any(p.name == name for p in stand.console.partitions()))
    return guest.uuid


def test_running_partition_moves_and_leaves_nothing_behind(stand: Stand) -> None:
    uuid = add(stand)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.DONE
    assert view.migration.kind is Kind.ACTIVE
    assert stand.world.running(uuid) == ["s2"]
    assert stand.world.ran_twice == []
    assert stand.world.place("web1", "s1").state is Sight.ABSENT
    assert stand.store.journal.reservations() == []
    figures = view.migration.figures
    assert figures.pause_ms
    assert figures.bytes_sent
    assert figures.bytes_sent > 0
    assert stand.console.partition("web1").system == "s2"


def test_the_pause_is_told_though_the_target_is_out_of_sight_at_the_end(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(stand)
    asked = FakeHost.completed

    def silent_at_the_end(host: FakeHost, uuid: str) -> Progress | None:
        if stand.world.place("web1", "s1").state is Sight.ABSENT:
            raise ServerUnreachable("server-unreachable", "It does not answer.")
        return asked(host, uuid)

    monkeypatch.setattr(FakeHost, "completed", silent_at_the_end)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.DONE
    assert view.migration.figures.pause_ms


class Witness:
    """A journal that notes where the inventory has a partition when its move is written as over."""

    def __init__(self, journal: Journal, stand: Stand) -> None:
        self.journal, self.stand = journal, stand
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.journal, name)

    def turn(self, migration: Migration, **rest: object) -> Migration:
        if migration.phase.final:
            self.seen = [p.system for p in self.stand.console.partitions()]
        return self.journal.turn(migration, **rest)


def test_what_is_told_as_done_is_shown_so_already(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.kill()
    witnesses: list[Witness] = []

    def beside(journal: Journal) -> Journal:
        witnesses.append(Witness(journal, stand))
        return witnesses[-1]

    stand.start(beside)
    add(stand, state=Sight.OFF)
    # The servers' own events may come later than the end.
    monkeypatch.setattr(stand.world.news, "tell", lambda *_: None)
    assert stand.settle(stand.console.migrate("web1", "s2")).migration.phase is Phase.DONE
    assert witnesses[-1].seen == ["s2"]


def test_it_returns_to_where_it_came_from(stand: Stand) -> None:
    uuid = add(stand)
    before = stand.console.partition("web1").mark
    stand.settle(stand.console.migrate("web1", "s2"))
    view = stand.settle(stand.console.return_partition("web1"))
    assert (view.migration.source, view.migration.target) == ("s2", "s1")
    assert stand.world.running(uuid) == ["s1"]
    after = stand.console.partition("web1").mark
    assert before
    assert after
    assert after.partition_id == before.partition_id


def test_no_way_back_is_said(stand: Stand) -> None:
    add(stand)
    with pytest.raises(Conflict) as refused:
        stand.console.return_partition("web1")
    assert refused.value.code == "no-way-back"


def test_inactive_partition_moves_its_definition(stand: Stand) -> None:
    add(stand, state=Sight.OFF)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.DONE
    assert view.migration.kind is Kind.INACTIVE
    assert stand.world.place("web1", "s2").state is Sight.OFF
    assert stand.world.place("web1", "s1").state is Sight.ABSENT


def test_paused_partition_stays_paused(stand: Stand) -> None:
    uuid = add(stand, state=Sight.PAUSED)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.DONE
    assert view.migration.kind is Kind.SUSPENDED
    assert stand.world.place("web1", "s2").state is Sight.PAUSED
    assert stand.world.running(uuid) == []


def test_stop_brings_everything_back(stand: Stand) -> None:
    uuid = add(stand, dirty_mib_s=500)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    stand.console.stop(view.migration.id)
    view = stand.settle(view)
    assert view.migration.phase is Phase.STOPPED
    assert stand.world.running(uuid) == ["s1"]
    assert stand.world.place("web1", "s2").state is Sight.ABSENT
    assert stand.store.journal.reservations() == []


def test_stop_after_the_end_is_too_late(stand: Stand) -> None:
    add(stand)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    with pytest.raises(TooLate):
        stand.console.stop(view.migration.id)


def test_a_partition_that_never_converges_stays_and_says_why(stand: Stand) -> None:
    uuid = add(stand, dirty_mib_s=5000)
    stand.world.link_mib_s = 50
    view = stand.console.migrate("web1", "s2", throttle=False, max_pause_ms=100)
    view = stand.settle(view, timeout_s=60)
    assert view.migration.phase is Phase.FAILED
    assert "does not converge" in view.migration.reason
    assert "100 ms are allowed" in view.migration.reason
    assert stand.world.running(uuid) == ["s1"]


def test_throttling_comes_after_widening_the_pause(stand: Stand) -> None:
    """Half of its speed must be taken: within the patience, however often it is looked at."""
    add(stand, dirty_mib_s=90)
    stand.world.link_mib_s = 50
    view = stand.settle(stand.console.migrate("web1", "s2", max_pause_ms=60), timeout_s=60)
    codes = stand.codes()
    assert codes.index("migration-pause-widened") < codes.index("migration-throttle")
    assert view.migration.throttled
    assert view.migration.phase is Phase.DONE


@pytest.mark.parametrize("stage", [Stage.PREPARE, Stage.SEND, Stage.PAUSE, Stage.FINISH])
def test_a_failed_transfer_leaves_it_running_at_the_source(stand: Stand, stage: Stage) -> None:
    uuid = add(stand)
    stand.world.fail_transfer(Fault(stage, message="the link broke"))
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.FAILED
    assert "the link broke" in view.migration.reason
    assert stand.world.running(uuid) == ["s1"]
    assert stand.world.place("web1", "s2").state is Sight.ABSENT
    assert not stand.world.guest("web1").unfenced
    assert ("migration-retake-lease" in stand.codes()) == (stage in (Stage.PAUSE, Stage.FINISH))
    assert stand.store.journal.reservations() == []


def test_a_lease_that_cannot_be_taken_again_is_tried_until_it_can(stand: Stand) -> None:
    uuid = add(stand)
    stand.world.fail_transfer(Fault(Stage.PAUSE))
    stand.world.server("s1").refuse("resume", "resource busy", times=2)
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.FAILED
    assert stand.world.running(uuid) == ["s1"]
    assert not stand.world.guest("web1").unfenced


def test_a_failure_after_it_arrived_is_no_failure(stand: Stand) -> None:
    uuid = add(stand)
    stand.world.fail_transfer(Fault(Stage.CONFIRM))
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.DONE
    assert stand.world.running(uuid) == ["s2"]
    assert stand.world.place("web1", "s1").state is Sight.ABSENT
    assert stand.world.ran_twice == []


def test_a_source_left_paused_is_resumed(stand: Stand) -> None:
    uuid = add(stand)
    stand.world.fail_transfer(Fault(Stage.FINISH, source_stays_paused=True))
    view = stand.settle(stand.console.migrate("web1", "s2"))
    assert view.migration.phase is Phase.FAILED
    assert stand.world.running(uuid) == ["s1"]


def test_a_target_out_of_sight_is_waited_for(stand: Stand) -> None:
    uuid = add(stand, dirty_mib_s=100)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    stand.world.server("s2").reachable = False
    stand.world.until(lambda: stand.world.running(uuid) == ["s2"])
    assert not stand.console.migration(view.migration.id).migration.phase.final
    assert stand.store.journal.reservations("s2")
    stand.world.server("s2").reachable = True
    view = stand.settle(view)
    assert view.migration.phase is Phase.DONE


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_killed_console_is_followed_by_one_that_ends_the_move(stand: Stand) -> None:
    uuid = add(stand)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    stand.kill()
    stand.start()
    view = stand.settle(view)
    assert view.migration.phase is Phase.DONE
    assert view.migration.figures.pause_ms
    assert stand.world.running(uuid) == ["s2"]


def test_a_second_request_is_busy(stand: Stand) -> None:
    add(stand, dirty_mib_s=100)
    view = stand.console.migrate("web1", "s2")
    with pytest.raises((Busy, Refused)) as refused:
        stand.console.migrate("web1", "s2")
    assert "move-under-way" in str(refused.value) or view.migration.id in str(refused.value)
    stand.settle(view)


def test_many_that_ask_at_once_do_not_exceed_the_movers_limit(stand: Stand) -> None:
    names = [f"web{number}" for number in range(8)]
    stand.world.link_mib_s = 1  # none has ended when the last one asks
    for name in names:
        add(stand, name)
    together = threading.Barrier(len(names))

    def move(name: str) -> MigrationView | Refused:
        together.wait(10)
        try:
            return stand.console.migrate(name, "s2")
        except Refused as refusal:
            return refusal

    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(move, names))
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == len(names) - Mover().concurrent
    assert {f.code for r in refused for f in r.findings} == {"mover-busy"}


def test_unknown_names_are_said_and_nothing_happens(stand: Stand) -> None:
    add(stand)
    with pytest.raises(NotFound):
        stand.console.migrate("web2", "s2")
    with pytest.raises(NotFound):
        stand.console.migrate("web1", "s9")
    with pytest.raises(NotFound):
        stand.console.migrate("web", "s2")
    assert stand.console.migrations() == []


def test_validation_refuses_and_changes_nothing(stand: Stand) -> None:
    add(stand)
    stand.world.server("s2").cpu_missing = "avx512f"
    with pytest.raises(Refused) as refused:
        stand.console.migrate("web1", "s2")
    assert [f.code for f in refused.value.findings] == ["processor-incompatible"]
    assert stand.console.migrations() == []
    assert stand.store.journal.reservations() == []


def test_targets_says_why_not(stand: Stand) -> None:
    add(stand)
    stand.console.add_system(stand.world.server("s3").system)
    stand.world.server("s3").cpu_missing = "avx512f"
    judged = {e.validation.target: e.validation for e in stand.console.targets("web1")}
    assert judged["s2"].passed
    assert [f.code for f in judged["s3"].errors] == ["processor-incompatible"]


def test_an_unreachable_server_is_shown_and_nothing_is_guessed(stand: Stand) -> None:
    add(stand)
    stand.world.server("s1").reachable = False
    stand.wait_for(lambda: stand.console.system("s1").link is Link.UNREACHABLE)
    assert stand.console.partition("web1").state is Sight.UNKNOWN
    with pytest.raises(Refused) as refused:
        stand.console.migrate("web1", "s2")
    assert "source-unreachable" in [f.code for f in refused.value.findings]


def test_recover_explains_what_it_sees(stand: Stand) -> None:
    add(stand, dirty_mib_s=100)
    view = stand.console.migrate("web1", "s2")
    stand.until(view, lambda v: v.migration.phase is Phase.SEND)
    recovery = stand.console.recover(view.migration.id)
    assert "s1" in recovery.explanation
    stand.settle(view)
    assert "nothing to recover" in stand.console.recover(view.migration.id).explanation
