"""What `ports.Host` promises, on the fake world and on libvirt alike."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from contract.conftest import Stand, until
from openlpm.decide.baseline import as_guest
from openlpm.model.errors import (
    AlreadyExists,
    Gone,
    HypervisorRefused,
    OpenLpmError,
    ServerUnreachable,
)
from openlpm.model.partition import Mark
from openlpm.model.policy import Policy
from openlpm.model.processor import NamedCpu, PartitionCpu
from openlpm.model.profile import Profile, Profiles, Span, fixed
from openlpm.model.sight import ABSENT, Place, Sight, Why
from openlpm.model.system import System
from openlpm.model.verdict import PeerVerdict
from openlpm.ports import Transfer

RUNNING = Place(Sight.RUNNING)
RESUMED = Place(Sight.RUNNING, Why.RESUMED)
OFF = Place(Sight.OFF, Why.USER)
PAUSED = Place(Sight.PAUSED, Why.USER)
FETCHED_FROM = Place(Sight.PAUSED, Why.POSTCOPY)
FETCHES = Place(Sight.RUNNING, Why.POSTCOPY)
SHELL = Place(Sight.PAUSED, Why.MIGRATION)
MOVED = Place(Sight.OFF, Why.MIGRATED)
NOBODY = "99999999-9999-4999-8999-999999999999"
ARRIVED = Mark(1, came_from="s1", policy=Policy(max_pause_ms=700))


def transfer(stand: Stand, uuid: str, **changes: Any) -> Transfer:
    wish: dict[str, Any] = {
        "target": stand.s2,
        "mark": ARRIVED,
        "suspended": False,
        "throttled": False,
        "pause_ms": 300,
        "bandwidth_mib_s": 0,
    }
    return Transfer(uuid, **(wish | changes))


class Move(threading.Thread):
    """A transfer in a thread; `error` is how it failed."""

    def __init__(self, stand: Stand, wish: Transfer) -> None:
        super().__init__()
        self.host = stand.source
        self.wish = wish
        self.error: OpenLpmError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.host.start_transfer(self.wish)
        except OpenLpmError as error:
            self.error = error


def test_facts_are_those_of_two_hosts(stand: Stand):
    here, there = stand.source.facts(), stand.target.facts()
    assert here.host_uuid != there.host_uuid
    assert here.processors > 0
    assert here.memory_mib > 0
    assert here.arch in here.archs
    assert here.machines
    assert here.hypervisors


def test_a_partition_is_made_and_deleted_with_its_lease(stand: Stand):
    uuid = stand.create("web1")
    (made,) = [p for p in stand.source.partitions() if p.uuid == uuid]
    found = stand.source.partition(uuid)
    assert found is not None
    assert found == replace(made, seen_at=found.seen_at)
    assert (made.name, made.state, made.memory_mib) == ("web1", Sight.OFF, 64)
    assert made.mark == Mark(1)
    (lease,) = stand.source.describe(uuid).leases
    for host in (stand.source, stand.target):
        space = host.facts().lockspace
        assert space is not None
        assert space.name == lease.lockspace
    with pytest.raises(AlreadyExists):
        stand.create("web1")
    stand.source.delete(uuid)
    assert stand.source.look(uuid) == ABSENT
    assert stand.source.partition(uuid) is None
    space = stand.source.facts().lockspace
    assert space is not None
    assert lease.key not in space.keys


def test_power(stand: Stand):
    uuid = stand.create()
    host = stand.source
    assert host.look(uuid).state is Sight.OFF
    host.start(uuid)
    assert host.look(uuid) == RUNNING
    with pytest.raises(HypervisorRefused):
        host.start(uuid)
    host.pause(uuid)
    assert host.look(uuid) == PAUSED
    host.resume(uuid)
    assert host.look(uuid) == RESUMED
    host.destroy(uuid)
    host.destroy(uuid)
    assert host.look(uuid) == OFF


def test_what_runs_is_not_deleted(stand: Stand):
    uuid = stand.started()
    for remove in (stand.source.delete, stand.source.undefine):
        with pytest.raises(HypervisorRefused) as refused:
            remove(uuid)
        assert refused.value.code == "partition-not-off"
    assert stand.source.look(uuid) == RUNNING


def test_what_is_not_there(stand: Stand):
    host = stand.source
    assert host.look(NOBODY) == ABSENT
    assert host.partition(NOBODY) is None
    assert host.progress(NOBODY) is None
    assert host.completed(NOBODY) is None
    assert not host.busy(NOBODY)
    host.destroy(NOBODY)
    host.undefine(NOBODY)
    host.abort_transfer(NOBODY)
    for ask in (host.describe, host.start, host.delete, host.pause, host.open_console):
        with pytest.raises(Gone):
            ask(NOBODY)
    with pytest.raises(Gone):
        host.exported(NOBODY, Mark(1))
    with pytest.raises(Gone):
        host.write_mark(NOBODY, Mark(1))
    with pytest.raises(Gone):
        host.remove_mark(NOBODY)


@pytest.mark.parametrize("running", [False, True])
def test_the_mark_is_written(stand: Stand, running: bool):
    uuid = stand.started() if running else stand.create()
    mark = Mark(7, "aix", 1.25, "s9", Policy(70, throttle=False, bandwidth_mib_s=9))
    stand.source.write_mark(uuid, mark)
    found = stand.source.partition(uuid)
    assert found is not None
    assert found.mark == mark


@pytest.mark.parametrize("running", [False, True])
def test_the_mark_goes_with_the_profiles(stand: Stand, running: bool):
    uuid = stand.started() if running else stand.create()
    stand.source.write_mark(uuid, Mark(7))
    night = Profile("night", Span(16, 16, 16), fixed(1), fixed(0.5))
    stand.source.write_profiles(uuid, Profiles("night", (night,)))
    for _ in range(2):
        stand.source.remove_mark(uuid)
        found = stand.source.partition(uuid)
        assert found is not None
        assert found.mark is None
        assert stand.source.profiles(uuid) is None
    assert stand.source.look(uuid).alive == running


def test_an_active_move(stand: Stand):
    uuid = stand.started()
    move = Move(stand, transfer(stand, uuid))
    seen: set[Place] = set()
    while move.is_alive():
        seen.add(stand.target.look(uuid))
    assert move.error is None
    assert seen <= {ABSENT, SHELL, RUNNING}
    assert SHELL in seen
    assert (stand.source.look(uuid), stand.target.look(uuid)) == (MOVED, RUNNING)
    arrived = stand.target.partition(uuid)
    assert arrived is not None
    assert arrived.mark == ARRIVED
    figures = stand.target.completed(uuid)
    assert figures is not None
    assert figures.sent_bytes > 0
    assert 0 < figures.pause_ms < 1000
    assert stand.source.progress(uuid) is None
    stand.source.undefine(uuid)
    stand.source.undefine(uuid)
    assert stand.source.look(uuid) == ABSENT
    stand.target.destroy(uuid)
    kept = stand.target.partition(uuid)
    assert kept is not None
    assert kept.mark == ARRIVED


def test_a_suspended_move_stays_paused(stand: Stand):
    uuid = stand.started()
    stand.source.pause(uuid)
    stand.source.start_transfer(transfer(stand, uuid, suspended=True))
    assert (stand.source.look(uuid), stand.target.look(uuid)) == (MOVED, PAUSED)


def test_a_stopped_move(stand: Stand):
    uuid = stand.started()
    move = Move(stand, transfer(stand, uuid, bandwidth_mib_s=1, throttled=True))
    until(lambda: stand.source.progress(uuid))
    until(lambda: stand.target.look(uuid) == SHELL)
    assert stand.source.busy(uuid)
    stand.source.set_pause_limit(uuid, 400)
    with pytest.raises(HypervisorRefused):
        stand.source.start_transfer(transfer(stand, uuid))
    stand.source.abort_transfer(uuid)
    stand.source.abort_transfer(uuid)
    move.join()
    assert move.error is not None
    assert move.error.code == "transfer-aborted"
    until(lambda: stand.target.look(uuid) == ABSENT)
    assert stand.source.look(uuid) == RUNNING
    assert not stand.source.busy(uuid)


def switch(stand: Stand, uuid: str) -> bool:
    """Switch it to post-copy, once its memory flows."""
    try:
        stand.source.start_postcopy(uuid)
    except HypervisorRefused:
        return False
    return True


def test_a_move_by_postcopy(stand: Stand):
    uuid = stand.started()
    move = Move(stand, transfer(stand, uuid, bandwidth_mib_s=1, postcopy=True))
    until(lambda: stand.target.look(uuid) == SHELL)
    until(lambda: switch(stand, uuid))
    until(lambda: stand.source.look(uuid) in (FETCHED_FROM, MOVED))
    stand.source.abort_transfer(uuid)  # too late; before, it would end in neither
    seen: set[Place] = set()
    while move.is_alive():
        seen |= {stand.target.look(uuid)}
    assert move.error is None
    assert seen <= {SHELL, FETCHES, RUNNING}
    assert (stand.source.look(uuid), stand.target.look(uuid)) == (MOVED, RUNNING)
    arrived = stand.target.partition(uuid)
    assert arrived is not None
    assert arrived.mark == ARRIVED
    assert stand.source.progress(uuid) is None
    stand.source.undefine(uuid)
    stand.target.destroy(uuid)
    assert stand.target.look(uuid) == OFF


def test_postcopy_is_refused_where_nobody_asked_for_it(stand: Stand):
    uuid = stand.started()
    assert not switch(stand, uuid)
    move = Move(stand, transfer(stand, uuid, bandwidth_mib_s=1))
    until(lambda: stand.target.look(uuid) == SHELL)
    until(lambda: stand.source.progress(uuid))
    assert not switch(stand, uuid)
    with pytest.raises(HypervisorRefused):
        stand.source.start_transfer(transfer(stand, uuid, postcopy=True, resumes=True))
    stand.source.abort_transfer(uuid)
    move.join()
    until(lambda: stand.target.look(uuid) == ABSENT)
    with pytest.raises(HypervisorRefused):
        stand.source.start_transfer(transfer(stand, uuid, postcopy=True, resumes=True))
    assert stand.source.look(uuid) == RUNNING


def test_an_inactive_move(stand: Stand):
    uuid = stand.create()
    definition = stand.source.exported(uuid, ARRIVED)
    for _ in range(2):
        stand.target.define(definition)
    arrived = stand.target.partition(uuid)
    assert arrived is not None
    assert arrived.mark == ARRIVED
    stand.source.undefine(uuid)
    stand.target.start(uuid)
    assert (stand.source.look(uuid), stand.target.look(uuid)) == (ABSENT, RUNNING)


def test_a_lease_keeps_it_from_running_twice(stand: Stand):
    uuid = stand.started()
    stand.target.define(stand.source.exported(uuid, ARRIVED))
    with pytest.raises(HypervisorRefused) as refused:
        stand.target.start(uuid)
    assert refused.value.code == "lease-held"
    assert stand.target.look(uuid).state is Sight.OFF


def test_a_lease_tells_from_elsewhere_whether_it_runs(stand: Stand):
    uuid = stand.started()
    assert not stand.target.lease_is_free(uuid)
    stand.source.pause(uuid)  # what is paused gives its lease up
    assert stand.target.lease_is_free(uuid)
    stand.source.resume(uuid)  # and nobody has kept it
    stand.source.destroy(uuid)
    assert stand.target.lease_is_free(uuid)
    with pytest.raises(HypervisorRefused) as refused:
        stand.target.lease_is_free(NOBODY)
    assert refused.value.code == "lease-unseen"


def test_the_target_fits(stand: Stand):
    uuid = stand.started()
    hardware = stand.source.describe(uuid)
    assert stand.target.compare_cpu(hardware.cpu).compatible
    assert stand.source.call_peer(uuid, stand.s2) == PeerVerdict()
    assert stand.source.try_encryption(stand.s2) == PeerVerdict()
    assert stand.target.try_postcopy() == ""
    assert stand.target.open_disks(hardware.disks) == {}


def test_a_baseline_is_what_both_systems_can_give(stand: Stand):
    hosts = (stand.source, stand.target)
    offers = [host.offered_cpus()[0] for host in hosts]
    hypervisor = offers[0].hypervisor
    assert all(offer.hypervisor == hypervisor for offer in offers)
    assert all("Nehalem" in offer.models for offer in offers)
    found = stand.source.baseline_cpu(hypervisor, [offer.cpu for offer in offers])
    assert found.xml.startswith("<cpu")
    for host in hosts:
        assert host.compare_cpu(as_guest(found, hypervisor)).compatible


def test_a_baseline_leaves_out_what_one_of_them_lacks(stand: Stand):
    offer = stand.source.offered_cpus()[0]
    lost, *kept = offer.cpu.features
    narrow = replace(offer.cpu, features=tuple(kept))
    found = stand.source.baseline_cpu(offer.hypervisor, [offer.cpu, narrow])
    assert lost not in found.features
    assert stand.source.compare_cpu(as_guest(found, offer.hypervisor)).compatible


def test_there_is_no_baseline_of_two_makers_nor_of_an_unknown_model(stand: Stand):
    offer = stand.source.offered_cpus()[0]
    is_amd = offer.cpu.vendor == "AMD"
    other = NamedCpu("Nehalem", "Intel") if is_amd else NamedCpu("EPYC", "AMD")
    for strange in (other, NamedCpu("nosuch")):
        with pytest.raises(HypervisorRefused):
            stand.source.baseline_cpu(offer.hypervisor, [offer.cpu, strange])


def test_the_processors_of_partitions_are_told(stand: Stand):
    def told() -> PartitionCpu:
        (found,) = [each for each in stand.source.partition_cpus() if each.uuid == uuid]
        return found

    uuid = stand.create("web1")
    off = told()
    assert (off.name, off.system, off.state, off.present) == ("web1", "s1", Sight.OFF, None)
    assert off.stored is not None
    assert (off.stored.arch, off.stored.model) == ("x86_64", "Nehalem")
    stand.source.start(uuid)
    running = told()
    assert running.state is Sight.RUNNING
    assert running.stored == off.stored
    assert running.present is not None
    assert running.present.mode == "custom"
    assert stand.target.compare_cpu(running.present).compatible


def test_events_are_heard_until_nobody_listens(stand: Stand):
    heard: list[str] = []
    stop = stand.source.watch(heard.append)
    uuid = stand.create()
    stand.source.start(uuid)
    until(lambda: uuid in heard)
    stop()
    heard.clear()
    stand.source.destroy(uuid)
    assert not heard


def test_a_console_ends_with_its_partition(stand: Stand):
    uuid = stand.started()
    stream = stand.source.open_console(uuid)
    stream.write(b"\n")
    stand.source.destroy(uuid)
    until(lambda: stream.read(0.1) == b"")
    stream.close()
    stream.close()


def test_load_is_measured(stand: Stand):
    uuid = stand.started()
    assert stand.source.load(uuid, 0).dirty_bytes_s is None
    load = stand.source.load(uuid, 1)
    assert load.resident_bytes > 0
    assert load.dirty_bytes_s is not None


def test_a_host_that_does_not_exist(stand: Stand):
    with pytest.raises(ServerUnreachable):
        stand.hypervisors.connect(System("s9", "qemu+tcp://127.0.0.1:1/system", ""))
