"""Pools of real servers: LUNs of an iSCSI target that both reach, and each server's own folder.

The target is tgt's daemon outside the servers, in user space; libvirt's pools and QEMU speak iSCSI
themselves (`iscsi-direct`), so the kernel has no part in it.
"""

import json
import subprocess
from typing import Any

import pytest
from console_fixtures import Site

from openlpm.lab.target import POOL

pytestmark = pytest.mark.lab

LUN = "unit:0:0:1"
MIB = 2**20


def disk(pool: str, volume: str) -> str:
    return f"""<controller type='scsi' model='virtio-scsi'/>
      <disk type='volume' device='disk'><driver name='qemu' type='raw' cache='none'/>
      <source pool='{pool}' volume='{volume}'/><target dev='sda' bus='scsi'/></disk>"""


@pytest.fixture(scope="module")
def san(site: Site) -> str:
    """The pool of a target that both servers reach; it stays until the lab goes."""
    site.stage.lab.serve_luns(1, 16)
    return POOL


def lpm(site: Site, *words: str) -> Any:
    done = site.cli(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def refused(done: subprocess.CompletedProcess[str], code: str) -> None:
    assert done.returncode == 6, done
    assert json.loads(done.stderr)["code"] == code


def users(site: Site, pool: str, volume: str, *words: str) -> list[tuple[str, str]]:
    found = lpm(site, "storage", "volumes", pool, *words)["volumes"]
    (view,) = [each for each in found if each["volume"]["name"] == volume]
    return [(use["partition"], use["system"]) for use in view["uses"]]


def test_a_partition_moves_with_its_lun(site: Site, san: str):
    pools = lpm(site, "storage", "pools", "s1")["pools"]
    (pool,) = [each for each in pools if each["pool"]["name"] == san]
    assert pool["same_as"] == [{"system": "s2", "pool": san}]
    with site.guest(disk(san, LUN), start="running") as tiny:
        assert users(site, san, LUN) == [(tiny.name, "s1")]
        refused(site.cli("storage", "delete", san, LUN, "--json"), "pool-fixed")
        assert not site.findings(tiny.name).keys() & {"pool-differs", "disk-host-local"}
        assert site.ended(site.migrate(tiny.name))["phase"] == "done"
        assert users(site, san, LUN) == [(tiny.name, "s2")]
        (partition,) = lpm(site, "vios", "show", "s2")["partitions"]
        (mapped,) = partition["disks"]
        assert (mapped["pool"], mapped["volume"], mapped["shared"]) == (san, LUN, True)


def test_a_pool_of_that_name_that_is_another_storage_is_no_way(site: Site, san: str):
    with site.guest(disk(san, LUN)) as tiny:
        site.virsh("s2", "pool-destroy", san)
        xml = f"""<pool type='dir'><name>{san}</name><target><path>/tmp</path></target></pool>"""
        kept = site.virsh("s2", "pool-dumpxml", san)
        site.virsh("s2", "pool-undefine", san)
        site.virsh("s2", "pool-create", "/dev/stdin", stdin=xml)
        try:
            site.fires(tiny.name, "pool-differs", at="s2")
        finally:
            site.virsh("s2", "pool-destroy", san)
            site.virsh("s2", "pool-define", "/dev/stdin", stdin=kept)
            site.virsh("s2", "pool-start", san)


def test_a_volume_of_a_local_pool_grows_under_its_guest_and_stays_while_used(site: Site):
    name = "own1"
    refused(site.cli("storage", "create", "local", name, "--size", "8", "--json"), "ambiguous-pool")
    made = lpm(site, "storage", "create", "local", name, "--size", "8", "--on", "s1")
    on = ("--on", "s1")
    try:
        assert made["volume"]["capacity_bytes"] == 8 * MIB
        with site.guest(disk("local", name), start="running") as tiny:
            assert not site.findings(tiny.name).keys() & {"disk-host-local", "pool-needed"}
            assert users(site, "local", name, *on) == [(tiny.name, "s1")]
            refused(site.cli("storage", "delete", "local", name, *on, "--json"), "volume-in-use")
            grown = lpm(site, "storage", "grow", "local", name, "--size", "16", *on)
            assert grown["volume"]["capacity_bytes"] == 16 * MIB
            seen = site.virsh("s1", "domblkinfo", tiny.name, "sda")
            assert str(16 * MIB) in seen.split()
            shrunk = site.cli("storage", "grow", "local", name, "--size", "4", *on, "--json")
            refused(shrunk, "volume-would-shrink")
    finally:
        assert site.cli("storage", "delete", "local", name, *on).returncode == 0
    assert lpm(site, "storage", "volumes", "local", *on)["volumes"] == []
