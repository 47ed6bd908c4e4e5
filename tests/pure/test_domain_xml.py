"""Definitions from hosts that we do not trust: a result or `BadRequest`, and nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from openlpm.adapters.libvirt.compose import Platform, compose
from openlpm.adapters.libvirt.disk_xml import network_source
from openlpm.adapters.libvirt.domain_xml import hardware, identity, memory_mib
from openlpm.adapters.libvirt.metadata import read_mark, with_mark
from openlpm.adapters.libvirt.xml import MOST_BYTES, parse
from openlpm.model.errors import BadRequest
from openlpm.model.hardware import DiskKind, HostDevice, HostLocal, Lease
from openlpm.model.partition import DiskSpec, EthernetSpec, Mark, PartitionSpec
from openlpm.model.policy import Policy
from openlpm.model.system import Lockspace, VirtualSwitch

UUID = "7e57a903-970e-43cf-942c-0bf10e668fed"
PLATFORM = Platform(
    "x86_64",
    "qemu",
    "pc-q35-7.2",
    "Nehalem",
    frozenset({"Nehalem", "qemu64"}),
    (VirtualSwitch("guest", "network"), VirtualSwitch("br0", "bridge")),
    Lockspace("openlpm", "/leases"),
)
SPEC = PartitionSpec(
    "web1",
    "s1",
    512,
    2,
    disks=(DiskSpec("nbd://storage/web1"), DiskSpec("nbds://[::1]:99/a%20b", "virtio")),
    ethernets=(EthernetSpec("guest", "52:54:00:00:01:02"), EthernetSpec("br0")),
)
MARK = Mark(3, "aix", 0.25, "s2", Policy(70, throttle=False, bandwidth_mib_s=9))

FULL = """
<domain type='kvm'><name>odd</name><uuid>7e57a903-970e-43cf-942c-0bf10e668fed</uuid>
<memory unit='GB'>1</memory><vcpu current='2'>4</vcpu>
<memoryBacking><hugepages><page size='1' unit='G'/></hugepages></memoryBacking>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><kernel>/boot/vmlinuz</kernel></os>
<cpu mode='host-passthrough'/>
<devices>
 <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
 <disk type='file' device='disk'><driver cache='writeback'/><source file='/d.img'/>
  <target dev='vda' bus='virtio'/><mirror type='file' job='copy'/></disk>
 <disk type='block' device='lun'><source dev='/dev/sdx'/><target dev='sdb'/><shareable/></disk>
 <disk type='volume'><source pool='p' volume='v'/><target dev='sdc'/></disk>
 <disk type='nvme'><source type='pci' namespace='1'/><target dev='sdd'/></disk>
 <disk type='network'><source protocol='rbd' name='pool/i'><host name='m1' port='1'/>
  <host name='::2'/></source><target dev='sde'/></disk>
 <interface type='bridge'><mac address='m'/><source bridge='br0'/><mtu size='9000'/>
  <vlan><tag id='7'/><tag id='3'/></vlan></interface>
 <interface type='hostdev'><source><address type='pci' domain='0x0000' bus='0x01' slot='0x02'
  function='0x3'/></source></interface>
 <hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>
 <filesystem type='mount'><source dir='/srv'/></filesystem>
 <channel type='unix'><source mode='bind' path='/var/lib/libvirt/x'/></channel>
 <serial type='unix'><source mode='connect' path='/tmp/s'/></serial>
 <lease><lockspace>L</lockspace><key>K</key></lease>
</devices></domain>
"""


def test_a_full_definition_is_read():
    found = hardware(FULL)
    assert (found.arch, found.hypervisor, found.processors, found.memory_mib) == (
        "x86_64",
        "kvm",
        2,
        954,
    )
    assert (found.cpu_mode, found.huge_page_kib) == ("host-passthrough", 2**20)
    assert [(d.kind, d.source) for d in found.disks] == [
        (DiskKind.EMPTY, ""),
        (DiskKind.FILE, "/d.img"),
        (DiskKind.BLOCK, "/dev/sdx"),
        (DiskKind.VOLUME, "p/v"),
        (DiskKind.OTHER, "namespace=1 type=pci"),
        (DiskKind.NETWORK, "rbd://m1:1,[::2]/pool/i"),
    ]
    assert found.disks[1].cache == "writeback"
    assert found.disks[2].shareable
    assert found.block_jobs == ("vda",)
    (adapter,) = found.ethernets
    assert (adapter.switch, adapter.vlans, adapter.mtu) == ("br0", (3, 7), 9000)
    assert found.host_devices == (HostDevice("usb", "id=0x1"), HostDevice("pci", "0000:01:02.3"))
    assert found.host_local == (
        HostLocal("kernel file", "/boot/vmlinuz"),
        HostLocal("shared folder", "/srv"),
        HostLocal("serial's socket", "/tmp/s"),
    )
    assert found.leases == (Lease("L", "K"),)


def test_what_we_compose_is_what_we_read():
    xml = compose(UUID, SPEC, MARK, PLATFORM)
    domain = parse(xml, "domain")
    found = hardware(xml)
    assert identity(domain) == (UUID, "web1")
    assert read_mark(domain) == MARK
    assert memory_mib(domain) == 512
    assert [d.source for d in found.disks] == [
        "nbd://storage:10809/web1",
        "nbds://[::1]:99/a%20b",
    ]
    assert {d.cache for d in found.disks} == {"none"}
    assert [(e.kind, e.switch) for e in found.ethernets] == [
        ("network", "guest"),
        ("bridge", "br0"),
    ]
    assert found.leases == (Lease("openlpm", UUID),)
    assert found.host_local == ()
    assert found.host_devices == ()


@pytest.mark.parametrize(
    "spec",
    [
        PartitionSpec("a", "s1", 1, disks=(DiskSpec("file:///etc/shadow"),)),
        PartitionSpec("a", "s1", 1, disks=(DiskSpec("nbd://h:99999999/x"),)),
        PartitionSpec("a", "s1", 1, disks=(DiskSpec("nbd://h/x", "floppy"),)),
        PartitionSpec("a", "s1", 1, disks=(DiskSpec("nbd://h/x"),) * 27),
        PartitionSpec("a", "s1", 1, ethernets=(EthernetSpec("nosuch"),)),
        PartitionSpec("a", "s1", 1, disks=(DiskSpec("nbd://h/%00"),)),
        PartitionSpec("a", "s1", 1, ethernets=(EthernetSpec("guest", "\x00"),)),
        PartitionSpec("a", "s1", 1, cpu_model="\ud800"),
    ],
)
def test_a_bad_wish_is_refused(spec: PartitionSpec):
    with pytest.raises(BadRequest):
        compose(UUID, spec, MARK, PLATFORM)


def test_the_mark_is_replaced_and_the_rest_kept():
    xml = compose(UUID, SPEC, MARK, PLATFORM)
    other = Mark(8)
    changed = with_mark(xml, other)
    assert read_mark(parse(changed, "domain")) == other
    assert hardware(changed) == hardware(xml)
    fresh = with_mark("<domain><metadata><other xmlns='urn:o'/></metadata></domain>", other)
    assert read_mark(parse(fresh, "domain")) == other
    assert "urn:o" in fresh
    assert read_mark(parse(with_mark("<domain/>", other), "domain")) == other


LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
HOSTILE = {
    "nothing": "",
    "no xml": "hello",
    "another root": "<network/>",
    "laughs": f"<!DOCTYPE d [<!ENTITY l0 'ha'>{LAUGHS}]><domain>&l11;</domain>",
    "a file": "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>",
    "a URL": "<!DOCTYPE d SYSTEM 'http://127.0.0.1:1/x'><domain/>",
    "an unknown entity": "<domain>&x;</domain>",
    "deep": "<domain>" + "<a>" * 5000 + "</a>" * 5000 + "</domain>",
    "long": "<domain>" + " " * MOST_BYTES + "</domain>",
    "half": "<domain><devices>",
    "control": "<domain>\x00</domain>",
    "surrogate": "<domain>\ud800</domain>",
    "memory": "<domain><memory>99999999999999999999</memory></domain>",
    "memory unit": "<domain><memory unit='parsec'>1</memory></domain>",
    "page unit": "<domain><memoryBacking><hugepages><page size='1' unit='x'/></hugepages>"
    "</memoryBacking></domain>",
    "vcpu": "<domain><vcpu>-1</vcpu></domain>",
    "other digits": "<domain><vcpu>\u0663</vcpu></domain>",
    "superscript": "<domain><vcpu>\u00b2</vcpu></domain>",
    "vlan": "<domain><devices><interface><vlan><tag id='1e9'/></vlan></interface></devices>"
    "</domain>",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_xml_is_a_bad_request(what: str):
    with pytest.raises(BadRequest) as refused:
        hardware(HOSTILE[what])
    assert refused.value.code == "bad-xml"


@pytest.mark.parametrize(
    "mark",
    [
        "id='x'",
        "",
        "id='1' units='nan'",
        "id='1' units='-1'",
        "id='1' units='many'",
        "id='1'><p:policy max-pause-ms='never'/><x",
    ],
)
def test_a_bad_mark_is_a_bad_request(mark: str):
    element = f"<p:partition xmlns:p='urn:openlpm:partition:1' {mark}/>"
    xml = f"<domain><metadata>{element}</metadata></domain>"
    with pytest.raises(BadRequest):
        read_mark(parse(xml, "domain"))


def test_no_identity():
    for xml in ("<domain/>", f"<domain><uuid>{UUID}</uuid></domain>"):
        with pytest.raises(BadRequest):
            identity(parse(xml, "domain"))


def refusal(action: Callable[[], object]) -> str:
    """The code of its BadRequest; "" for a result. Anything else ends the test."""
    try:
        action()
    except BadRequest as error:
        return error.code
    return ""


def reads(xml: str) -> None:
    """All that a definition passes through."""
    readers: tuple[Callable[[], object], ...] = (
        lambda: hardware(xml),
        lambda: identity(parse(xml, "domain")),
        lambda: read_mark(parse(xml, "domain")),
        lambda: with_mark(xml, MARK),
    )
    for read in readers:
        assert refusal(read) in ("", "bad-xml")


def test_a_running_guests_adapter_is_plugged_into_the_network_it_names():
    """libvirt 11.3 writes the running guest's adapter so; 9.0 says type='network'."""
    xml = FULL.replace("<source bridge='br0'/>", "<source network='guest' bridge='br0'/>")
    adapter = hardware(xml).ethernets[0]
    assert (adapter.kind, adapter.switch) == ("network", "guest")


def test_an_interface_of_no_kind_is_read():
    """Found by the tests below: lxml refuses to look for an attribute without a name."""
    for kind in ("", "{", "a b"):
        devices = f"<devices><interface type='{kind}'><source dev='e'/></interface></devices>"
        (adapter,) = hardware(f"<domain>{devices}</domain>").ethernets
        assert (adapter.kind, adapter.switch) == (kind, "e")


@given(st.text())
def test_any_text(text: str):
    reads(text)
    reads(f"<domain>{text}</domain>")


SEEDS = (FULL, compose(UUID, SPEC, MARK, PLATFORM))


@given(st.sampled_from(SEEDS), st.data())
def test_any_definition_with_a_piece_changed(seed: str, data: st.DataObject):
    """Cut a piece out, or put anything in its place."""
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 200)))
    reads(seed[:start] + data.draw(st.text(max_size=20)) + seed[end:])


@given(st.sampled_from(SEEDS), st.data())
def test_any_definition_with_a_value_changed(seed: str, data: st.DataObject):
    """Well-formed, and odd: an attribute, a text or a whole element is another."""
    root = etree.fromstring(seed)
    elements = list(root.iter())
    chosen = data.draw(st.sampled_from(elements))
    odd = data.draw(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30))
    if chosen.attrib and data.draw(st.booleans()):
        chosen.set(data.draw(st.sampled_from(sorted(chosen.attrib))), odd)
    elif data.draw(st.booleans()) or chosen is root:
        chosen.text = odd
    else:
        chosen.append(data.draw(st.sampled_from(elements[1:])).__copy__())
    reads(etree.tostring(root, encoding="unicode"))


@given(st.text())
def test_any_disk_url(url: str):
    for prefix in ("", "nbd://", "nbd://host/"):
        assert refusal(lambda url=prefix + url: network_source(url)) in ("", "bad-disk")
