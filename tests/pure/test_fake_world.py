"""The fake world keeps to what was measured on libvirt: what the engine's tests stand on."""

import threading
from dataclasses import replace

import pytest

from fakes.fault import Fault, Stage
from fakes.guest import Guest
from fakes.hypervisors import ConsoleKilled
from fakes.world import World
from openlpm.model.errors import HypervisorRefused, OpenLpmError, ServerUnreachable
from openlpm.model.partition import Mark
from openlpm.model.sight import ABSENT, Place, Sight, Why
from openlpm.ports import Host, Hypervisors, Transfer

SHELL = Place(Sight.PAUSED, Why.MIGRATION)
RUNNING = Place(Sight.RUNNING)
RESUMED = Place(Sight.RUNNING, Why.RESUMED)
MOVED = Place(Sight.OFF, Why.MIGRATED)


class Console:
    """The least that asks for a transfer: a connection to each server, and a thread."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hypervisors: Hypervisors = world.hypervisors()
        self.hosts: dict[str, Host] = {
            name: self.hypervisors.connect(server.system) for name, server in world.servers.items()
        }
        self.ended: list[BaseException | None] = []

    def move(self, guest: Guest, **changes: object) -> threading.Thread:
        target = self.world.server("s2").system
        wish = Transfer(guest.uuid, target, Mark(1, came_from="s1"), False, False, 300, 0)
        thread = threading.Thread(target=self._move, args=(replace(wish, **changes),))
        thread.start()
        return thread

    def _move(self, transfer: Transfer) -> None:
        try:
            self.hosts["s1"].start_transfer(transfer)
        except (OpenLpmError, ConsoleKilled) as error:
            self.ended.append(error)
        else:
            self.ended.append(None)


@pytest.fixture
def web1(world: World) -> Guest:
    return world.add_partition("web1", on="s1", memory_mib=512, dirty_mib_s=20)


def test_a_move_passes_all_states_and_pauses_shortly(world: World, web1: Guest):
    console = Console(world)
    seen: set[tuple[Place, Place]] = set()
    thread = console.move(web1)

    def arrived() -> bool:
        seen.add((world.place("web1", "s1"), world.place("web1", "s2")))
        return bool(console.ended)

    world.until(arrived)
    thread.join()
    assert console.ended == [None]
    assert {(RUNNING, ABSENT), (RUNNING, SHELL), (MOVED, RUNNING)} <= seen
    figures = console.hosts["s2"].completed(web1.uuid)
    assert figures is not None
    assert 0 < figures.pause_ms <= 320
    assert figures.sent_bytes > 512 * 2**20


def test_two_worlds_measure_the_same_however_time_is_cut():
    figures: set[object] = set()
    for step_s in (0.02, 0.003):
        world = World(servers=2, flows=False)
        guest = world.add_partition("web1", on="s1")
        console = Console(world)
        thread = console.move(guest)
        world.until(lambda world=world: world.transfers)
        while not console.ended:
            world.step(step_s)
        thread.join()
        figures.add(console.hosts["s2"].completed(guest.uuid))
        world.close()
    assert len(figures) == 1


@pytest.mark.parametrize(
    ("stage", "source", "target"),
    [
        (Stage.PREPARE, RUNNING, ABSENT),
        (Stage.SEND, RUNNING, ABSENT),
        (Stage.PAUSE, RESUMED, ABSENT),
        (Stage.FINISH, RESUMED, ABSENT),
        (Stage.CONFIRM, SHELL, RUNNING),
    ],
)
def test_a_failing_transfer_leaves_it_at_one_end(
    world: World, web1: Guest, stage: Stage, source: Place, target: Place
):
    console = Console(world)
    world.fail_transfer(Fault(stage, "made to fail"))
    console.move(web1).join()
    assert isinstance(console.ended[0], HypervisorRefused)
    world.until(lambda: world.place("web1", "s2") == target)
    assert world.place("web1", "s1") == source


def test_an_aborted_target_is_listed_for_a_while(world: World, web1: Guest):
    console = Console(world)
    thread = console.move(web1)
    world.until(lambda: world.place("web1", "s2") == SHELL)
    with world.lock:
        console.hosts["s1"].abort_transfer(web1.uuid)
        assert world.place("web1", "s2") == SHELL
    thread.join()
    world.until(lambda: world.place("web1", "s2") == ABSENT)
    assert world.running(web1.uuid) == ["s1"]


def test_a_transfer_outlives_its_console(world: World, web1: Guest):
    console = Console(world)
    thread = console.move(web1)
    world.until(lambda: world.place("web1", "s2") == SHELL)
    assert isinstance(console.hypervisors, type(world.hypervisors()))
    console.hypervisors.kill()
    thread.join()
    assert isinstance(console.ended[0], ConsoleKilled)
    fresh = Console(world)
    world.until(lambda: fresh.hosts["s2"].look(web1.uuid) == RUNNING)


def test_a_second_transfer_is_refused(world: World, web1: Guest):
    console = Console(world)
    first = console.move(web1)
    world.until(lambda: world.transfers)
    console.move(web1).join()
    assert "55" in str(console.ended[0])
    first.join()
    assert console.ended[1] is None


def test_a_lost_line_breaks_the_call_but_not_the_transfer(world: World, web1: Guest):
    console = Console(world)
    thread = console.move(web1)
    world.until(lambda: world.place("web1", "s2") == SHELL)
    world.server("s1").reachable = False
    thread.join()
    assert isinstance(console.ended[0], ServerUnreachable)
    assert not console.hosts["s1"].alive
    world.until(lambda: world.place("web1", "s1") == MOVED)


@pytest.mark.parametrize(("on", "runs"), [("s1", []), ("s2", ["s1"])])
def test_a_killed_guest_ends_the_transfer(world: World, web1: Guest, on: str, runs: list[str]):
    console = Console(world)
    thread = console.move(web1)
    world.until(lambda: world.place("web1", "s2") == SHELL)
    world.kill_guest("web1", on=on)
    thread.join()
    assert isinstance(console.ended[0], HypervisorRefused)
    world.until(lambda: world.place("web1", "s2") == ABSENT)
    assert world.running(web1.uuid) == runs


def test_a_busy_guest_never_converges_until_it_is_throttled(world: World):
    busy = world.add_partition("busy", on="s1", memory_mib=128, dirty_mib_s=500)
    console = Console(world)
    thread = console.move(busy, pause_ms=30)
    world.until(lambda: world.transfers and world.transfers[0].sending.iteration > 5)
    console.hosts["s1"].abort_transfer(busy.uuid)
    thread.join()
    world.until(lambda: world.place("busy", "s2") == ABSENT)
    console.move(busy, pause_ms=300, throttled=True).join()
    assert console.ended[1] is None


def test_a_suspended_guest_arrives_paused(world: World):
    guest = world.add_partition("db1", on="s1", state=Sight.PAUSED)
    console = Console(world)
    console.move(guest, suspended=True).join()
    assert world.place("db1", "s2") == Place(Sight.PAUSED, Why.USER)


def test_the_lease_keeps_it_from_running_twice_and_only_the_lease():
    world = World(servers=2)
    hosts = Console(world).hosts
    for name, has_lease in (("leased", True), ("bare", False)):
        guest = world.add_partition(name, on="s1", has_lease=has_lease)
        hosts["s2"].define(hosts["s1"].exported(guest.uuid, Mark(7)))
    with pytest.raises(HypervisorRefused, match="resource busy"):
        hosts["s2"].start(world.guest("leased").uuid)
    assert not world.ran_twice
    hosts["s2"].start(world.guest("bare").uuid)
    assert world.ran_twice
    world.close()


def test_a_frozen_server_times_out_and_thaws(world: World, web1: Guest):
    console = Console(world)
    world.server("s1").frozen = True
    with pytest.raises(ServerUnreachable):
        console.hosts["s1"].look(web1.uuid)
    world.server("s1").frozen = False
    assert Console(world).hosts["s1"].look(web1.uuid) == RUNNING


def test_a_console_dies_at_the_call_that_the_test_names(world: World, web1: Guest):
    hypervisors = world.hypervisors()
    hypervisors.die_at(2)
    host = hypervisors.connect(world.server("s1").system)
    with pytest.raises(ConsoleKilled):
        host.destroy(web1.uuid)
    assert world.place("web1", "s1") == RUNNING


def test_changes_are_told(world: World, web1: Guest):
    told = threading.Event()
    heard: list[str] = []

    def hear(uuid: str) -> None:
        heard.append(uuid)
        told.set()

    host = Console(world).hosts["s1"]
    unwatch = host.watch(hear)
    host.shutdown(web1.uuid)
    assert told.wait(10)
    assert heard == [web1.uuid]
    assert world.place("web1", "s1") == Place(Sight.OFF, Why.USER)
    unwatch()
