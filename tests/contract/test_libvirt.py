"""What only real servers can show: what is measured in DESIGN, and what the adapter rests on."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from contract.conftest import Stand, until
from contract.test_host_contract import transfer
from openlpm.lab import Lab
from openlpm.model.errors import BadRequest, HypervisorRefused, ServerUnreachable
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.partition import DiskSpec, EthernetSpec, Mark, PartitionSpec
from openlpm.model.sight import Place, Sight
from openlpm.model.verdict import PeerVerdict
from unprivileged import unprivileged_qemu

pytestmark = [pytest.mark.lab, pytest.mark.contract]
RUNNING = Place(Sight.RUNNING)
LOCAL = "/var/lib/libvirt/local.img"
GONE = "nbd://198.18.2.1:10809/nosuch"
CONSOLE = """
import sys
from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.model.partition import Mark
from openlpm.model.system import Mover, System
from openlpm.ports import Transfer
uri, uuid, peer_uri, address = sys.argv[1:]
target = System("s2", "", peer_uri, mover=Mover(address))
host = LibvirtHypervisors().connect(System("s1", uri, ""))
print("asked", flush=True)
host.start_transfer(Transfer(uuid, target, Mark(1, came_from="s1"), False, False, 300, 1))
"""


@pytest.fixture
def lab(real: Stand) -> Lab:
    assert real.lab is not None
    return real.lab


@pytest.fixture
def volume(lab: Lab) -> Iterator[str]:
    made = lab.create_volume("contract", size_mib=8)
    yield made.uri
    lab.delete_volume("contract")


def all_names(real: Stand, lab: Lab, server: str) -> str:
    uri = lab.server(server).uri
    return lab.run(["virsh", "-c", uri, "list", "--all", "--name"]).stdout.strip()


def test_a_transfer_outlives_its_console(real: Stand):
    uuid = real.started()
    argv = [real.s1.uri, uuid, real.s2.peer_uri, real.s2.mover.address]
    with subprocess.Popen(
        [sys.executable, "-c", CONSOLE, *argv], stdout=subprocess.PIPE
    ) as console:
        until(lambda: real.source.progress(uuid))
        console.kill()
    assert real.source.progress(uuid) is not None
    until(lambda: real.target.look(uuid) == RUNNING)
    until(lambda: real.source.look(uuid).state is Sight.OFF)
    figures = real.target.completed(uuid)
    assert figures is not None
    assert figures.pause_ms > 0


def test_other_calls_do_not_wait_for_a_transfer(real: Stand):
    uuid = real.started()
    wish = transfer(real, uuid, bandwidth_mib_s=1)
    move = threading.Thread(target=real.source.start_transfer, args=(wish,))
    move.start()
    slowest = 0.0
    while move.is_alive():
        began = time.monotonic()
        real.source.look(uuid)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 0.4


def test_a_peer_is_called_and_nothing_stays(real: Stand, lab: Lab):
    uuid = real.started()
    heard: list[str] = []
    stops = [host.watch(heard.append) for host in (real.source, real.target)]
    assert real.source.call_peer(uuid, real.s2) == PeerVerdict()
    began = time.monotonic()
    assert real.source.call_peer(uuid, real.s2) == PeerVerdict()
    assert time.monotonic() - began < 0.5
    for stop in stops:
        stop()
    assert heard == []
    assert real.source.look(uuid) == RUNNING
    assert not real.source.busy(uuid)
    assert all_names(real, lab, "s1").count("\n") == 0
    assert all_names(real, lab, "s2") == ""


def test_a_peer_that_does_not_answer(real: Stand, lab: Lab):
    uuid = real.started()
    closed = replace(real.s2, peer_uri=f"qemu+tcp://{real.s2.mover.address}:1/system")
    assert "refused" in real.source.call_peer(uuid, closed).daemon
    elsewhere = replace(real.s2, mover=replace(real.s2.mover, address="198.51.100.1"))
    assert real.source.call_peer(uuid, elsewhere).port
    began = time.monotonic()
    lab.cut("s2", "migration")
    try:
        assert real.source.call_peer(uuid, real.s2).daemon
        assert time.monotonic() - began < 6
        assert not real.source.busy(uuid)
        assert [p.uuid for p in real.source.partitions()] == [uuid]
    finally:
        lab.heal("s2", "migration")


def test_what_libvirt_objects_to(real: Stand, lab: Lab):
    uuid = real.create()
    lab.run(["truncate", "-s", "1M", LOCAL], server="s1")
    disk = f"<disk type='file'><source file='{LOCAL}'/><target dev='vda'/></disk></devices>"
    real.source.define(real.source.exported(uuid, Mark(1)).replace("</devices>", disk))
    real.source.start(uuid)
    verdict = real.source.call_peer(uuid, real.s2)
    assert (verdict.daemon, verdict.port) == ("", "")
    assert "Unsafe migration" in verdict.objection


def test_disks_that_open_and_disks_that_do_not(real: Stand, lab: Lab, volume: str):
    good = VirtualDisk("sda", "scsi", DiskKind.NETWORK, volume, protocol="nbd")
    bad = replace(good, target="sdb", source=GONE)
    file = VirtualDisk("vda", "virtio", DiskKind.FILE, "/nosuch/disk")
    volume_of_pool = VirtualDisk("vdb", "virtio", DiskKind.VOLUME, "nosuch/disk")
    assert real.target.open_disks([good]) == {}
    failing = real.target.open_disks([good, bad, file, volume_of_pool])
    assert set(failing) == {"sdb", "vda", "vdb"}
    assert failing["sdb"] == "Requested export not available."
    assert all_names(real, lab, "s2") == ""


def test_a_target_that_cannot_take_post_copy(real: Stand, lab: Lab):
    uuid = real.started()
    assert real.target.try_postcopy() == ""
    with unprivileged_qemu(lab, "s2"):
        target = real.hypervisors.connect(real.s2)
        assert target.try_postcopy() == "Postcopy is not supported."
        assert all_names(real, lab, "s2") == ""
        target.close()
        wish = transfer(real, uuid, postcopy=True, encrypted=False)
        with pytest.raises(HypervisorRefused) as refused:
            real.source.start_transfer(wish)
        assert refused.value.code == "postcopy-unsupported"
        print(refused.value.cause)
        assert "'migrate-set-capabilities': Postcopy is not supported" in refused.value.cause
        assert "unprivileged_userfaultfd" in refused.value.remedy
    assert real.source.look(uuid) == RUNNING
    assert all_names(real, lab, "s2") == ""


def test_a_frozen_server_is_out_of_reach(real: Stand, lab: Lab):
    host = real.target
    lab.freeze("s2")
    try:
        began = time.monotonic()
        with pytest.raises(ServerUnreachable):
            host.partitions()
        assert time.monotonic() - began < 9.5
        assert not host.alive
        with pytest.raises(ServerUnreachable):
            real.hypervisors.connect(real.s2)
    finally:
        lab.thaw("s2")
    until(lambda: _connects(real))


def _connects(real: Stand) -> bool:
    try:
        real.hypervisors.connect(real.s2).close()
    except ServerUnreachable:
        return False
    return True


def test_what_libvirt_refuses_leaves_no_lease(real: Stand):
    wish = PartitionSpec("web1", "s1", 64)
    for bad in (
        replace(wish, machine="nosuch"),
        replace(wish, ethernets=(EthernetSpec("guest", "zz"),)),
        replace(wish, processors=10**6),
    ):
        with pytest.raises(HypervisorRefused):
            real.source.create(bad, Mark(1))
    for bad in (
        replace(wish, ethernets=(EthernetSpec("nosuch"),)),
        replace(wish, disks=(DiskSpec("file:///etc/passwd"),)),
    ):
        with pytest.raises(BadRequest):
            real.source.create(bad, Mark(1))
    space = real.source.facts().lockspace
    assert space is not None
    assert space.keys == frozenset()
    assert real.source.partitions() == []


def test_a_missing_processor_feature_is_named(real: Stand):
    hardware = real.source.describe(real.create())
    wanted = "<cpu mode='custom' match='exact'><model>EPYC-Milan</model></cpu>"
    verdict = real.target.compare_cpu(replace(hardware.cpu, xml=wanted))
    assert not verdict.compatible
    assert "clzero" in verdict.missing


def test_switches_have_the_bridges_mtu(real: Stand):
    facts = real.source.facts()
    for kind in ("network", "bridge"):
        switch = facts.switch(kind, "guest")
        assert switch is not None
        assert switch.mtu == 1500
        assert switch.active
