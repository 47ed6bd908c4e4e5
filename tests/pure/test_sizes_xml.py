"""How far a partition can be resized, in its definition, and what of it is read again."""

from dataclasses import replace

import pytest
from test_profile_xml import GIVEN, applied, domain

from openlpm.adapters.libvirt import cputune
from openlpm.adapters.libvirt.domain_xml import (
    current_mib,
    mac_addresses,
    memory_mib,
    most_processors,
    processors,
)
from openlpm.adapters.libvirt.lost_writes import is_guarded
from openlpm.adapters.libvirt.sizes import SPARE_SLOTS
from openlpm.adapters.libvirt.xml import Element, parse
from openlpm.model.profile import Sharing

WIDE = replace(GIVEN, most_memory_mib=2048, least_processors=1, most_processors=6)


def ports(of: Element) -> int:
    return len(of.findall("devices/controller[@model='pcie-root-port']"))


def test_memory_can_be_given_as_far_as_it_was_started_for() -> None:
    after = applied(WIDE)
    assert (memory_mib(after), current_mib(after)) == (2048, 1024)
    assert is_guarded(after)
    sizes = [word.get("value") for word in after.iterfind("{*}commandline/{*}arg")]
    assert "size=2097160k" in sizes, "the guard is for all of it"


def test_without_a_balloon_it_gets_what_it_is_given_and_never_more() -> None:
    before = domain()
    balloon = before.find("devices/memballoon")
    assert balloon is not None
    balloon.set("model", "none")
    after = applied(WIDE, before)
    assert (memory_mib(after), current_mib(after)) == (1024, 1024)


def test_all_processors_but_the_first_can_come_and_go() -> None:
    after = applied(WIDE)
    assert (processors(after), most_processors(after)) == (4, 6)
    told = [(v.get("enabled"), v.get("hotpluggable")) for v in after.iterfind("vcpus/vcpu")]
    assert told == [("yes", "no"), *[("yes", "yes")] * 3, *[("no", "yes")] * 2]
    again = applied(replace(WIDE, processors=2), after)
    assert [v.get("enabled") for v in again.iterfind("vcpus/vcpu")].count("yes") == 2
    fixed = applied(replace(WIDE, least_processors=4, most_processors=4), again)
    assert fixed.find("vcpus") is None
    assert (processors(fixed), most_processors(fixed)) == (4, 4)


def test_there_are_slots_to_spare_and_not_more_each_time() -> None:
    assert ports(applied(WIDE)) == 0, "libvirt has not said yet what slots there are"
    before = domain()
    devices = before.find("devices")
    assert devices is not None
    devices.append(parse("<controller type='pci' index='0' model='pcie-root'/>", "controller"))
    for index in (1, 2):
        port = f"<controller type='pci' index='{index}' model='pcie-root-port'/>"
        devices.append(parse(port, "controller"))
    for number, each in enumerate(before.findall("devices/interface"), 1):
        address = f"<address type='pci' bus='0x0{number}' slot='0x00'/>"
        each.append(parse(address, "address"))
    first = applied(WIDE, before)
    new = sum(each.find("address") is None for each in first.iterfind("devices/interface"))
    new += 1  # the disks' controller
    assert ports(first) == 1 + SPARE_SLOTS + new
    for index, each in enumerate(first.findall("devices/controller[@model='pcie-root-port']"), 1):
        each.set("index", str(index))
    waiting = [*first.findall("devices/interface"), *first.findall("devices/controller")]
    waiting = [e for e in waiting if e.tag == "interface" or e.get("type") == "scsi"]
    for bus, each in enumerate([e for e in waiting if e.find("address") is None], 2):
        each.append(parse(f"<address type='pci' bus='0x{bus:02x}'/>", "address"))
    assert ports(applied(WIDE, first)) == ports(first)


@pytest.mark.parametrize("bus", ["", "0x", "zz", "0x" + "f" * 9999])
def test_an_address_that_is_none_uses_no_slot(bus: str) -> None:
    before = domain()
    devices = before.find("devices")
    assert devices is not None
    devices.append(parse("<controller type='pci' index='0' model='pcie-root'/>", "controller"))
    devices.append(parse(f"<sound><address type='pci' bus='{bus}'/></sound>", "sound"))
    assert ports(applied(WIDE, before)) >= SPARE_SLOTS


def test_shares_and_cap_are_read_as_they_were_given() -> None:
    assert cputune.read(applied(WIDE)) == (150, True)
    assert cputune.read(applied(replace(WIDE, sharing=Sharing.UNCAPPED))) == (150, False)
    assert cputune.read(domain()) == (None, False)


def test_what_libvirt_calls_current_is_never_more_than_all() -> None:
    of = parse(
        "<domain><memory unit='KiB'>393216</memory>"
        "<currentMemory unit='KiB'>393224</currentMemory></domain>",
        "domain",
    )
    assert current_mib(of) == 384, "the guard's 8 KiB do not count"
    assert mac_addresses(domain()) == ("52:54:00:00:00:01",)
