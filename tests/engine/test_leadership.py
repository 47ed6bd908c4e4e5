"""Two consoles: whoever takes over finishes the move; whoever lost the lease does nothing.

The leader is frozen right after each write of a move, before the effect that follows; and killed at
each call to a server.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine.pair import One, Pair
from fakes.hypervisors import ConsoleKilled
from fakes.world import World
from openlpm.engine.fence import LOOKS
from openlpm.model.errors import NotLeader, OpenLpmError, StoreFailed
from openlpm.model.migration import Phase
from openlpm.model.partition import PartitionSpec
from openlpm.model.sight import Sight
from openlpm.ports import Host

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

ACTS = {
    *("create", "write_mark", "remove_mark", "delete"),
    *("start", "shutdown", "destroy", "pause", "resume"),
    *("open_console", "start_transfer", "set_pause_limit", "abort_transfer", "define", "undefine"),
    *("try_encryption", "try_postcopy", "lease_is_free", "start_postcopy"),
    *("activate", "write_profiles", "try_division"),
    *("create_volume", "grow_volume", "grow_disk", "delete_volume", "refresh_pool"),
    *("set_memory", "set_processors", "set_entitlement", "plug", "unplug"),
}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(World(servers=3), tmp_path / "console.db")
    try:
        yield made
    finally:
        made.close()


def two_consoles(pair: Pair, after_write: Callable[[str], None] = lambda _: None) -> list[One]:
    """The first leads and manages two servers, with a partition; the second one follows."""
    one = pair.start("one", after_write)
    for name in ("s1", "s2"):
        one.console.add_system(pair.world.server(name).system)
    pair.world.add_partition("web1", on="s1")
    two = pair.start("two")
    for each in (one, two):
        pair.wait(lambda each=each: len(each.console.partitions()) == 1)
    pair.wait(lambda: "partition-state" in [code for _, code in told(one)])
    return [one, two]


def uuid_of(pair: Pair) -> str:
    return pair.world.guest("web1").uuid


def check_the_end(pair: Pair, left: One) -> None:
    """The one that is left has finished the move: it runs once, and nothing is left over."""
    pair.wait(lambda: [code for _, code in told(left)].count("console-leads") == 2)
    pair.wait(lambda: not left.store.journal.unfinished(), 30)
    running = pair.world.running(uuid_of(pair))
    assert len(running) == 1
    assert pair.world.ran_twice == []
    other = {"s1": "s2", "s2": "s1"}[running[0]]
    pair.world.until(lambda: pair.world.place("web1", other).state is Sight.ABSENT)
    assert left.store.journal.reservations() == []
    for view in left.console.migrations():
        expected = Phase.DONE if running == ["s2"] else Phase.FAILED
        assert view.migration.phase is expected, view.migration.reason


def told(one: One) -> list[tuple[int, str]]:
    return [(event.seq, event.code) for event in one.store.journal.events(limit=10_000)]


def moves_told(one: One) -> list[tuple[int, str]]:
    """Without what a console sees by itself, at its own time."""
    return [(seq, code) for seq, code in told(one) if code != "partition-state"]


def test_each_method_of_a_host_is_a_look_or_an_act() -> None:
    methods = {name for name in vars(Host) if not name.startswith("_")}
    assert methods == LOOKS | ACTS
    assert not LOOKS & ACTS


@pytest.mark.parametrize("write", range(1, 7))
def test_a_leader_frozen_after_a_write_does_nothing_when_it_thaws(pair: Pair, write: int) -> None:
    left = [write]

    def after(name: str) -> None:
        if name in ("begin", "turn"):
            left[0] -= 1
            if left[0] == 0:
                pair.consoles["one"].freezer.freeze()

    one, two = two_consoles(pair, after)

    def ask() -> None:
        with suppress(OpenLpmError):
            one.console.migrate("web1", "s2")

    asker = threading.Thread(target=ask, daemon=True)
    asker.start()
    is_over = lambda: not asker.is_alive() and not one.store.journal.unfinished()  # noqa: E731
    pair.wait(lambda: left[0] <= 0 or is_over())
    if left[0] > 0:
        return  # a move whose short steps were never seen has fewer writes
    pair.let_lease_end()
    check_the_end(pair, two)
    story = moves_told(two)
    one.freezer.thaw()
    pair.wait(lambda: not one.console.leading.leads)
    asker.join(20)
    assert not asker.is_alive()
    with pytest.raises(NotLeader) as caught:
        one.console.migrate("web1", "s1")
    assert (caught.value.code, caught.value.cause) == ("not-leading", "Another one leads: two.")
    pair.wait(lambda: not one.console._executor._movers)
    assert not ACTS & set(one.freezer.called)
    assert moves_told(two) == story == moves_told(one)
    assert [code for _, code in story].count("console-leads") == 2
    assert one.console.migrations() == two.console.migrations()


@pytest.mark.parametrize("call", range(1, 46, 4))
def test_a_leader_killed_at_a_call_is_replaced(pair: Pair, call: int) -> None:
    one, two = two_consoles(pair)
    one.hypervisors.die_at(one.hypervisors.calls + call)
    with suppress(ConsoleKilled, OpenLpmError):
        one.console.migrate("web1", "s2")
    pair.wait(lambda: one.hypervisors.killed or not one.store.journal.unfinished())
    one.kill()
    pair.let_lease_end()
    check_the_end(pair, two)
    assert two.store.leadership.who().epoch == 3  # the file's own opening was the first


def test_a_thawed_leader_can_lead_again(pair: Pair) -> None:
    one, two = two_consoles(pair)
    one.freezer.freeze()
    pair.let_lease_end()
    pair.wait(lambda: two.console.leading.leads)
    one.freezer.thaw()
    pair.wait(lambda: not one.console.leading.leads)
    two.console.leading.close()  # as an operator stops it
    pair.wait(lambda: one.console.leading.leads)
    view = one.console.migrate("web1", "s2")
    pair.wait(lambda: one.console.migration(view.migration.id).migration.phase.final)
    assert pair.world.running(uuid_of(pair)) == ["s2"]


def refused(ask: Callable[[], Any]) -> str:
    with pytest.raises(NotLeader) as caught:
        ask()
    return caught.value.cause


def test_a_follower_reads_and_changes_nothing(pair: Pair) -> None:
    one, two = two_consoles(pair)
    console, before = two.console, told(one)
    spec = PartitionSpec("web2", "s1", 64)
    asked: list[Callable[[], Any]] = [
        lambda: console.add_system(pair.world.server("s3").system),
        lambda: console.remove_system("s1"),
        lambda: console.create_partition(spec),
        lambda: console.activate("web1"),
        lambda: console.shutdown("web1", force=True),
        lambda: console.pause("web1"),
        lambda: console.resume("web1"),
        lambda: console.delete("web1"),
        lambda: console.adopt("web1"),
        lambda: console.release("web1"),
        lambda: console.open_console("web1"),
        lambda: console.validate("web1", "s2"),
        lambda: console.targets("web1"),
        lambda: console.migrate("web1", "s2"),
        lambda: console.return_partition("web1"),
        lambda: console.stop("m1"),
        lambda: console.recover("m1"),
        lambda: console.backup("/tmp/b"),
        lambda: console.restore("/tmp/b"),
    ]
    assert {refused(ask) for ask in asked} == {"Another one leads: one."}
    assert not ACTS & set(two.freezer.called)
    assert told(one) == before
    assert [v.system.name for v in console.systems()] == ["s1", "s2"]
    assert console.partition("web1").state is Sight.RUNNING
    assert console.baseline(["s1", "s2"]).systems == ("s1", "s2")


def test_a_follower_sees_what_the_leader_does(pair: Pair) -> None:
    one, two = two_consoles(pair)
    heard = two.console.last_seq()
    one.console.add_system(pair.world.server("s3").system)
    pair.wait(lambda: len(two.console.systems()) == 3)
    one.console.remove_system("s3")
    pair.wait(lambda: len(two.console.systems()) == 2)
    view = one.console.migrate("web1", "s2")
    followed = two.console.migration(view.migration.id)
    while not followed.migration.phase.final:
        followed = two.console.wait_migration(view.migration.id, followed, 5)
    assert followed.migration.phase is Phase.DONE
    assert two.console.partition("web1").system == "s2"
    codes = [event.code for event in two.console.wait_events(heard, 5)]
    assert "migration-done" in codes


def test_a_leader_without_its_database_stops_acting_in_time(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pair.start("one")
    one.console.add_system(pair.world.server("s1").system)
    pair.world.add_partition("web1", on="s1")
    pair.wait(one.console.partitions)

    def away(*_: object) -> None:
        raise StoreFailed("store-unreachable", "PostgreSQL does not answer.", cause="It is away.")

    with monkeypatch.context() as patch:
        for name in ("who", "claim", "renew", "confirm"):
            patch.setattr(one.store.leadership, name, away)
        with pytest.raises(StoreFailed):  # before its lease has ended, too: nobody confirms it
            one.console.pause("web1")
        assert one.console.leading.leads
        pair.let_lease_end()
        pair.wait(lambda: not one.console.leading.leads)
        assert refused(lambda: one.console.pause("web1")) == "No console leads at the moment."
        assert "It is away." in one.console.console().trouble
        assert pair.world.running(uuid_of(pair)) == ["s1"]
    pair.wait(lambda: one.console.leading.leads)
    one.console.pause("web1")
    assert pair.world.running(uuid_of(pair)) == []
    leader = one.console.console().leader
    assert leader is not None
    assert leader.name == "one"
