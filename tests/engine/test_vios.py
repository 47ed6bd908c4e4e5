"""Virtual I/O Servers as an operator works with them: pools, volumes, switches, the mover."""

import threading
from dataclasses import replace

import pytest

from engine.conftest import Stand
from fakes.guest import Guest
from fakes.storage import FakeStorage, share
from openlpm.engine import systems
from openlpm.model.errors import BadRequest, Busy, Conflict, NotFound, ServerUnreachable
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.profile import DiskAdapter, Profile, Profiles, Span, fixed
from openlpm.model.sight import Sight
from openlpm.model.storage import PoolPlace, PoolSource, Volume
from openlpm.model.system import Mover, System

MIB = 2**20
NFS = PoolSource(hosts=("nfs1",), folder="/srv/images")


def sees(guest: Guest, kind: DiskKind, source: str, *, shared: bool = False) -> Guest:
    disk = VirtualDisk("sda", "scsi", kind, source, cache="none", on_shared_storage=shared)
    guest.hardware = replace(guest.hardware, disks=(disk,))
    return guest


@pytest.fixture
def shared(stand: Stand) -> Stand:
    """The pool "images" of s1 and s2 is the same storage, with a volume web1."""
    share(stand.world, "images", NFS, on=("s1", "s2"))
    stand.console.create_volume("images", "web1", 1024)
    return stand


def volumes(stand: Stand, pool: str = "images", system: str = "") -> list[str]:
    return [each.volume.name for each in stand.console.volumes(pool, system).volumes]


def refused(code: str, ask, *asked, **options) -> str:  # type: ignore[no-untyped-def]
    with pytest.raises((Conflict, BadRequest)) as found:
        ask(*asked, **options)
    assert found.value.code == code
    assert found.value.remedy
    return str(found.value)


# Looking


def test_pools_are_the_same_by_what_they_are_and_not_by_their_name(stand: Stand):
    share(stand.world, "images", NFS, on=("s1",))
    share(stand.world, "nfs", NFS, on=("s2",))
    found = {(k.system, k.pool.name): k for k in stand.console.pools().pools}
    assert found["s1", "images"].same_as == (PoolPlace("s2", "nfs"),)
    assert found["s1", "local"].same_as == ()
    assert not found["s1", "local"].shared
    assert [k.system for k in stand.console.pools("s2").pools] == ["s2", "s2"]


def test_users_are_told_whichever_system_they_are_on(shared: Stand):
    sees(shared.world.add_partition("a", on="s1"), DiskKind.VOLUME, "images/web1")
    sees(
        shared.world.add_partition("b", on="s2", state=Sight.OFF),
        DiskKind.FILE,
        "/mnt/images/web1",
    )
    (web1,) = shared.console.volumes("images").volumes
    assert [(use.partition, use.system, use.how) for use in web1.uses] == [
        ("a", "s1", "runs"),
        ("b", "s2", "defined"),
    ]


def test_a_name_that_means_two_storages_has_to_be_completed(stand: Stand):
    assert "s1, s2" in refused("ambiguous-pool", stand.console.volumes, "local")
    assert volumes(stand, "local", "s1") == []
    for ask in (lambda: volumes(stand, "nosuch"), lambda: volumes(stand, "nosuch", "s1")):
        with pytest.raises(NotFound, match="nosuch"):
            ask()
    with pytest.raises(NotFound):
        stand.console.pools("s9")


def test_who_is_out_of_reach_is_named_and_hides_no_other(shared: Stand):
    shared.world.server("s2").reachable = False
    view = shared.console.pools()
    assert {k.system for k in view.pools} == {"s1"}
    assert [name for name, _ in view.unseen] == ["s2"]
    assert volumes(shared) == ["web1"]
    with pytest.raises(ServerUnreachable):
        shared.console.vios("s2")
    shared.world.server("s1").refuse("pools", "no", times=9)
    with pytest.raises(ServerUnreachable):
        shared.console.vios("s1")
    with pytest.raises(ServerUnreachable):
        volumes(shared, "images", "s1")


def test_an_inactive_pool_is_told_as_one(stand: Stand):
    share(stand.world, "images", NFS, on=("s1", "s2"))
    for name in ("s1", "s2"):
        store = stand.world.server(name).stores["images"]
        store.pool = replace(store.pool, active=False)
    assert "virsh pool-start" in refused("pool-inactive", stand.console.volumes, "images")
    store.pool = replace(store.pool, active=True)
    assert volumes(stand) == [], "one of them is enough"


def test_a_virtual_io_server_is_shown_whole(shared: Stand):
    sees(shared.world.add_partition("a", on="s1"), DiskKind.VOLUME, "images/web1")
    shared.world.add_partition("b", on="s2")
    found = shared.console.vios("s1")
    assert [k.pool.name for k in found.pools] == ["images", "local"]
    assert [k.switch.name for k in found.switches] == ["guests"]
    (partition,) = found.partitions
    (disk,) = partition.disks
    assert (disk.pool, disk.volume, disk.shared) == ("images", "web1", True)
    assert (found.mover, found.moves) == (Mover(), 0)


def test_switches_are_told_with_what_is_plugged_in(stand: Stand):
    stand.world.add_partition("a", on="s1")
    server = stand.world.server("s2")
    server.facts = replace(
        server.facts, switches=tuple(replace(s, mtu=1400) for s in server.facts.switches)
    )
    view = stand.console.networks()
    assert [k.system for k in view.switches] == ["s1", "s2"]
    assert [p.partition for p in view.switches[0].adapters] == ["a"]
    (there,) = view.switches[0].elsewhere
    assert (there.system, there.differs) == ("s2", "its MTU is 1400 there, 1500 here")
    assert [k.system for k in stand.console.networks("s2").switches] == ["s2"]


# Moving with them


def codes(stand: Stand, name: str) -> set[str]:
    stand.wait_for(lambda: any(p.name == name for p in stand.console.partitions()))
    found = stand.console.validate(name, "s2").validation.errors
    return {each.code for each in found}


@pytest.mark.parametrize(
    ("kind", "source"),
    [(DiskKind.VOLUME, "images/web1"), (DiskKind.FILE, "/mnt/images/web1")],
)
def test_a_partition_moves_where_its_pool_is_the_same_storage(
    shared: Stand, kind: DiskKind, source: str
):
    sees(shared.world.add_partition("a", on="s1"), kind, source, shared=True)
    assert codes(shared, "a") == set()
    store = shared.world.server("s2").stores["images"]
    store.pool = replace(store.pool, source=replace(NFS, hosts=("nfs2",)))
    assert codes(shared, "a") == {"pool-differs"}
    del shared.world.server("s2").stores["images"]
    assert codes(shared, "a") == {"pool-differs"}


def test_a_partition_on_a_local_volume_that_is_not_there_stays(stand: Stand):
    sees(stand.world.add_partition("a", on="s1"), DiskKind.VOLUME, "local/web1")
    assert codes(stand, "a") == {"disk-host-local"}


# Changing volumes


def test_a_volume_is_made_and_the_other_systems_are_told(shared: Stand):
    made = shared.console.create_volume("images", "db1", 64, file_format="qcow2").volume
    assert (made.name, made.format, made.capacity_bytes) == ("db1", "qcow2", 64 * MIB)
    assert volumes(shared) == ["db1", "web1"]
    assert shared.world.server("s2").stores["images"].refreshes > 0
    refused("volume-exists", shared.console.create_volume, "images", "db1", 64)
    refused("bad-name", shared.console.create_volume, "images", "../db1", 64)
    refused("out-of-range", shared.console.create_volume, "images", "x", 0)
    refused("ambiguous-pool", shared.console.create_volume, "local", "x", 64)
    shared.world.server("s2").refuse("refresh_pool", "no")
    assert shared.console.create_volume("images", "db2", 64).volume.name == "db2"


def test_a_volume_is_removed_only_when_nobody_uses_it(shared: Stand):
    guest = shared.world.add_partition("b", on="s2", state=Sight.OFF)
    sees(guest, DiskKind.FILE, "/mnt/images/web1")
    shared.wait_for(lambda: bool(shared.console.partitions()))
    cause = refused("volume-in-use", shared.console.delete_volume, "images", "web1")
    assert "b on s2 is defined with it (sda)" in cause
    assert volumes(shared) == ["web1"]
    shared.console.delete("b")
    shared.console.delete_volume("images", "web1")
    assert volumes(shared) == []
    with pytest.raises(NotFound):
        shared.console.delete_volume("images", "web1")


def test_a_volume_in_a_profile_is_used(stand: Stand):
    share(stand.world, "disks", PoolSource(("nfs1",), folder="/srv"), on=("s1",))
    stand.console.create_volume("disks", "web1", 64)
    disk = DiskAdapter("nbd://storage/web1")
    night = Profile("night", Span(16, 16, 16), fixed(1), fixed(0.5), adapters=(disk,))
    guest = stand.world.add_partition("a", on="s2")
    kept = stand.world.servers["s2"].domain(guest.uuid)
    kept.profiles = Profiles("night", (night,))
    stand.console.delete_volume("disks", "web1")  # nbd is another way to other bytes
    kept.damaged = "They are no JSON."
    stand.console.create_volume("disks", "web1", 64)
    refused("users-unknown", stand.console.delete_volume, "disks", "web1")


def test_a_volume_below_another_one_stays(shared: Stand):
    over = Volume("over", "/var/lib/libvirt/images/over", backing="/mnt/images/web1")
    shared.world.server("s2").stores["local"].volumes["over"] = over
    cause = refused("volume-in-use", shared.console.delete_volume, "images", "web1")
    assert "local/over" in cause
    refused("volume-in-use", shared.console.grow_volume, "images", "web1", 2048)


def test_while_a_system_is_out_of_reach_shared_volumes_stay(shared: Stand):
    shared.world.server("s2").reachable = False
    shared.wait_for(lambda: shared.console.system("s2").link == "unreachable")
    for system in ("", "s1"):
        code = "users-unknown" if system else "ambiguous-pool"
        refused(code, shared.console.delete_volume, "images", "web1", system=system)
    refused("users-unknown", shared.console.grow_volume, "images", "web1", 2048, system="s1")
    assert volumes(shared) == ["web1"]
    shared.console.create_volume("local", "mine", 64, system="s1")
    shared.console.delete_volume("local", "mine", system="s1")


def test_a_running_guest_is_told_of_its_larger_disk(shared: Stand):
    sees(shared.world.add_partition("b", on="s2"), DiskKind.VOLUME, "images/web1")
    grown = shared.console.grow_volume("images", "web1", 2048)
    assert grown.volume.capacity_bytes == 2048 * MIB
    assert shared.world.server("s2").told_guests == [("b", "sda", 2048 * MIB)]
    refused("volume-would-shrink", shared.console.grow_volume, "images", "web1", 1024)


def test_a_volume_of_nobody_is_enlarged_in_its_pool(shared: Stand):
    assert shared.console.grow_volume("images", "web1", 2048).uses == ()
    assert shared.console.volumes("images").volumes[0].volume.capacity_bytes == 2048 * MIB
    refused("volume-would-shrink", shared.console.grow_volume, "images", "web1", 2048)


def test_during_its_move_a_disk_does_not_grow(shared: Stand):
    shared.world.add_partition("b", on="s1", memory_mib=4096)
    sees(shared.world.guest("b"), DiskKind.NETWORK, "nfs://nfs1/srv/images/web1")
    shared.world.link_mib_s = 10.0
    shared.wait_for(lambda: bool(shared.console.partitions()))
    view = shared.console.migrate("b", "s2")
    with pytest.raises(Busy):
        shared.console.grow_volume("images", "web1", 2048)
    shared.console.stop(view.migration.id)
    shared.settle(view)


# The mover


def test_the_mover_is_changed_for_moves_to_come(stand: Stand):
    stand.console.set_vios("s1", mover_bandwidth_mib_s=50)
    view = stand.console.set_vios("s1", mover_address="10.0.0.1", concurrent=1)
    assert view.system.mover == Mover("10.0.0.1", 50, 1)
    stand.kill()
    stand.start()
    assert stand.console.vios("s1").mover == Mover("10.0.0.1", 50, 1)
    stand.world.add_partition("a", on="s1")
    stand.wait_for(lambda: bool(stand.console.partitions()))
    stand.settle(stand.console.migrate("a", "s2"))
    assert stand.world.requests[-1].bandwidth_mib_s == 50


def test_two_changes_of_a_mover_at_once_are_both_kept(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
):
    real = systems.checked_system
    other = threading.Thread(target=lambda: stand.console.set_vios("s1", concurrent=1))

    def meanwhile(system: System) -> System:
        monkeypatch.setattr(systems, "checked_system", real)
        other.start()
        other.join(0.3)  # it waits for this one; it would be over if it did not
        return real(system)

    monkeypatch.setattr(systems, "checked_system", meanwhile)
    stand.console.set_vios("s1", mover_bandwidth_mib_s=50)
    other.join(10)
    assert stand.console.system("s1").system.mover == Mover("", 50, 1)


def test_a_wrong_mover_changes_nothing(stand: Stand):
    for given in ({"mover_address": "a b"}, {"concurrent": 0}, {"mover_bandwidth_mib_s": -1}, {}):
        with pytest.raises(BadRequest):
            stand.console.set_vios("s1", **given)
    with pytest.raises(NotFound):
        stand.console.set_vios("s9", concurrent=1)
    assert stand.console.system("s1").system.mover == Mover()


def test_during_a_move_the_address_stays(stand: Stand):
    stand.world.add_partition("a", on="s1", memory_mib=4096)
    stand.world.link_mib_s = 10.0
    stand.wait_for(lambda: bool(stand.console.partitions()))
    view = stand.console.migrate("a", "s2")
    refused("system-in-use", stand.console.set_vios, "s2", mover_address="10.0.0.2")
    assert stand.console.set_vios("s2", concurrent=1).system.mover == Mover("", 0, 1)
    stand.console.stop(view.migration.id)
    stand.settle(view)
    stand.console.set_vios("s2", mover_address="10.0.0.2")


def test_what_moved_between_two_answers_is_a_user_all_the_same(
    shared: Stand, monkeypatch: pytest.MonkeyPatch
):
    guest = shared.world.add_partition("a", on="s2")
    path = next(v.path for v in shared.world.servers["s2"].stores["images"].volumes.values())
    sees(guest, DiskKind.FILE, path, shared=True)
    real, answers = FakeStorage.partition_io, iter((False, False))

    def hidden(host: FakeStorage) -> object:
        """Each system's first answer is of before it arrived, or of after it had gone."""
        return real(host) if next(answers, True) else ()

    monkeypatch.setattr(FakeStorage, "partition_io", hidden)
    refused("volume-in-use", shared.console.delete_volume, "images", "web1")
    assert volumes(shared) == ["web1"]


def test_a_volume_does_not_grow_while_its_partition_is_being_activated(
    shared: Stand, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("openlpm.engine.claims.PATIENCE_S", 0.1)
    guest = shared.world.add_partition("a", on="s2", state=Sight.OFF)
    path = next(v.path for v in shared.world.servers["s2"].stores["images"].volumes.values())
    sees(guest, DiskKind.FILE, path, shared=True)
    with shared.console._estate.claims.partition(guest.uuid, "a", "being activated"):
        with pytest.raises(Busy) as busy:
            shared.console.grow_volume("images", "web1", 2048)
        assert busy.value.code == "partition-busy"
    assert shared.console.grow_volume("images", "web1", 2048).volume.capacity_bytes == 2048 * MIB
