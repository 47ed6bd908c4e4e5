"""Two requests at once: a disk, a definition and a server's room are given to one of them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from engine.conftest import Stand
from engine.test_profiles import create, current
from fakes.host import FakeHost
from openlpm.engine import claims
from openlpm.model.errors import Busy, OpenLpmError, Refused, StoreFailed
from openlpm.model.event import Event
from openlpm.model.profile import DiskAdapter
from openlpm.model.resize import Resize
from openlpm.model.sight import Sight
from openlpm.model.verdict import TimeVerdict
from openlpm.ports import Journal


def meet(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    """Two callers of these are there before either goes on, if both come within two seconds."""
    barrier = threading.Barrier(2)

    def met(real: Callable[..., Any]) -> Callable[..., Any]:
        def waiting(self: FakeHost, *asked: Any) -> Any:
            with suppress(threading.BrokenBarrierError):
                barrier.wait(2)
            return real(self, *asked)

        return waiting

    for method in methods:
        monkeypatch.setattr(FakeHost, method, met(getattr(FakeHost, method)))


def both(*asks: Callable[[], object]) -> list[object]:
    """What they answer, or how they fail, asked at once."""
    told: list[object] = [None] * len(asks)

    def run(at: int) -> None:
        try:
            told[at] = asks[at]()
        except OpenLpmError as error:
            told[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return told


def running(stand: Stand, *names: str) -> int:
    return sum(stand.console.partition(name).state is Sight.RUNNING for name in names)


class Held:
    """A host's method that hangs until it is let go. `inside`: somebody is in it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.inside, self.go = threading.Event(), threading.Event()
        real = getattr(FakeHost, method)

        def hanging(host: FakeHost, *asked: Any) -> Any:
            self.inside.set()
            assert self.go.wait(20)
            return real(host, *asked)

        monkeypatch.setattr(FakeHost, method, hanging)

    def while_in(self, ask: Callable[[], object], meanwhile: Callable[[], None]) -> object:
        told: list[object] = []
        thread = threading.Thread(target=lambda: told.extend(both(ask)))
        thread.start()
        try:
            assert self.inside.wait(5)
            meanwhile()
        finally:
            self.go.set()
            thread.join(30)
        return told[0]


@pytest.mark.parametrize("other", ["s1", "s2"])
def test_one_of_two_activations_at_once_gets_the_disk(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    create(stand, "web1")
    create(stand, "web2", system=other, ethernets=())
    meet(monkeypatch, "open_disks")
    told = both(lambda: stand.console.activate("web1"), lambda: stand.console.activate("web2"))
    assert running(stand, "web1", "web2") == 1
    (refused,) = [each for each in told if isinstance(each, Refused)]
    assert "is being activated with it" in refused.findings[0].message


def test_one_of_two_that_fit_one_by_one_is_activated(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("web1", "web2"):
        create(stand, name, memory_mib=40_000, disks=(), ethernets=())
    meet(monkeypatch, "activate")
    told = both(lambda: stand.console.activate("web1"), lambda: stand.console.activate("web2"))
    assert running(stand, "web1", "web2") == 1
    (refused,) = [each for each in told if isinstance(each, Refused)]
    assert "(being activated) 40000 MiB" in refused.findings[0].message


def test_a_start_as_defined_has_its_room_while_it_starts(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.world.add_partition("old", on="s1", memory_mib=60_000, state=Sight.OFF)
    stand.wait_for(lambda: any(p.name == "old" for p in stand.console.partitions()))
    create(stand, memory_mib=40_000)

    def another() -> None:
        with pytest.raises(Refused, match="cannot give the minimum"):
            stand.console.activate("web1")

    start = Held(monkeypatch, "start")
    start.while_in(lambda: stand.console.activate("old"), another)
    assert running(stand, "old", "web1") == 1


def test_two_changes_of_profiles_at_once_are_both_kept(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(stand)
    meet(monkeypatch, "write_profiles")
    both(
        lambda: stand.console.copy_profile("web1", "default", "a", {}),
        lambda: stand.console.copy_profile("web1", "default", "b", {}),
    )
    assert {p["name"] for p in stand.console.profiles("web1").profiles} == {"default", "a", "b"}


def test_a_change_that_is_asked_for_while_it_is_activated_is_refused_or_kept(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE_S", 0.1)
    create(stand)
    more = {"memory": {"desired": 2048}}

    def change() -> None:
        with pytest.raises(Busy, match="being activated"):
            stand.console.change_profile("web1", "default", more)

    Held(monkeypatch, "open_disks").while_in(lambda: stand.console.activate("web1"), change)
    stand.console.change_profile("web1", "default", more)
    assert current(stand.console.profiles("web1"))["memory"]["desired"] == 2048


def test_what_is_being_activated_is_not_moved(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE_S", 0.1)
    create(stand)

    def move() -> None:
        with pytest.raises(Busy, match="being activated"):
            stand.console.migrate("web1", "s2")

    Held(monkeypatch, "activate").while_in(lambda: stand.console.activate("web1"), move)
    assert stand.console.partition("web1").state is Sight.RUNNING


def test_other_moves_to_a_server_are_not_held_up_by_a_start_that_hangs(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(stand)
    create(stand, "web2", system="s2", disks=(), ethernets=())
    stand.console.activate("web2")

    def move() -> None:
        asked = time.monotonic()
        stand.settle(stand.console.migrate("web2", "s1"))
        assert time.monotonic() - asked < 10

    Held(monkeypatch, "activate").while_in(lambda: stand.console.activate("web1"), move)
    assert stand.console.partition("web2").system == "s1"


class Full:
    """A journal that can be read only."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def tell(self, event: Event) -> Event:
        raise StoreFailed("store-failed", f"Disk full: {event.code}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


def test_what_runs_is_no_failure_though_its_warning_cannot_be_written(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(stand)
    stand.world.server("s1").division = TimeVerdict(trouble="It has no control groups.")
    monkeypatch.setattr(stand.store.journal, "tell", Full(stand.store.journal).tell)
    seen = stand.console.activate("web1")
    assert (seen.state, len(seen.warnings)) == (Sight.RUNNING, 1)


def two_running(stand: Stand) -> None:
    """Each has 1024 MiB and may have 60 000 of the 65 536 there are."""
    profile = {"memory": {"maximum": 60_000}, "processing_units": {"minimum": 0.1}}
    for name in ("web1", "web2"):
        create(stand, name, disks=(), ethernets=(), profile=profile)
        stand.console.activate(name)


def test_two_that_start_at_once_have_their_most_memory_beside_each_other(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest has all of it until its balloon driver is there."""
    for name in ("web1", "web2"):
        create(stand, name, disks=(), ethernets=(), profile={"memory": {"maximum": 60_000}})
    meet(monkeypatch, "activate")
    both(lambda: stand.console.activate("web1"), lambda: stand.console.activate("web2"))
    found = [stand.console.size(name).running for name in ("web1", "web2")]
    assert sorted(each.most_memory_mib for each in found if each) == [5_536, 60_000]


def test_one_of_two_that_are_resized_at_once_gets_the_room(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_running(stand)
    meet(monkeypatch, "set_memory")
    told = both(
        lambda: stand.console.resize("web1", Resize(40_000)),
        lambda: stand.console.resize("web2", Resize(40_000)),
    )
    (refused,) = [each for each in told if isinstance(each, Refused)]
    assert "40000 MiB" in refused.findings[0].message
    given = [stand.console.partition(name).memory_mib for name in ("web1", "web2")]
    assert sorted(given) == [1024, 40_000]


def test_one_of_two_that_are_resized_at_once_gets_the_disk(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_running(stand)
    disk = DiskAdapter("nbd://storage:10809/more")
    meet(monkeypatch, "open_disks")
    told = both(
        lambda: stand.console.resize("web1", Resize(add=(disk,))),
        lambda: stand.console.resize("web2", Resize(add=(disk,))),
    )
    (refused,) = [each for each in told if isinstance(each, Refused)]
    assert "is being resized with it" in refused.findings[0].message


def test_a_guest_that_takes_its_time_holds_up_no_other(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a start nor a resizing; and its room is not given away."""
    two_running(stand)
    create(stand, "small", disks=(), ethernets=())
    create(stand, "large", memory_mib=40_000, disks=(), ethernets=())
    slow = Held(monkeypatch, "set_memory")

    def others() -> None:
        stand.console.activate("small")
        stand.console.resize("web2", Resize(units=0.3))
        with pytest.raises(Refused, match="cannot give the minimum"):
            stand.console.activate("large")

    told = slow.while_in(lambda: stand.console.resize("web1", Resize(40_000)), others)
    assert not isinstance(told, OpenLpmError)


def test_what_may_have_to_be_given_back_is_not_given_away(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives memory and its disk up, and gets both again, as a later step is refused."""
    disk = "nbd://storage:10809/web1"
    wide = {
        "memory": {"maximum": 60_000},
        "processors": {"maximum": 2},
        "adapters": [{"disk": disk, "required": False}],
    }
    create(stand, "web1", profile=wide)
    stand.console.activate("web1")
    stand.console.resize("web1", Resize(40_000))
    create(stand, "web2", memory_mib=40_000, ethernets=())
    stand.world.server("s1").refuse("set_processors", "QEMU would not")
    slow = Held(monkeypatch, "set_processors")

    def other() -> None:
        seen = stand.console.partition("web1")
        assert (seen.memory_mib, seen.writes) == (1024, ())
        with pytest.raises(Refused):
            stand.console.activate("web2")

    asked = Resize(1024, 2, remove=(disk,))
    told = slow.while_in(lambda: stand.console.resize("web1", asked), other)
    assert isinstance(told, OpenLpmError)
    seen = stand.console.partition("web1")
    assert (seen.memory_mib, seen.writes) == (40_000, (disk,))
