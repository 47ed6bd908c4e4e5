"""Moves without shared storage, on real servers: each has a folder of its own for disks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from console_fixtures import Site, until
from inside import Inside

from openlpm.faces.cli.client import path_of
from openlpm.lab.stage import Guest

pytestmark = pytest.mark.lab

MIB = 2**20
FOLDER = "/var/lib/libvirt/images"
WRITE = """
dd if=/dev/urandom of=/run/some bs=1M count=1 2>/dev/null; i=0
while :; do
  dd if=/run/some of=/data/load bs=1M count=1 seek=$((i%40)) conv=notrunc,fsync 2>/dev/null
  i=$((i+1)); echo $i >/run/written; usleep 20000
done
"""


def volumes(site: Site, server: str) -> list[str]:
    """The files in its own folder."""
    return sorted(site.on(server, "ls", FOLDER).split())


def lpm(site: Site, *words: str) -> Any:
    done = site.cli(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def disk(name: str, kind: str, image: str = "raw") -> str:
    source = f"file='{FOLDER}/{name}'" if kind == "file" else f"pool='local' volume='{name}'"
    return f"""<controller type='scsi' model='virtio-scsi'/>
      <disk type='{kind}' device='disk'><driver name='qemu' type='{image}'/>
      <source {source}/><target dev='sda' bus='scsi'/></disk>"""


@contextmanager
def own_volume(site: Site, name: str, image: str = "raw") -> Generator[str]:
    """A volume of s1 with something in it; wherever it is afterwards, it goes."""
    lpm(site, "storage", "create", "local", name, "--size", "8", "--format", image, "--on", "s1")
    try:
        writing = ("qemu-io", "-f", image, "-c", "write -P 0x5a 1M 2M", f"{FOLDER}/{name}")
        site.on("s1", *writing)
        yield name
    finally:
        for server in ("s1", "s2"):
            site.virsh(server, "pool-refresh", "local")
            for each in volumes(site, server):
                site.virsh(server, "vol-delete", each, "local")


def holds_what_was_written(site: Site, server: str, name: str, image: str) -> bool:
    """The pattern is where it was written, and nothing else."""
    words = ("-c", "read -P 0x5a 1M 2M", "-c", "read -P 0 3M 5M", f"{FOLDER}/{name}")
    return "failed" not in site.on(server, "qemu-io", "-r", "-U", "-f", image, *words)


@pytest.mark.parametrize(("kind", "image"), [("file", "raw"), ("volume", "qcow2")])
def test_a_disk_goes_there_and_back_with_its_partition(site: Site, kind: str, image: str):
    with (
        own_volume(site, f"own{kind}.img", image) as name,
        site.guest(disk(name, kind, image), start="running") as tiny,
    ):
        told = site.cli("validate", tiny.name, "--to", "s2")
        assert told.returncode == 0, told.stdout
        assert "Disk sda would be copied to pool local on s2" in told.stdout
        move = site.ended(site.migrate(tiny.name))
        assert move["phase"] == "done", move
        copy = f"own{kind}-m{move['id']}.img"
        assert (volumes(site, "s1"), volumes(site, "s2")) == ([], [copy])
        stored = site.virsh("s2", "dumpxml", "--inactive", tiny.name)
        assert copy in stored
        assert copy in site.virsh("s2", "domblklist", tiny.name)
        assert holds_what_was_written(site, "s2", copy, image)
        back = json.loads(site.cli("return", tiny.name, "--json").stdout)["migration"]
        assert back["phase"] == "done", back
        assert volumes(site, "s2") == []
        assert volumes(site, "s1") == [f"own{kind}-m{back['id']}.img"]
        assert holds_what_was_written(site, "s1", f"own{kind}-m{back['id']}.img", image)


def test_a_paused_partition_goes_with_its_disk_too(site: Site):
    with own_volume(site, "own") as name, site.guest(disk(name, "file"), start="paused") as tiny:
        move = site.ended(site.migrate(tiny.name))
        assert (move["phase"], move["kind"]) == ("done", "suspended")
        assert site.partition(tiny.name)["state"] == "paused"
        assert volumes(site, "s1") == []


SNIFF = """
import select, socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
raw.settimeout(0.2)
raw.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE: all of it, on a busy machine too
total = plain = 0
print("listens", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        data = raw.recv(1 << 17)
    except TimeoutError:
        continue
    total += len(data)
    plain += bytes([0x5a]) * 64 in data
print(total, plain)
"""


def test_what_is_copied_goes_encrypted(site: Site):
    with own_volume(site, "own") as name, site.guest(disk(name, "file"), start="running") as tiny:
        sniffer = [sys.executable, "-c", SNIFF]
        pipe = subprocess.PIPE
        with site.stage.lab.popen(sniffer, "s1", stdin=pipe, stdout=pipe) as heard:
            assert heard.stdout
            assert heard.stdout.readline() == "listens\n"
            assert site.ended(site.migrate(tiny.name))["phase"] == "done"
            told, _ = heard.communicate("\n", timeout=20)
        total, plain = map(int, told.split())
        assert total > 2 * MIB, "all that was written on the disk"
        assert plain == 0


def test_the_old_disk_stays_if_that_is_asked_for(site: Site):
    with own_volume(site, "own") as name, site.guest(disk(name, "file"), start="running") as tiny:
        done = site.cli("migrate", tiny.name, "--to", "s2", "--keep-disks", "--pool", "local")
        assert done.returncode == 0, done.stderr
        assert "a copy of local/own on s1, which stays." in done.stdout
        assert volumes(site, "s1") == ["own"]


def test_a_pool_that_is_not_there_is_refused_and_changes_nothing(site: Site):
    with own_volume(site, "own") as name, site.guest(disk(name, "file"), start="running") as tiny:
        done = site.cli("migrate", tiny.name, "--to", "s2", "--pool", "nosuch")
        assert done.returncode == 3
        assert "pool-needed" in done.stderr
        assert volumes(site, "s2") == []


def test_a_disk_over_another_image_stays(site: Site):
    with own_volume(site, "base", "qcow2"):
        over = f"qemu-img create -q -f qcow2 -F qcow2 -b {FOLDER}/base {FOLDER}/over"
        site.on("s1", *over.split())
        site.virsh("s1", "pool-refresh", "local")
        with site.guest(disk("over", "file", "qcow2"), start="running") as tiny:
            finding = site.fires(tiny.name, "disk-host-local", at="s1")
            assert "lies over another image" in finding["disk-host-local"]["message"]


@contextmanager
def own_partition(site: Site) -> Generator[Guest]:
    """The project's image in a file of s1, booted."""
    guest = site.stage.make_partition("own1", on="s1", memory_mib=256, number=77)
    try:
        xml = site.virsh("s1", "dumpxml", "own1")
        start, end = xml.index("<disk "), xml.index("</disk>") + len("</disk>")
        own = disk("own1.img", "file").partition("<disk")
        site.on("s1", "cp", str(guest.volume), f"{FOLDER}/own1.img")
        site.virsh("s1", "pool-refresh", "local")
        xml = f"{xml[:start]}<disk{own[2]}{xml[end:]}"
        site.virsh("s1", "define", "/dev/stdin", stdin=xml)
        site.virsh("s1", "start", "own1")
        until(lambda: site.partition("own1")["rmc"] == "active", 60, "its agent")
        yield guest
    finally:
        site.client.post(path_of("partitions", "own1", "shutdown"), {"force": True})
        site.client.delete(path_of("partitions", "own1"))
        site.stage.lab.delete_volume("own1")
        for server in ("s1", "s2"):
            with suppress(subprocess.CalledProcessError):
                site.on(server, "rm", "-f", *(f"{FOLDER}/{n}" for n in volumes(site, server)))
            site.virsh(server, "pool-refresh", "local")


def copying(site: Site) -> str:
    """What QEMU says of its disk's way, once it is under way."""
    ask = '{"execute": "query-named-block-nodes"}'
    nodes = site.virsh("s1", "qemu-monitor-command", "own1", ask)
    return nodes if '"nbd"' in nodes else ""


@contextmanager
def slow(site: Site, rate: str = "100mbit") -> Generator[None]:
    """Links so slow that its disk takes some seconds."""
    lab = site.stage.lab
    for server in ("s1", "s2"):
        lab.set_rate(server, rate)
    try:
        yield
    finally:
        for server in ("s1", "s2"):
            lab.set_rate(server, lab.plan.link)


def kill_qemu(site: Site, server: str) -> None:
    for pid in site.stage.lab.server(server).pids(lambda argv: "guest=own1," in " ".join(argv)):
        os.kill(pid, signal.SIGKILL)


def kill_libvirtd(site: Site, server: str) -> None:
    site.stage.lab.kill_libvirtd(server)
    site.linked(server, "unreachable", 20)
    site.stage.lab.start_libvirtd(server)
    site.linked(server, "connected", 20)


FAULTS: tuple[tuple[str, Callable[[Site], None]], ...] = (
    ("the target's QEMU is killed", lambda site: kill_qemu(site, "s2")),
    ("the target's libvirtd is killed", lambda site: kill_libvirtd(site, "s2")),
    ("the source's libvirtd is killed", lambda site: kill_libvirtd(site, "s1")),
)


def test_whatever_breaks_the_copying_the_partition_runs_on_and_nothing_is_left(site: Site):
    with own_partition(site) as guest:
        for what, strike in FAULTS:
            with slow(site):
                move = site.migrate("own1")
                until(lambda: copying(site), 10, "its disk is copied")
                assert len(volumes(site, "s2")) == 1
                strike(site)
                ended = site.ended(move, 60)
            assert ended["phase"] == "failed", what
            assert (volumes(site, "s1"), volumes(site, "s2")) == (["own1.img"], []), what
            assert site.seen("own1", "running")["system"] == "s1", what
            assert "No current block job" in site.virsh("s1", "blockjob", "own1", "sda"), what
        assert site.stage.disk_gaps(guest) == 0
        done = site.ended(site.migrate("own1"), 60)
        assert done["phase"] == "done"
        assert site.stage.disk_gaps(guest) == 0


def written(busy: Inside) -> int:
    """How many times it has written 1 MiB."""
    return int(busy.output(busy.start("cat /run/written")) or 0)


def test_a_guest_that_writes_ten_megabytes_a_second_loses_nothing(site: Site):
    with own_partition(site) as guest:
        busy = Inside(site.stage, "own1")
        busy.start(WRITE)
        until(lambda: written(busy), 20, "the guest writes")
        before, since = written(busy), time.monotonic()
        until(lambda: written(busy) > before + 40, 60, "it went once round its file")
        rate = (written(busy) - before) * MIB / 1e6 / (time.monotonic() - since)
        assert rate > 10, "MB/s"
        with slow(site, "300mbit"):
            move = site.migrate("own1")
            watched = site.cli("migration", "watch", move, "--json")
        assert watched.returncode == 0, watched.stderr
        views = [json.loads(line) for line in watched.stdout.splitlines()]
        shares = [
            (view["progress"]["disks_done"], view["progress"]["memory_done"])
            for view in views
            if view["progress"]
        ]
        assert len(set(shares)) > 5
        assert shares == sorted(shares)
        assert all(disks == 1 for disks, memory in shares if memory > 0)
        assert views[-1]["migration"]["phase"] == "done"
        assert site.stage.disk_gaps(guest) == 0
        assert volumes(site, "s1") == []
        print(f"{rate:.1f} MB/s written", views[-1]["migration"]["figures"])
