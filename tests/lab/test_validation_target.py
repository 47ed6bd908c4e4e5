"""Findings that the target causes: its networks, storage, lockspace and names."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from console_fixtures import MARK, Site, until

from openlpm.lab import Volume
from openlpm.lab.configuration import LEASE_FOLDER, LEASE_POOL, LOCKSPACE
from unprivileged import unprivileged_qemu

pytestmark = pytest.mark.lab

SWITCH = "<interface type='network'><source network='{}' portgroup='blue'/></interface>"
# libvirt starts such a network without looking whether Open vSwitch is there.
NETWORK = """<network><name>{}</name><forward mode='bridge'/><bridge name='none'/>
  <virtualport type='openvswitch'/>
  <portgroup name='blue'><vlan><tag id='{}'/></vlan></portgroup></network>"""


@contextmanager
def network(site: Site, server: str, name: str, tag: int = 5, *, start: bool = True):
    site.virsh(server, "net-define", "/dev/stdin", stdin=NETWORK.format(name, tag))
    try:
        if start:
            site.virsh(server, "net-start", name)
        yield
    finally:
        site.virsh(server, stdin=f"net-destroy {name}\nnet-undefine {name}\n", check=False)


@contextmanager
def volume(site: Site, name: str) -> Iterator[Volume]:
    made = site.stage.lab.create_volume(name, size_mib=1)
    try:
        yield made
    finally:
        site.stage.lab.delete_volume(name)


def disk(volume: Volume, cache: str = "none") -> str:
    return f"""<disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='{cache}' rerror_policy='stop' error_policy='stop'/>
      <source protocol='nbd' name='{volume.export}'>
        <host name='{volume.host}' port='{volume.port}'/></source><target dev='vda'/></disk>"""


def test_switches_of_the_target(site: Site):
    name = f"v{next(site.numbers)}"
    with network(site, "s1", name), site.guest(SWITCH.format(name)) as tiny:
        site.fires(tiny.name, "switch-missing", at="s2")
        with network(site, "s2", name, start=False):
            site.fires(tiny.name, "switch-inactive", at="s2")
        with network(site, "s2", name, tag=6):
            found = site.fires(tiny.name, "vlan-differs", at="s2")
            assert "5" in found["vlan-differs"]["message"]
        with network(site, "s2", name):
            assert site.target(tiny.name) == {}


def test_names_and_uuids_of_the_target(site: Site):
    with site.guest() as tiny:
        other = tiny.xml().replace(tiny.uuid, "00000000-0000-4000-8000-000000000001")
        site.virsh("s2", "define", "/dev/stdin", stdin=other)
        try:
            site.fires(tiny.uuid, "name-taken", at="s2")
            assert site.problem("POST", "partitions", tiny.name, "migrate", body={"to": "s2"}).code
        finally:
            site.virsh("s2", "undefine", tiny.name)
        site.virsh("s2", "define", "/dev/stdin", stdin=tiny.xml())
        site.fires(tiny.name, "uuid-taken", at="s2")
        site.virsh("s2", "undefine", tiny.name)
        assert site.target(tiny.name) == {}


def test_post_copy_that_the_target_cannot_do(site: Site):
    mark = MARK.format(1).replace("/>", "><openlpm:policy postcopy='yes'/></openlpm:partition>")
    with site.guest(start="running", mark=mark) as tiny:
        assert "postcopy-unsupported" not in site.target(tiny.name)
        with unprivileged_qemu(site.stage.lab, "s2"):
            site.linked("s2", "connected", 10)
            found = site.fires(tiny.name, "postcopy-unsupported", at="s2")["postcopy-unsupported"]
            assert found["severity"] == "warning"
            assert "Postcopy is not supported." in found["message"]
        site.linked("s2", "connected", 10)
        assert "postcopy-unsupported" not in site.target(tiny.name)


def test_disks_that_the_target_cannot_open(site: Site):
    with volume(site, f"v{next(site.numbers)}") as shared, site.guest(disk(shared)) as tiny:
        assert site.target(tiny.name) == {}
        with site.cut("s2", "storage"):
            found = site.target(tiny.name)
            assert "vda" in found["disk-unreachable"]["message"]
        site.on("s2", "ip", "route", "add", "prohibit", shared.host)
        try:
            site.fires(tiny.name, "disk-unreachable", at="s2")
        finally:
            site.on("s2", "ip", "route", "del", "prohibit", shared.host)
        assert site.target(tiny.name) == {}


def test_a_lockspace_that_the_target_lacks(site: Site):
    with site.guest() as tiny:
        site.virsh("s2", "pool-destroy", LEASE_POOL)
        try:
            site.fires(tiny.name, "lockspace-missing", at="s2")
        finally:
            site.virsh("s2", "pool-start", LEASE_POOL)
        assert site.target(tiny.name) == {}


def test_a_lockspace_that_is_another_folder(site: Site):
    folder = f"{LEASE_FOLDER}/{LOCKSPACE}"
    with site.guest() as tiny:
        site.on("s2", "mount", "-t", "tmpfs", "none", folder)
        try:
            site.fires(tiny.name, "lease-not-shared", at="s2")
        finally:
            site.on("s2", "umount", folder)
        assert site.target(tiny.name) == {}


def test_a_cache_mode_that_hides_writes(site: Site):
    with volume(site, f"v{next(site.numbers)}") as shared:
        with site.guest(disk(shared, "writeback"), start="running") as tiny:
            found = site.fires(tiny.name, "disk-cache-unsafe", at="s1")
            assert found["disk-cache-unsafe"]["severity"] == "error"
        with site.guest(disk(shared), start="paused") as tiny:
            assert "disk-cache-unsafe" not in site.target(tiny.name)


def test_block_jobs_and_backups(site: Site):
    copy = "/var/lib/libvirt/v-copy.img"
    backup = """<domainbackup mode='pull'><server name='127.0.0.1' port='10899'/><disks>
      <disk name='vda' backup='yes' type='file'><scratch file='/var/lib/libvirt/v-scratch'/></disk>
      </disks></domainbackup>"""
    with (
        volume(site, f"v{next(site.numbers)}") as shared,
        site.guest(disk(shared), start="running") as tiny,
    ):
        words = (tiny.name, "vda", "--dest", copy, "--transient-job", "--format", "raw")
        site.virsh("s1", "blockcopy", *words)
        try:
            site.fires(tiny.name, "block-job", at="s1")
        finally:
            site.virsh("s1", "blockjob", tiny.name, "vda", "--abort")
            site.on("s1", "rm", "-f", copy)
        assert "block-job" not in site.target(tiny.name)
        site.virsh("s1", "backup-begin", tiny.name, "/dev/stdin", stdin=backup)
        try:
            site.fires(tiny.name, "job-under-way", at="s1")
        finally:
            site.virsh("s1", "domjobabort", tiny.name)
        assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_a_file_with_snapshots_and_checkpoints(site: Site):
    file = "/var/lib/libvirt/v.qcow2"
    site.on("s1", "qemu-img", "create", "-f", "qcow2", file, "1M")
    local = f"""<disk type='file'><driver name='qemu' type='qcow2' cache='none'/>
      <source file='{file}'/><target dev='vda'/></disk>"""
    try:
        with site.guest(local) as tiny:
            site.virsh("s1", "snapshot-create-as", tiny.name, "before")
            site.fires(tiny.name, "snapshots", at="s1")
            site.virsh("s1", "snapshot-delete", tiny.name, "before")
            assert "snapshots" not in site.target(tiny.name)
            site.virsh("s1", "start", tiny.name)
            site.virsh("s1", "checkpoint-create-as", tiny.name, "first")
            site.fires(tiny.name, "checkpoints", at="s1")
            site.virsh("s1", "checkpoint-delete", tiny.name, "first")
            found = site.fires(tiny.name, "disk-host-local", at="s1")
            assert not found.keys() & {"checkpoints", "hypervisor-objects"}
    finally:
        site.on("s1", "rm", "-f", file)


def test_a_disk_error_pauses_it(site: Site):
    """The disk loses its bytes under a partition that waits to begin: its first read fails."""
    with (
        volume(site, f"v{next(site.numbers)}") as shared,
        site.guest(disk(shared), start="paused") as tiny,
    ):
        subprocess.run(["truncate", "-s", "0", str(shared.path)], check=True)
        site.virsh("s1", "resume", tiny.name)
        try:
            until(lambda: site.partition(tiny.name)["why"] == "fault", 10, "its disk error")
            found = site.fires(tiny.name, "paused-by-fault", at="s1")
            assert found["paused-by-fault"]["severity"] == "warning"
        finally:
            subprocess.run(["truncate", "-s", "1M", str(shared.path)], check=True)
        site.client.post(f"/v1/partitions/{tiny.name}/resume")
        assert "paused-by-fault" not in site.target(tiny.name)
