"""Pools, volumes and adapters, as `ports.Host` promises them, on the fake world and on libvirt."""

import secrets
from collections.abc import Iterator

import pytest

from contract.conftest import Stand
from openlpm.model.errors import AlreadyExists, Gone, HypervisorRefused
from openlpm.model.partition import DiskSpec
from openlpm.model.sight import Sight
from openlpm.model.storage import Volume

MIB = 2**20
POOL = "local"


@pytest.fixture
def name(stand: Stand) -> Iterator[str]:
    made = f"v{secrets.token_hex(3)}"
    yield made
    for host in (stand.source, stand.target):
        for volume in host.volumes(POOL):
            host.delete_volume(POOL, volume.name)


def test_a_pool_is_told_with_what_it_is(stand: Stand):
    (pool,) = [each for each in stand.source.pools() if each.name == POOL]
    assert (pool.kind, pool.active, pool.path) == ("dir", True, "/var/lib/libvirt/images")
    assert 0 < pool.available_bytes <= pool.capacity_bytes
    assert not pool.trouble


def test_a_volume_is_made_enlarged_and_removed(stand: Stand, name: str):
    host = stand.source
    made = host.create_volume(POOL, Volume(name, format="qcow2", capacity_bytes=4 * MIB))
    assert (made.name, made.format, made.capacity_bytes) == (name, "qcow2", 4 * MIB)
    assert made.path == f"/var/lib/libvirt/images/{name}"
    with pytest.raises(AlreadyExists):
        host.create_volume(POOL, Volume(name, format="raw", capacity_bytes=MIB))
    host.grow_volume(POOL, name, 8 * MIB)
    host.refresh_pool(POOL)
    (volume,) = host.volumes(POOL)
    assert (volume.name, volume.capacity_bytes, volume.kind) == (name, 8 * MIB, "file")
    with pytest.raises(HypervisorRefused):
        host.grow_volume(POOL, name, MIB)
    assert stand.target.volumes(POOL) == []
    host.delete_volume(POOL, name)
    assert host.volumes(POOL) == []


def test_what_is_not_there_is_gone(stand: Stand):
    host = stand.source
    for pool in (POOL, "nosuch"):
        for ask in (
            lambda pool=pool: host.grow_volume(pool, "nosuch", MIB),
            lambda pool=pool: host.delete_volume(pool, "nosuch"),
        ):
            with pytest.raises(Gone):
                ask()
    for ask in (host.volumes, host.refresh_pool):
        with pytest.raises(Gone):
            ask("nosuch")
    with pytest.raises(Gone):
        host.create_volume("nosuch", Volume("x", format="raw", capacity_bytes=MIB))


def test_a_partition_is_told_with_its_adapters_and_all_that_it_refers_to(stand: Stand):
    url = "nbd://198.18.2.1:10809/nosuch"
    uuid = stand.create("io1", disks=(DiskSpec(url),))
    (io,) = [each for each in stand.source.partition_io() if each.uuid == uuid]
    assert (io.partition, io.system, io.state, io.trouble) == ("io1", "s1", Sight.OFF, "")
    assert [disk.target for disk in io.disks] == ["sda"]
    (backing,) = io.backings
    assert (backing.disk, backing.how, backing.behind) == ("sda", "defined", False)
    assert stand.target.partition_io() == []


def test_a_running_partition_is_told_with_both_of_its_definitions(stand: Stand):
    uuid = stand.started()
    (io,) = [each for each in stand.source.partition_io() if each.uuid == uuid]
    assert io.state is Sight.RUNNING
    with pytest.raises(HypervisorRefused):
        stand.source.grow_disk(stand.create(), "sda", MIB)
