"""Who uses a volume, what is behind a disk, and what may be done with a volume."""

from dataclasses import replace

import pytest

from openlpm.decide import volumes as rules
from openlpm.decide.mapping import mapped
from openlpm.decide.uses import Known, brief
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.hardware import DiskKind, VirtualDisk, VirtualEthernet
from openlpm.model.sight import Sight
from openlpm.model.storage import (
    Backing,
    KnownPool,
    PartitionIo,
    Pool,
    PoolPlace,
    PoolSource,
    SystemStorage,
    Use,
    Volume,
)

GIB = 2**30
NFS = PoolSource(("nfs1",), folder="/srv")
SIZES = {"capacity_bytes": 8 * GIB, "available_bytes": 2 * GIB}
LOCAL = Pool("local", "dir", path="/var/images", **SIZES)
SHARED = Pool("data", "netfs", path="/mnt/data", source=NFS, **SIZES)
RENAMED = Pool("nfs", "netfs", path="/mnt/nfs", source=NFS, **SIZES)
DOUBTFUL = Pool("nfs", "netfs", path="/mnt/nfs", source=replace(NFS, hosts=("10.0.0.1",)), **SIZES)
WEB1 = Volume("web1", "/mnt/data/web1", capacity_bytes=GIB, format="raw", kind="file")


def io(
    name: str, system: str, *backings: Backing, state: Sight = Sight.RUNNING, trouble: str = ""
) -> PartitionIo:
    disks = tuple(
        VirtualDisk(b.disk, "scsi", b.kind, b.source) for b in backings if b.how != "profile"
    )
    return PartitionIo(f"uuid-{name}", name, system, state, disks, (), backings, trouble)


def on(kind: DiskKind, source: str, how: str = "runs", disk: str = "sda") -> Backing:
    return Backing(disk, kind, source, how)


def known(*partitions: PartitionIo, there: Pool = RENAMED) -> Known:
    return Known(
        SystemStorage(system, pools, tuple(each for each in partitions if each.system == system))
        for system, pools in (("s1", (LOCAL, SHARED)), ("s2", (LOCAL, there)))
    )


def test_pools_are_told_with_those_that_are_the_same():
    told = {(k.system, k.pool.name): k for k in known().pools()}
    assert told["s1", "data"].same_as == (PoolPlace("s2", "nfs"),)
    assert told["s2", "nfs"].same_as == (PoolPlace("s1", "data"),)
    assert told["s1", "local"].same_as == ()
    assert not told["s1", "local"].shared
    keyed = KnownPool("s1", replace(LOCAL, keys=("k",)), False, "")
    assert brief(keyed).pool == LOCAL
    assert known().brief() == known().pools()


def test_a_user_is_found_on_whichever_system():
    found = known(
        io("a", "s1", on(DiskKind.VOLUME, "data/web1"), on(DiskKind.FILE, "/x", disk="sdb")),
        io("b", "s2", on(DiskKind.FILE, "/mnt/nfs/web1"), on(DiskKind.FILE, "/mnt/nfs/web2")),
        io("c", "s2", on(DiskKind.NETWORK, "nfs://nfs1/srv/web1", "defined"), state=Sight.OFF),
        io("d", "s2", on(DiskKind.BLOCK, "/dev/web1")),
    ).users("s1", SHARED, WEB1)
    assert [(u.partition, u.system, u.disk, u.how, u.certain) for u in found] == [
        ("a", "s1", "sda", "runs", True),
        ("b", "s2", "sda", "runs", True),
        ("c", "s2", "sda", "defined", True),
    ]


def test_a_user_is_told_once_and_by_the_strongest_of_its_ways():
    both = (on(DiskKind.VOLUME, "data/web1", "defined"), on(DiskKind.FILE, "/mnt/data/web1"))
    (use,) = known(io("a", "s1", *both)).users("s1", SHARED, WEB1)
    assert (use.how, use.certain) == ("runs", True)


def test_a_doubt_is_told_as_one():
    users = known(io("b", "s2", on(DiskKind.FILE, "/mnt/nfs/web1")), there=DOUBTFUL)
    (use,) = users.users("s1", SHARED, WEB1)
    assert (use.partition, use.certain) == ("b", False)


def test_a_file_of_that_path_elsewhere_may_be_the_same_one():
    """A folder may be mounted on several systems by other means than a pool."""
    own = Volume("web1", "/var/images/web1")
    file = on(DiskKind.FILE, "/var/images/web1")
    found = known(io("a", "s1", file), io("b", "s2", file)).users("s1", LOCAL, own)
    assert [(use.partition, use.certain) for use in found] == [("a", True), ("b", False)]
    in_nfs = known(io("b", "s2", on(DiskKind.FILE, "/mnt/nfs/web1")))
    assert in_nfs.users("s1", LOCAL, Volume("web1", "/mnt/nfs/web1")) == (), "that is known"
    device = known(io("b", "s2", on(DiskKind.BLOCK, "/dev/sdb1")))
    assert device.users("s1", LOCAL, Volume("sdb1", "/dev/sdb1")) == ()


def test_what_was_made_over_a_volume_is_found():
    over = Volume("over", "/var/images/over", backing="/mnt/data/web1")
    everything = known()
    places = everything.places("s1", SHARED, WEB1)
    others = [(LOCAL, over), (LOCAL, Volume("plain")), (LOCAL, replace(over, backing="/y"))]
    assert everything.lies_over(places, "s1", others) == ["local/over"]
    assert everything.systems() == ["s1", "s2"]


def test_what_may_have_been_made_over_a_volume_counts_too():
    told = [SystemStorage("s1", (SHARED,), ()), SystemStorage("s2", (DOUBTFUL,), ())]
    everything = Known(told)
    places = everything.places("s1", SHARED, WEB1)
    over = Volume("over", "/mnt/nfs/over", backing="/mnt/nfs/web1")
    assert everything.lies_over(places, "s2", [(DOUBTFUL, over)]) == ["nfs/over"]
    assert everything.lies_over(places, "s2", [(DOUBTFUL, replace(over, backing="/x"))]) == []


def test_each_disk_is_mapped_to_its_pool_and_volume():
    disks = (
        VirtualDisk("sda", "scsi", DiskKind.VOLUME, "data/web1"),
        VirtualDisk("sdb", "scsi", DiskKind.FILE, "/var/images/a/b"),
        VirtualDisk("sdc", "scsi", DiskKind.NETWORK, "nbd://h:10809/x"),
        VirtualDisk("sdd", "scsi", DiskKind.BLOCK, "/dev/sdz"),
        VirtualDisk("sde", "scsi", DiskKind.OTHER, "dir=/x"),
        VirtualDisk("sdg", "scsi", DiskKind.NETWORK, "rbd://mon1/images/web1"),
        VirtualDisk("sdf", "scsi", DiskKind.EMPTY, "", device="cdrom"),
    )
    nic = VirtualEthernet("52:54:00:00:00:01", "bridge", "br0")
    one = PartitionIo("u", "web1", "s1", Sight.RUNNING, disks, (nic,))
    ceph = Pool("ceph", "rbd", source=PoolSource(("mon1",), "images"))
    everything = Known([SystemStorage("s1", (LOCAL, SHARED, ceph), (one,))])
    told = mapped(everything, one)
    assert [(d.target, d.pool, d.volume, d.shared) for d in told.disks] == [
        ("sda", "data", "web1", True),
        ("sdb", "local", "a/b", False),
        ("sdc", "", "", True),
        ("sdd", "", "", False),
        ("sde", "", "", False),
        ("sdg", "ceph", "web1", True),
    ]
    assert told.ethernets == (nic,)


# What may be done

HERE = KnownPool("s1", SHARED, True, "")
USE = Use("a", "u", "s1", Sight.RUNNING, "sda", "runs")


def refused(code: str, rule, *asked) -> Conflict | BadRequest:  # type: ignore[no-untyped-def]
    with pytest.raises((Conflict, BadRequest)) as found:
        rule(*asked)
    assert found.value.code == code
    assert found.value.remedy
    return found.value


def kind(kind: str, **changes: object) -> KnownPool:
    return replace(HERE, pool=replace(SHARED, kind=kind, **changes))  # type: ignore[arg-type]


def test_a_new_volume():
    assert rules.new_volume(HERE, "v", GIB, "") == Volume("v", format="raw", capacity_bytes=GIB)
    assert rules.new_volume(HERE, "v", 9 * GIB, "qcow2").format == "qcow2"
    assert rules.new_volume(kind("rbd"), "v", GIB, "raw").format == ""
    assert (
        "2048 MiB are free" in refused("pool-full", rules.new_volume, HERE, "v", 3 * GIB, "").cause
    )
    refused("bad-format", rules.new_volume, HERE, "v", GIB, "vmdk")
    refused("bad-format", rules.new_volume, kind("rbd"), "v", GIB, "qcow2")
    for fixed in ("iscsi", "logical", "disk", "gluster"):
        refused("pool-fixed", rules.new_volume, kind(fixed), "v", GIB, "")
    refused("pool-of-leases", rules.new_volume, kind("dir", name=rules.LEASES), "v", GIB, "")


def test_a_size():
    assert rules.checked_capacity(3) == 3 * 2**20
    for size in (0, -1, 2**31):
        refused("out-of-range", rules.checked_capacity, size)


def test_what_is_used_is_not_removed():
    rules.require_unused(HERE, WEB1, [])
    told = [USE, replace(USE, how="profile", certain=False), replace(USE, behind=True)]
    cause = refused("volume-in-use", rules.require_unused, HERE, WEB1, told).cause
    assert "a on s1 runs with it (sda)" in cause
    assert "names it" in cause
    assert "may be the same" in cause
    assert "below its disk" in cause
    rules.require_whole("s1", "data", 4, 5)
    refused("users-unknown", rules.require_whole, "s1", "data", 5, 5)
    rules.require_nothing_over(HERE, WEB1, [])
    refused("volume-in-use", rules.require_nothing_over, HERE, WEB1, ["local/over"])


def test_what_is_not_known_counts_as_used():
    unseen = [("s3", "No route to host.")]
    rules.require_all_seen(HERE, [])
    local = replace(kind("dir"), shared=False)
    rules.require_all_seen(local, unseen)
    refused("users-unknown", rules.require_all_seen, replace(HERE, shared=False), unseen)
    assert "s3" in refused("users-unknown", rules.require_all_seen, HERE, unseen).message
    rules.require_meant(HERE, unseen, "s1")
    rules.require_meant(HERE, [], "")
    refused("ambiguous-pool", rules.require_meant, HERE, unseen, "")
    odd = known(io("odd", "s2", trouble="It has a DTD."))
    assert "odd on s2" in refused("users-unknown", rules.require_readable, HERE, odd).message
    local = replace(kind("dir"), shared=False)
    rules.require_readable(local, odd)
    refused("users-unknown", rules.require_readable, replace(HERE, shared=False), odd)
    refused("users-unknown", rules.require_readable, replace(local, system="s2"), odd)
    rules.require_readable(HERE, known(io("fine", "s1")))


def test_a_volume_only_grows_and_only_where_there_is_room():
    rules.require_growth(HERE, WEB1, 2 * GIB)
    refused("volume-would-shrink", rules.require_growth, HERE, WEB1, GIB)
    refused("pool-full", rules.require_growth, HERE, WEB1, 4 * GIB)
    rules.require_growth(HERE, replace(WEB1, format="qcow2"), 4 * GIB)
    refused("pool-fixed", rules.require_growth, kind("scsi"), WEB1, 2 * GIB)


def test_who_has_it_open_enlarges_it():
    off = replace(USE, how="defined", state=Sight.OFF)
    assert rules.opener(WEB1, []) is None
    assert rules.opener(WEB1, [off]) is None
    assert rules.opener(WEB1, [USE, off]) == USE
    refused("volume-shared", rules.opener, WEB1, [USE, replace(USE, uuid="v")])
    refused("volume-shared", rules.opener, WEB1, [replace(off, state=Sight.UNKNOWN)])
    refused("volume-in-use", rules.opener, WEB1, [replace(USE, behind=True)])
    refused("volume-in-use", rules.opener, WEB1, [replace(USE, certain=False)])
