"""An assignment in a domain's XML, and profiles in its metadata."""

import json
from dataclasses import replace
from typing import Any

import pytest
from test_profile import DISK, NETWORK, WEB

from openlpm.adapters.libvirt import assign, cputune, profiles
from openlpm.adapters.libvirt.compose import Platform, compose
from openlpm.adapters.libvirt.disk_xml import disks
from openlpm.adapters.libvirt.domain_xml import current_mib, hardware
from openlpm.adapters.libvirt.lost_writes import is_guarded
from openlpm.adapters.libvirt.metadata import read_mark, with_mark
from openlpm.adapters.libvirt.xml import Element, parse, to_text
from openlpm.model.assignment import Assignment
from openlpm.model.errors import BadRequest, Conflict, NotFound
from openlpm.model.partition import DiskSpec, EthernetSpec, Mark, PartitionSpec
from openlpm.model.profile import (
    BootDevice,
    DiskAdapter,
    EthernetAdapter,
    Profiles,
    Sharing,
)
from openlpm.model.system import VirtualSwitch

PLATFORM = Platform(
    *("x86_64", "qemu", "pc-q35-7.2", "qemu64", frozenset({"qemu64", "Nehalem"})),
    switches=(VirtualSwitch("guests", "network"), VirtualSwitch("br0", "bridge")),
    lockspace=None,
    guards_memory=True,
)
SPEC = PartitionSpec(
    *("web1", "s1", 512, 2),
    disks=(DiskSpec("nbd://storage:10809/web1"),),
    ethernets=(EthernetSpec("guests", "52:54:00:00:00:01"),),
)
GIVEN = Assignment(
    *("default", 1024, 4, 1.5, Sharing.CAPPED, 128), adapters=(DISK, NETWORK)
)  # fmt: skip


def domain(kept: Profiles | None = None, platform: Platform = PLATFORM) -> Element:
    return parse(compose("0" * 32, SPEC, Mark(3), platform, kept), "domain")


def applied(given: Assignment, before: Element | None = None) -> Element:
    changed = domain() if before is None else before
    assign.apply(changed, PLATFORM, given)
    return parse(to_text(changed), "domain")


def tune(of: Element) -> dict[str, str | None]:
    return {str(leaf.tag): leaf.text for leaf in of.iterfind("cputune/*")}


def test_the_amounts_are_in_the_definition() -> None:
    after = applied(GIVEN)
    told = hardware(to_text(after))
    assert (told.memory_mib, told.processors) == (1024, 4)
    assert current_mib(after) == 1024


def test_nothing_else_of_the_definition_changes() -> None:
    before, after = domain(), applied(GIVEN)
    for element in (before, after):
        for path in ("memory", "currentMemory", "vcpu", "cputune"):
            for found in element.findall(path):
                element.remove(found)
        for line in element.findall("{*}commandline"):
            element.remove(line)
    assert to_text(after) == to_text(before)


@pytest.mark.parametrize("memory_mib", [16, 1024, 123_456])
def test_the_guard_fits_the_memory(memory_mib: int) -> None:
    after = applied(replace(GIVEN, memory_mib=memory_mib))
    composed = compose("0" * 32, replace(SPEC, memory_mib=memory_mib), Mark(3), PLATFORM)
    assert is_guarded(after)
    assert words(after) == words(parse(composed, "domain"))


def words(of: Element) -> list[str | None]:
    return [word.get("value") for word in of.iterfind("{*}commandline/{*}arg")]


def test_others_arguments_for_qemu_stay() -> None:
    before = domain()
    line = before.find("{*}commandline")
    assert line is not None
    line.append(parse("<arg value='-m size=5k, no'/>", "arg"))
    after = applied(GIVEN, before)
    assert words(after)[-1] == "-m size=5k, no"


def test_one_without_the_guard_gets_none() -> None:
    plain = domain(platform=replace(PLATFORM, guards_memory=False))
    assert not is_guarded(applied(GIVEN, plain))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, {"shares": "150", "period": "20000", "quota": "7500"}),
        ({"sharing": Sharing.UNCAPPED}, {"shares": "150"}),
        (
            {"sharing": Sharing.UNCAPPED, "weight": 0},
            {"shares": "150", "period": "20000", "quota": "7500"},
        ),
        ({"sharing": Sharing.DEDICATED, "units": 4.0}, {"shares": "400"}),
        (
            {"units": 0.05, "processors": 1},
            {"shares": "5", "period": "20000", "quota": "1000"},
        ),
        ({"units": 1024.0, "processors": 1024}, {"shares": "10000", "period": "20000",
                                                 "quota": "20000"}),
    ],
)  # fmt: skip
def test_the_entitlement_is_shares_and_quota(change: dict[str, Any], told: dict[str, str]) -> None:
    assert tune(applied(replace(GIVEN, **change))) == told


def test_all_processors_together_get_the_entitlement() -> None:
    for processors in range(1, 200):
        for step in range(processors, processors * 20 + 1, 7):
            given = replace(GIVEN, processors=processors, units=step / 20)
            quota = dict(cputune.figures(given))["quota"]
            assert quota >= 1000, "the kernel takes no less"
            assert quota * processors / cputune.PERIOD_US == pytest.approx(step / 20, rel=0.001)


def test_what_was_tuned_by_hand_stays_but_for_what_a_profile_says() -> None:
    before = domain()
    before.append(
        parse(
            "<cputune><shares>9</shares><period>1</period><quota>2</quota>"
            "<vcpupin vcpu='0' cpuset='1'/><emulator_quota>5000</emulator_quota></cputune>",
            "cputune",
        )
    )
    after = applied(replace(GIVEN, sharing=Sharing.UNCAPPED), before)
    assert tune(after) == {"shares": "150", "vcpupin": None, "emulator_quota": "5000"}
    assert cputune.remove(after)
    assert tune(after) == {"vcpupin": None, "emulator_quota": "5000"}
    assert not cputune.remove(after)


@pytest.mark.parametrize(
    "fixing",
    ["<cpu><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>",
     "<maxMemory slots='2'>4096</maxMemory>"],
)  # fmt: skip
def test_a_size_that_the_definition_fixes_is_not_changed(fixing: str) -> None:
    root = parse(f"<r>{fixing}</r>", "r")[0].tag
    before = domain()
    for old in before.findall(root):
        before.remove(old)
    before.append(parse(fixing, root))
    with pytest.raises(Conflict, match="fixes the partition's size"):
        applied(GIVEN, before)
    same = replace(GIVEN, memory_mib=512, processors=2)
    assert hardware(to_text(applied(same, before))).memory_mib == 512


def test_a_plugged_part_of_the_processors_becomes_all() -> None:
    before = domain()
    vcpu = before.find("vcpu")
    assert vcpu is not None
    vcpu.set("current", "1")
    before.append(parse("<currentMemory unit='MiB'>100</currentMemory>", "currentMemory"))
    after = applied(GIVEN, before)
    told = hardware(to_text(after))
    assert told.processors == 4
    assert current_mib(after) == 1024


def test_the_processor_model_is_changed_where_the_profile_says_one() -> None:
    before = domain()
    cpu = before.find("cpu")
    assert cpu is not None
    cpu.extend(
        (parse("<topology sockets='2'/>", "topology"), parse("<feature name='x'/>", "feature"))
    )
    same_size = replace(GIVEN, memory_mib=512, processors=2, cpu_model="Nehalem")
    assert [part.tag for part in applied(same_size, before).iterfind("cpu/*")] == [
        *("model", "topology")
    ], "what belongs to the old model goes, what does not stays"
    after = applied(replace(GIVEN, cpu_model="Nehalem"))
    assert [cpu.findtext("model") for cpu in after.findall("cpu")] == ["Nehalem"]
    with pytest.raises(NotFound, match="Pentium9"):
        applied(replace(GIVEN, cpu_model="Pentium9"))


def test_the_boot_order_replaces_both_forms_that_libvirt_knows() -> None:
    before = domain()
    disk = before.find("devices/disk")
    assert disk is not None
    disk.append(parse("<boot order='1'/>", "boot"))
    after = applied(replace(GIVEN, boot=(BootDevice.NETWORK, BootDevice.DISK)), before)
    assert [boot.get("dev") for boot in after.iterfind("os/boot")] == ["network", "hd"]
    assert after.find("devices/disk/boot") is None


SECOND = DiskAdapter("nbd://storage/data")  # without its port
THIRD = EthernetAdapter("br0", "52:54:00:00:00:0A", "web")


def test_adapters_that_lack_are_plugged_and_others_taken_out() -> None:
    more = applied(replace(GIVEN, adapters=(DISK, SECOND, NETWORK, THIRD)))
    told = hardware(to_text(more))
    assert [(d.target, d.source) for d in told.disks] == [
        ("sda", "nbd://storage:10809/web1"),
        ("sdb", "nbd://storage:10809/data"),
    ]
    assert [(e.mac.lower(), e.switch) for e in told.ethernets] == [
        ("52:54:00:00:00:01", "guests"),
        ("52:54:00:00:00:0a", "br0"),
    ]
    assert to_text(applied(replace(GIVEN, adapters=(DISK, SECOND, NETWORK, THIRD)), more)) == (
        to_text(more)
    ), "what is there is not plugged again"
    less = applied(replace(GIVEN, adapters=(), without=frozenset({SECOND.key, NETWORK.key})), more)
    told = hardware(to_text(less))
    assert [d.target for d in told.disks] == ["sda"]
    assert [e.mac.lower() for e in told.ethernets] == ["52:54:00:00:00:0a"]
    again = applied(replace(GIVEN, adapters=(SECOND,)), less)
    assert [d.target for d in disks(again)] == ["sda", "sdb"]


def test_a_disk_on_a_bus_of_its_own() -> None:
    after = applied(replace(GIVEN, adapters=(DiskAdapter("nbd://storage/v", "virtio"),)))
    assert [d.target for d in disks(after)] == ["sda", "vda"]
    with pytest.raises(BadRequest, match="no bus"):
        applied(replace(GIVEN, adapters=(DiskAdapter("nbd://storage/v", "mfm"),)))


def test_a_disk_on_another_bus_than_it_was() -> None:
    after = applied(replace(GIVEN, adapters=(replace(DISK, bus="virtio"),)))
    assert [(d.target, d.source) for d in disks(after)] == [("vda", DISK.url)]


def test_an_ethernet_adapter_on_another_switch_than_it_was_stays_in_its_slot() -> None:
    before = domain()
    interface = before.find("devices/interface")
    assert interface is not None
    interface.append(parse("<address type='pci' slot='0x03'/>", "address"))
    after = applied(replace(GIVEN, adapters=(replace(NETWORK, switch="br0"),)), before)
    (told,) = hardware(to_text(after)).ethernets
    assert (told.kind, told.switch, told.mac) == ("bridge", "br0", NETWORK.mac)
    assert after.find("devices/interface/address[@slot='0x03']") is not None
    with pytest.raises(NotFound, match="nowhere"):
        applied(replace(GIVEN, adapters=(replace(NETWORK, switch="nowhere"),)))


def test_an_adapter_by_another_spelling_is_the_one_that_is_there() -> None:
    """Of two profiles that spell it differently, none takes it from the other."""
    other = DiskAdapter("nbd://STORAGE/web1")
    after = applied(replace(GIVEN, adapters=(DISK,), without=frozenset({SECOND.key})))
    assert other.key == DISK.key
    assert [d.source for d in disks(applied(replace(GIVEN, adapters=(other,)), after))] == [
        DISK.url
    ]


def test_a_first_scsi_disk_brings_its_controller() -> None:
    bare = parse(compose("0" * 32, replace(SPEC, disks=()), Mark(3), PLATFORM), "domain")
    after = applied(GIVEN, bare)
    assert [c.get("model") for c in after.iterfind("devices/controller[@type='scsi']")] == [
        "virtio-scsi"
    ]


def test_an_adapter_that_could_not_come_back_as_it_was_is_not_taken_out() -> None:
    before = domain()
    interface = before.find("devices/interface")
    assert interface is not None
    interface.append(parse("<vlan><tag id='7'/></vlan>", "vlan"))
    with pytest.raises(Conflict, match="vlan"):
        applied(replace(GIVEN, adapters=(), without=frozenset({NETWORK.key})), before)


def test_no_more_disks_than_letters() -> None:
    many = tuple(DiskAdapter(f"nbd://storage/{n}") for n in range(26))
    with pytest.raises(BadRequest, match="26 disks"):
        applied(replace(GIVEN, adapters=many))


# Metadata

KEPT = Profiles("default", (WEB, replace(WEB, name="night")))


def test_profiles_are_kept_beside_the_mark_and_stay_when_it_is_written_anew() -> None:
    made = domain(KEPT)
    assert profiles.read_kept(made) == KEPT
    assert read_mark(made) == Mark(3)
    moved = parse(with_mark(to_text(made), Mark(5, came_from="s1")), "domain")
    assert profiles.read_kept(moved) == KEPT
    assert read_mark(moved) == Mark(5, came_from="s1")


def test_profiles_are_replaced_as_a_whole() -> None:
    made = domain(KEPT)
    one = Profiles("night", (replace(WEB, name="night"),))
    profiles.put(made, one)
    assert profiles.read_kept(made) == one
    bare = parse("<domain/>", "domain")
    profiles.put(bare, one)
    assert profiles.read_kept(bare) == one
    assert profiles.read_kept(parse("<domain/>", "domain")) is None


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[", "[" * 100_000, "NaN", "{}", '{"profiles": []}', "5", "1" * 5000,
     json.dumps({"current": "x", "profiles": [{"name": "x"}]}), '{"profiles": NaN}',
     " " * (profiles.MOST_BYTES + 1)],
    ids=range(12),
)  # fmt: skip
def test_damaged_profiles_are_told_and_hide_nothing(text: str) -> None:
    made = domain(KEPT)
    (element,) = made.findall(f"metadata/{{{profiles.NAMESPACE}}}profiles")
    element.text = text
    with pytest.raises(Conflict) as damaged:
        profiles.read_kept(made)
    assert damaged.value.code == "profiles-damaged"
    assert "profile import" in damaged.value.remedy
    assert read_mark(made) == Mark(3)
    assert hardware(to_text(made)).memory_mib == 512


def test_two_of_them_or_something_within_are_damage() -> None:
    made = domain(KEPT)
    made.findall("metadata/*")[0].addnext(profiles.profiles_element(KEPT))
    with pytest.raises(Conflict, match="more in the metadata"):
        profiles.read_kept(made)
    made = domain(KEPT)
    made.findall(f"metadata/{{{profiles.NAMESPACE}}}profiles")[0].append(parse("<a/>", "a"))
    with pytest.raises(Conflict, match="more in the metadata"):
        profiles.read_kept(made)


def test_profiles_that_are_too_long_are_not_written() -> None:
    long = tuple(DiskAdapter(f"nbd://storage/{n}/" + "x" * 900) for n in range(26))
    each = tuple(replace(WEB, name=f"p{n}", adapters=long) for n in range(32))
    with pytest.raises(BadRequest, match="cannot be kept"):
        profiles.profiles_element(Profiles("p0", each))


def test_profiles_are_measured_as_they_are_kept() -> None:
    for letter, kept in (("x", True), ("é", False), ("&", False)):
        adapters = tuple(
            EthernetAdapter(letter * 800, f"52:54:00:00:00:{n:02x}") for n in range(100)
        )
        each = tuple(replace(WEB, name=f"p{n}", adapters=adapters) for n in range(5))
        if kept:
            assert profiles.profiles_element(Profiles("p0", each)) is not None
            continue
        with pytest.raises(BadRequest, match="cannot be kept"):
            profiles.profiles_element(Profiles("p0", each))


# The start


QCOW2 = """<disk type='network' device='disk'><driver name='qemu' type='qcow2' cache='none'/>
<source protocol='nbd' name='two'><host name='storage' port='10809'/></source>
<target dev='sdb' bus='scsi'/><address type='drive' unit='1'/></disk>"""
E1000 = """<interface type='network'><mac address='52:54:00:00:00:02'/><source network='guests'/>
<model type='e1000'/></interface>"""


@pytest.mark.parametrize(
    ("device", "key"),
    [(QCOW2, "nbd://storage:10809/two"), (E1000, "52:54:00:00:00:02")],
)
def test_what_would_come_back_in_another_format_or_model_is_not_taken_out(
    device: str, key: str
) -> None:
    before = parse(to_text(domain()).replace("</devices>", f"{device}</devices>"), "domain")
    with pytest.raises(Conflict, match="cannot be taken out"):
        applied(replace(GIVEN, without=frozenset({key})), before)


def test_a_disk_keeps_its_format_on_another_bus() -> None:
    before = parse(to_text(domain()).replace("</devices>", f"{QCOW2}</devices>"), "domain")
    disk = DiskAdapter("nbd://storage:10809/two", "virtio")
    after = applied(replace(GIVEN, adapters=(DISK, NETWORK, disk)), before)
    (there,) = [each for each in after.iterfind("devices/disk") if "qcow2" in to_text(each)]
    driver, target = there.find("driver"), there.find("target")
    assert driver is not None
    assert driver.get("type") == "qcow2"
    assert target is not None
    assert dict(target.attrib) == {"dev": "vda", "bus": "virtio"}
    assert there.find("address") is None
