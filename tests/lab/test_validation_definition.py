"""Findings that the partition itself causes: each fires on real libvirt, and goes with its cause.

The partitions are off (what live ones add is in test_validation_live.py), and s1 has all that
they name. tests/pure covers what no lab on one machine can show:

    hypervisor-older       both servers run this machine's one QEMU
    huge-pages-short       huge pages are the machine's, and setting them aside starves others
    disk-not-shareable     vhost-vdpa and NVMe disks want devices that this machine lacks
"""

import json
from dataclasses import dataclass

import pytest
from console_fixtures import Site

pytestmark = pytest.mark.lab

LOCAL = "/var/lib/libvirt/v.img"
FILE = f"""<disk type='file' device='disk'><driver name='qemu' cache='none'/>
  <source file='{LOCAL}'/><target dev='vda'/></disk>"""
CDROM = f"<disk type='file' device='cdrom'><source file='{LOCAL}'/><target dev='hdc'/></disk>"
HOSTDEV = """<hostdev mode='subsystem' type='pci' managed='yes'>
  <source><address domain='0' bus='3' slot='0' function='0'/></source></hostdev>"""
SOCKET = "<serial type='unix'><source mode='connect' path='/tmp/v.sock'/></serial>"
FOLDER = "<filesystem type='mount'><source dir='/srv'/><target dir='srv'/></filesystem>"
USER = "<interface type='user'/>"
LARGE = "<interface type='network'><source network='guest'/><mtu size='9000'/></interface>"
MILAN = "<cpu mode='custom' match='exact'><model>EPYC-Milan</model></cpu>"


@dataclass(frozen=True)
class Cause:
    """What in a definition calls for a finding, about which server, and how grave it is."""

    code: str
    devices: str = ""
    os: str = ""
    cpu: str = ""
    at: str = "s1"
    severity: str = "error"


CAUSES = (
    Cause("disk-host-local", FILE),
    Cause("disk-unreachable", FILE, at="s2"),
    Cause("disk-cache-unsafe", FILE.replace(" cache='none'", ""), severity="warning"),
    Cause("host-local-media", CDROM),
    Cause("physical-adapter", HOSTDEV),
    Cause("host-local-file", SOCKET),
    Cause("host-local-file", FOLDER),
    Cause("host-local-file", os="<kernel>/boot/vmlinuz</kernel>"),
    Cause("ethernet-host-only", USER),
    Cause("mtu-smaller", LARGE, at="s2"),
    Cause("processor-incompatible", cpu=MILAN, at="s2"),
)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda c: c.code)
def test_a_definition_that_ties_it(site: Site, cause: Cause):
    special = {"os": cause.os} | ({"cpu": cause.cpu} if cause.cpu else {})
    with site.guest(cause.devices, **special) as tiny:
        found = site.fires(tiny.name, cause.code, at=cause.at)
        assert found[cause.code]["severity"] == cause.severity
        site.define(tiny)
        assert site.target(tiny.name) == {}


def test_the_command_line_tells_all_at_once(site: Site):
    with site.guest(FILE + CDROM + HOSTDEV + USER) as tiny:
        expected = {"disk-host-local", "host-local-media", "physical-adapter", "ethernet-host-only"}
        before = site.picture(tiny.name)
        for command in ("validate", "migrate"):
            assert expected <= site.cli_refused(command, tiny.name, "--to", "s2").keys()
        plain = site.cli("migrate", tiny.name, "--to", "s2")
        assert plain.returncode == 3
        assert "virsh change-media --eject" in plain.stdout + plain.stderr
        assert site.picture(tiny.name) == before


def test_without_a_lease_it_is_warned_and_may_move(site: Site):
    with site.guest(lease=False) as tiny:
        assert site.fires(tiny.name, "lease-none", at="s1")["lease-none"]["severity"] == "warning"
        assert site.ended(site.migrate(tiny.name))["phase"] == "done"


def test_what_others_made_is_refused_until_it_is_adopted(site: Site):
    with site.guest(marked=False) as tiny:
        site.fires(tiny.name, "not-adopted", at="s1")
        assert site.cli("partition", "adopt", tiny.name).returncode == 0
        assert site.target(tiny.name) == {}


def definition(site: Site, name: str) -> list[str]:
    """What is stored of it on s1, but for an empty `<metadata>`."""
    lines = site.virsh("s1", "dumpxml", "--inactive", name).splitlines()
    return [line for line in lines if line.strip() not in ("", "<metadata/>")]


@pytest.mark.parametrize("state", ["off", "running"])
def test_what_is_adopted_moved_and_released_is_as_it_was(site: Site, state: str):
    start = "running" if state == "running" else ""
    with site.guest(marked=False, start=start) as tiny:
        before = definition(site, tiny.name)
        assert site.cli("partition", "release", tiny.name).returncode == 6  # it is none of ours
        for _ in range(2):
            assert site.cli("partition", "adopt", tiny.name).returncode == 0
        for to in ("s2", "s1"):
            assert site.ended(site.migrate(tiny.name, to))["phase"] == "done"
        released = site.cli("partition", "release", tiny.name, "--json")
        assert json.loads(released.stdout)["mark"] is None
        assert site.partition(tiny.name)["state"] == state
        assert definition(site, tiny.name) == before
        site.fires(tiny.name, "not-adopted", at="s1")


def test_a_saved_state_stays_on_its_server(site: Site):
    with site.guest(start="running") as tiny:
        site.virsh("s1", "managedsave", tiny.name)
        site.seen(tiny.name, "off")
        site.fires(tiny.name, "managed-save", at="s1")
        site.virsh("s1", "managedsave-remove", tiny.name)
        assert site.target(tiny.name) == {}


# What no libvirt lets one define, but one may find defined: QEMU was replaced by an older one.
STRANGE = (
    ("machine-type-unknown", {"machine": "pc-i440fx-99.0"}),
    ("architecture-unknown", {"arch": "s390x", "machine": "s390-ccw-virtio-7.2"}),
    ("hypervisor-differs", {"kind": "hvf"}),
)


def test_platforms_that_the_target_lacks(site: Site):
    folder = "/etc/libvirt/qemu"
    names: list[str] = []
    try:
        for code, change in STRANGE:
            with site.guest(lease=False) as tiny:
                xml = tiny.xml(cpu="", **change).replace(tiny.name, code)
                site.on("s1", "tee", f"{folder}/{code}.xml", stdin=xml)
                names.append(code)
        site.stage.lab.kill_libvirtd("s1")
        site.stage.lab.start_libvirtd("s1")
        for code in names:
            site.seen(code, "off", seconds=10)
            site.fires(code, code, at="s2")
    finally:
        for name in names:
            site.virsh("s1", "undefine", name, check=False)
            site.on("s1", "rm", "-f", f"{folder}/{name}.xml")
