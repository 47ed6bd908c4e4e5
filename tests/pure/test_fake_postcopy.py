"""The fake world's post-copy keeps to what was measured on libvirt 9.0 with QEMU 7.2."""

import threading

import pytest
from test_fake_world import MOVED, RUNNING, SHELL, Console

from fakes.fault import Fault, Stage
from fakes.guest import Guest
from fakes.world import World
from openlpm.model.errors import HypervisorRefused
from openlpm.model.partition import Rmc
from openlpm.model.sight import ABSENT, Place, Sight, Why

FETCHED_FROM = Place(Sight.PAUSED, Why.POSTCOPY)
FETCHES = Place(Sight.RUNNING, Why.POSTCOPY)
BROKEN_OFF = Place(Sight.PAUSED, Why.POSTCOPY_FAILED)
LACKS = Place(Sight.RUNNING, Why.POSTCOPY_FAILED)
CRASHED = Place(Sight.OFF, Why.FAULT)


@pytest.fixture
def busy(world: World) -> Guest:
    return world.add_partition("busy", on="s1", memory_mib=512, dirty_mib_s=500)


def places(world: World) -> tuple[Place, Place]:
    return world.place("busy", "s1"), world.place("busy", "s2")


def switched(world: World, busy: Guest, until: Place = FETCHES) -> tuple[Console, threading.Thread]:
    """A transfer on its way, switched, and seen so at the target."""
    console = Console(world)
    thread = console.move(busy, postcopy=True)
    world.until(lambda: world.place("busy", "s2") == SHELL)
    with world.lock:
        console.hosts["s1"].start_postcopy(busy.uuid)
        assert places(world) == (FETCHED_FROM, SHELL)
    world.until(lambda: world.place("busy", "s2") == until)
    return console, thread


def test_it_passes_all_states_and_ends(world: World, busy: Guest):
    console, thread = switched(world, busy)
    assert world.running(busy.uuid) == ["s2"]
    console.hosts["s1"].start_postcopy(busy.uuid)
    console.hosts["s1"].abort_transfer(busy.uuid)
    thread.join()
    assert console.ended == [None]
    assert places(world) == (MOVED, RUNNING)
    figures = console.hosts["s1"].completed(busy.uuid)
    assert figures is not None
    assert figures.pause_ms == 340
    assert figures.remaining_bytes == 0
    assert console.hosts["s2"].completed(busy.uuid) is None
    assert not world.ran_twice


def test_neither_end_can_be_paused_or_resumed_in_the_midst(world: World, busy: Guest):
    console, thread = switched(world, busy)
    with world.lock:
        for ask in (console.hosts["s1"].resume, console.hosts["s2"].pause):
            with pytest.raises(HypervisorRefused):
                ask(busy.uuid)
    thread.join()


def test_without_a_transfer_or_the_flag_it_is_refused(world: World, busy: Guest):
    console = Console(world)
    host = console.hosts["s1"]
    with pytest.raises(HypervisorRefused, match="outgoing"):
        host.start_postcopy(busy.uuid)
    thread = console.move(busy)
    world.until(lambda: world.place("busy", "s2") == SHELL)
    with pytest.raises(HypervisorRefused, match="not asked"):
        host.start_postcopy(busy.uuid)
    host.abort_transfer(busy.uuid)
    thread.join()


def test_a_broken_one_waits_until_it_is_resumed(world: World, busy: Guest):
    console, thread = switched(world, busy)
    world.server("s2").network_cut = True
    thread.join()
    assert isinstance(console.ended[0], HypervisorRefused)
    assert places(world) == (BROKEN_OFF, LACKS)
    assert console.hosts["s2"].rmc(busy.uuid) is Rmc.INACTIVE
    assert console.hosts["s1"].progress(busy.uuid) is not None  # libvirt keeps its job
    console.move(busy, postcopy=True).join()
    console.move(busy, postcopy=True, resumes=True).join()
    assert "No route" in str(console.ended[2])
    world.server("s2").network_cut = False
    console.move(busy, postcopy=True).join()
    assert "55" in str(console.ended[3])
    console.move(busy, postcopy=True, resumes=True).join()
    assert console.ended[4] is None
    assert places(world) == (MOVED, RUNNING)


def test_nothing_is_resumed_that_has_not_broken(world: World, busy: Guest):
    console = Console(world)
    console.move(busy, resumes=True).join()
    assert "no migration to resume" in str(console.ended[0])
    console, thread = switched(world, busy)
    console.move(busy, resumes=True).join()
    assert "no failed post-copy" in str(console.ended[0])
    thread.join()


def test_one_that_breaks_in_the_switch_stays_at_the_source_for_good(world: World, busy: Guest):
    world.fail_transfer(Fault(Stage.SWITCH, after_s=0.1))
    console, thread = switched(world, busy, until=ABSENT)
    thread.join()
    assert places(world) == (BROKEN_OFF, ABSENT)
    console.move(busy, resumes=True).join()
    assert "no failed post-copy" in str(console.ended[1])
    with pytest.raises(HypervisorRefused):
        console.hosts["s1"].resume(busy.uuid)
    console.hosts["s1"].destroy(busy.uuid)
    console.hosts["s1"].start(busy.uuid)


@pytest.mark.parametrize(("on", "left"), [("s1", (CRASHED, LACKS)), ("s2", (BROKEN_OFF, CRASHED))])
def test_a_killed_guest_takes_its_share_with_it(
    world: World, busy: Guest, on: str, left: tuple[Place, Place]
):
    console, thread = switched(world, busy)
    world.kill_guest("busy", on=on)
    thread.join()
    assert isinstance(console.ended[0], HypervisorRefused)
    assert places(world) == left
    console.move(busy, resumes=True).join()
    assert isinstance(console.ended[1], HypervisorRefused)
    assert places(world) == left


def test_it_outlives_the_daemon_of_its_source(world: World, busy: Guest):
    _, thread = switched(world, busy)
    with world.lock:
        world.server("s1").restart_daemon()
    world.until(lambda: places(world) == (MOVED, RUNNING))
    thread.join()
