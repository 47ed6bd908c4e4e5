"""Which pools are the same storage, by what they are and not by their name."""

from dataclasses import replace

import pytest

from openlpm.adapters.libvirt.pools import read_pool
from openlpm.decide.places import identity, numbered, of_backing, of_volume, vague
from openlpm.decide.same_disk import is_same, is_shared
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.storage import Backing, Pool, Volume

NFS = """<pool type='netfs'><name>{name}</name><source><host name='{host}'/>
 <dir path='{path}'/><format type='nfs'/></source>
 <target><path>/mnt/{name}</path></target></pool>"""
RBD = """<pool type='rbd'><name>ceph</name><source>{hosts}<name>{name}</name>
 <auth type='ceph' username='admin'><secret uuid='2ec115d7-3a88-3ceb-bc12-0ac909a6fd87'/></auth>
 </source></pool>"""
ISCSI = """<pool type='{kind}'><name>san</name><source><host name='{host}' {port}/>
 <device path='{iqn}'/><initiator><iqn name='iqn.2026-01.org.example:s1'/></initiator></source>
 <target><path>/dev/disk/by-path</path></target></pool>"""
FC = """<pool type='scsi'><name>fc</name><source><adapter type='fc_host' parent='scsi_host3'
 wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/></source>
 <target><path>/dev/disk/by-path</path></target></pool>"""
VG = """<pool type='logical'><name>vg</name><source><device path='/dev/sdb1'/><name>vg0</name>
 <format type='lvm2'/></source><target><path>/dev/vg0</path></target></pool>"""
GLUSTER = """<pool type='gluster'><name>g</name><source><host name='g1'/><dir path='/images'/>
 <name>vol1</name></source></pool>"""
DIR = "<pool type='dir'><name>local</name><target><path>{path}</path></target></pool>"
IQN = "iqn.2026-01.org.example:disks"
LUN = "600a0b80005adb0b0000ab2d4cae9254"
LV = "UB1hqn-abcd-EFGH-1234-5678-ijkl-mnopQR"


def pool(xml: str, *keys: str, **words: str) -> Pool:
    return read_pool(words.get("name", "p"), xml.format(**words) if words else xml, keys=keys)


def nfs(host: str = "nfs.example.org", path: str = "/srv/images", name: str = "images") -> Pool:
    return pool(NFS, host=host, path=path, name=name)


def rbd(*hosts: str, name: str = "images") -> Pool:
    """Each host with its port after a blank, if it has one."""
    listed = "".join(f"<host name='{h.partition(' ')[0]}' {_port(h)}/>" for h in hosts)
    return pool(RBD, hosts=listed, name=name)


def _port(host: str) -> str:
    port = host.partition(" ")[2]
    return f"port='{port}'" if port else ""


def iscsi(host: str = "san1", iqn: str = IQN, port: str = "", kind: str = "iscsi") -> Pool:
    return pool(ISCSI, host=host, iqn=iqn, port=port, kind=kind)


SAME = [
    (nfs(), nfs(name="other")),
    (nfs(), nfs(host="NFS.example.org.", path="/srv//images/")),
    (nfs(host="fd00::0:1"), nfs(host="fd00:0::1")),
    (rbd("mon1", "mon2 6789"), rbd("mon2 3300", "mon3")),
    (iscsi(), iscsi(port="port='3260'", kind="iscsi-direct")),
    (pool(FC, f"3{LUN}", "key2"), pool(FC, f"3{LUN}_PORT5006")),
    (pool(VG, LV), pool(VG.replace("vg0", "vg7"), LV)),
    (pool(GLUSTER), pool(GLUSTER.replace("/images", "images"))),
    (pool(FC, f"3{LUN}"), pool("<pool type='mpath'><name>m</name></pool>", f"/dev/mapper/3{LUN}")),
    (
        pool(FC, f"3{LUN}"),
        pool(
            "<pool type='disk'><name>d</name><source>"
            f"<device path='/dev/disk/by-id/wwn-0x{LUN}'/></source></pool>"
        ),
    ),
    (
        pool(NFS.replace("'nfs'", "'glusterfs'"), host="g1", path="/vol1/images", name="x"),
        pool(GLUSTER),
    ),
]
UNLIKE = [
    (nfs(), nfs(host="nfs2.example.org")),
    (nfs(), nfs(path="/srv/images2")),
    (nfs(host="10.0.0.1"), nfs(host="nfs.example.org")),
    (nfs(host="localhost"), nfs(host="localhost")),
    (nfs(host="127.0.0.1"), nfs(host="127.0.0.1")),
    (nfs(host="::1"), nfs(host="::1")),
    (nfs(host="fe80::1"), nfs(host="fe80::1")),
    (nfs(host=""), nfs(host="")),
    (nfs(path=""), nfs(path="")),
    (rbd("mon1"), rbd("mon1", name="other")),
    (rbd("mon1"), rbd("mon2")),
    (rbd(), rbd()),
    (rbd("mon1 7000"), rbd("mon1")),
    (iscsi(), iscsi(host="san2")),
    (iscsi(), iscsi(iqn="iqn.2026-01.org.example:others")),
    (iscsi(), iscsi(port="port='3261'")),
    # An adapter belongs to the server, not to the LUNs behind it.
    (pool(FC), pool(FC)),
    # A disk that has no number of its own gets one of its maker and model.
    (pool(FC, "0QEMU_QEMU_HARDDISK_drive-scsi0"), pool(FC, "0QEMU_QEMU_HARDDISK_drive-scsi0")),
    # The names of a volume group and of its devices are the server's own.
    (pool(VG), pool(VG)),
    (pool(DIR, path="/srv"), pool(DIR, path="/srv")),
    (nfs(), rbd("nfs.example.org", name="srv/images")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_storage_is_recognized(one: Pool, other: Pool):
    known = identity(one), identity(other)
    assert known[0].places & known[1].places
    assert known[0].shared
    assert known[0].reason


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_what_is_not_proved_the_same_is_another_storage(one: Pool, other: Pool):
    assert not identity(one).places & identity(other).places


def test_a_local_pool_says_so():
    known = identity(pool(DIR, path="/srv"))
    assert not known.shared
    assert known.reason == "It is this system's own, as far as can be proved."
    assert "means the same" in identity(nfs(host="localhost")).reason
    assert identity(pool(VG, LV)).reason == "It is known by its logical volumes' UUIDs."
    assert identity(pool(FC, f"3{LUN}")).reason == "It is known by its LUNs' own numbers."
    assert identity(nfs()).reason == "It is nfs://nfs.example.org/srv/images."


def test_a_folder_of_a_network_pool_is_that_pools():
    below = pool(DIR, path="/mnt/images/golden")
    beside = [nfs(), pool(DIR, path="/mnt/imagesX")]
    assert identity(below, beside).places == {"nfs://nfs.example.org/srv/images/golden"}
    assert not identity(beside[1], beside).shared
    whole = identity(pool(DIR, path="/mnt/images"), beside)
    assert whole.places == identity(nfs()).places


def test_clusters_and_sheep_are_known_by_name():
    clusters = [pool("<pool type='vstorage'><name>v</name><source><name>c1</name></source></pool>")]
    assert identity(clusters[0]).places == {"vstorage:///c1"}
    sheep = (
        "<pool type='sheepdog'><source><host name='h' port='7000'/><name>s</name></source></pool>"
    )
    assert identity(pool(sheep)).places == {"sheepdog://h/s"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"3{LUN}", f"wwn:{LUN}"),
        (f"/dev/disk/by-id/scsi-3{LUN}", f"wwn:{LUN}"),
        (f"/dev/disk/by-id/dm-uuid-mpath-3{LUN}", f"wwn:{LUN}"),
        ("2" + 16 * "a", "wwn:" + 16 * "a"),
        (LV, f"lv:{LV}"),
        ("/dev/sda", ""),
        ("SATA_disk_1", ""),
        ("", ""),
    ],
)
def test_numbers_of_ones_own(text: str, found: str):
    assert numbered(text) == found


def places(source: str, kind: DiskKind, *pools: Pool, system: str = "s2") -> frozenset[str]:
    known = [(each, identity(each)) for each in pools]
    return of_backing(system, Backing("sda", kind, source, "runs"), known)


@pytest.mark.parametrize(
    ("source", "kind", "there"),
    [
        ("images/web1", DiskKind.VOLUME, nfs()),
        ("/mnt/images/web1", DiskKind.FILE, nfs()),
        ("/mnt/other/web1", DiskKind.FILE, nfs(name="other")),
        ("nfs://nfs.example.org/srv/images/web1", DiskKind.NETWORK, nfs()),
    ],
)
def test_a_volume_is_recognized_however_it_is_named(source: str, kind: DiskKind, there: Pool):
    here = nfs()
    volume = of_volume("s1", here, Volume("web1", "/mnt/images/web1"), identity(here))
    assert volume & places(source, kind, there)
    assert not volume & places(source + "x", kind, there)


def test_network_disks_are_recognized():
    ceph = rbd("mon1", "mon2")
    image = of_volume("s1", ceph, Volume("web1", "images/web1"), identity(ceph))
    assert image & places("rbd://mon2:6789,mon9/images/web1", DiskKind.NETWORK)
    assert not image & places("rbd://mon9/images/web1", DiskKind.NETWORK)
    san = iscsi()
    lun = of_volume("s1", san, Volume("unit:0:0:1", "/dev/disk/by-path/x-lun-1"), identity(san))
    assert lun & places(f"iscsi://san1:3260/{IQN}/1", DiskKind.NETWORK)
    assert not lun & places(f"iscsi://san1:3260/{IQN}/11", DiskKind.NETWORK)
    first = of_volume("s1", san, Volume("unit:0:0:0"), identity(san))
    assert first & places(f"iscsi://san1/{IQN}", DiskKind.NETWORK)
    assert places("no url", DiskKind.NETWORK) == frozenset()


def test_a_lun_is_recognized_by_its_number():
    fc = pool(FC, f"3{LUN}")
    lun = of_volume("s1", fc, Volume("unit:0:2:0", "/dev/disk/by-path/y", f"3{LUN}"), identity(fc))
    assert lun & places(f"/dev/disk/by-id/wwn-0x{LUN}", DiskKind.BLOCK)


def test_local_names_mean_one_system():
    here = pool(DIR, path="/srv")
    volume = of_volume("s1", here, Volume("web1", "/srv/web1"), identity(here))
    for source, kind in (("p/web1", DiskKind.VOLUME), ("/srv/./web1", DiskKind.FILE)):
        assert volume & places(source, kind, nfs(), here, system="s1")
        assert not volume & places(source, kind, here)
    assert places("dir=x", DiskKind.OTHER) == frozenset()


def test_a_host_that_is_spelled_otherwise_leaves_a_doubt():
    here, there = nfs(), nfs(host="10.0.0.5")
    volume = of_volume("s1", here, Volume("web1", "/mnt/images/web1"), identity(here))
    used = places("/mnt/images/web1", DiskKind.FILE, there)
    assert not volume & used
    assert vague(volume) & vague(used)
    ceph = rbd("mon1")
    image = of_volume("s1", ceph, Volume("web1"), identity(ceph))
    assert vague(image) & vague(places("rbd:///images/web1", DiskKind.NETWORK))


def test_a_disk_is_the_same_by_the_pools_of_both_systems():
    web1 = VirtualDisk("sda", "scsi", DiskKind.VOLUME, "images/web1")
    file = VirtualDisk("sda", "scsi", DiskKind.FILE, "/mnt/images/web1")
    for disk in (web1, file):
        assert is_shared(disk, [nfs()])
        assert is_same(disk, [nfs()], [pool(DIR, path="/x"), nfs()])
        assert not is_same(disk, [nfs()], [nfs(host="nfs2")])
        assert not is_same(disk, [nfs()], [])
        assert not is_shared(disk, [])
    lv = VirtualDisk("sda", "scsi", DiskKind.VOLUME, "p/web1")
    assert is_same(lv, [pool(VG, LV)], [pool(VG, LV)])
    assert not is_same(lv, [pool(VG, LV)], [pool(VG, LV[::-1])])
    assert not is_shared(lv, [pool(DIR, path="/x")])
    assert not is_shared(lv, [pool(FC, f"3{LUN}")]), "it may be another LUN behind that adapter"
    assert not is_shared(VirtualDisk("sda", "scsi", DiskKind.NETWORK, "nbd://h/x"), [nfs()])


def test_a_pool_that_is_not_mounted_proves_nothing():
    file = VirtualDisk("sda", "scsi", DiskKind.FILE, "/mnt/images/web1")
    assert not is_same(file, [nfs()], [replace(nfs(), active=False)])
    assert not is_shared(file, [replace(nfs(), active=False)])


def test_an_inner_mount_hides_the_outer_one():
    inner = replace(nfs(host="nfs2", path="/z", name="z"), path="/mnt/images/b")
    file = VirtualDisk("sda", "scsi", DiskKind.FILE, "/mnt/images/b/x")
    assert is_same(file, [nfs(), inner], [nfs(), inner])
    assert not is_same(file, [nfs(), inner], [nfs()])
    own = replace(pool(DIR, path="/mnt/images/l"), kind="fs")
    local = VirtualDisk("sda", "scsi", DiskKind.FILE, "/mnt/images/l/x")
    assert not is_shared(local, [nfs(), own])
    below = pool(DIR, path="/mnt/images/l/deep")
    assert identity(below, [nfs(), own, below]).below == frozenset()
