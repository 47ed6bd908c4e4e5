"""A profile that leaves the processor and the boot order alone gives back what others took."""

from dataclasses import replace

import pytest
from test_profile_xml import GIVEN, PLATFORM, SPEC

from openlpm.adapters.libvirt import assign
from openlpm.adapters.libvirt.compose import compose
from openlpm.adapters.libvirt.xml import Element, parse
from openlpm.model.partition import Mark
from openlpm.model.profile import BootDevice

PLAIN = replace(GIVEN, cpu_model="", boot=())
MODEL = min(PLATFORM.cpu_models)
TAKING = replace(PLAIN, cpu_model=MODEL, boot=(BootDevice.NETWORK, BootDevice.CDROM))
BEFORE = "metadata/{urn:openlpm:own:1}before"


def defined(own: str = "<cpu mode='host-passthrough'/>") -> Element:
    """A definition with a processor of its own; GIVEN has been given to it before."""
    domain = parse(compose("0" * 32, SPEC, Mark(3), PLATFORM), "domain")
    for cpu in domain.findall("cpu"):
        domain.remove(cpu)
    if own:
        domain.append(parse(own, "cpu"))
    assign.apply(domain, PLATFORM, PLAIN)
    return domain


def told(domain: Element) -> list[object]:
    """Its processor and its boot order."""
    found = [*domain.findall("cpu//*"), *domain.findall("cpu"), *domain.findall(".//boot")]
    places = [(element.getparent(), element) for element in found]
    return [
        ("" if above is None else above.tag, e.tag, dict(e.attrib), e.text) for above, e in places
    ]


@pytest.mark.parametrize(
    "own", ["<cpu mode='host-passthrough'/>", "", "<cpu><model>x</model></cpu>"]
)
def test_what_a_profile_took_the_next_gives_back(own: str) -> None:
    domain = defined(own)
    before = told(domain)
    for wanted in (TAKING, TAKING, replace(TAKING, boot=(BootDevice.DISK,))):
        assign.apply(domain, PLATFORM, wanted)
        assert told(domain) != before
        assert len(domain.findall("cpu")) == 1
    assign.apply(domain, PLATFORM, PLAIN)
    assert told(domain) == before
    assert domain.find(BEFORE) is None


def test_an_order_of_single_devices_comes_back() -> None:
    domain = defined()
    for boot in domain.findall("os/boot"):
        boot.getparent().remove(boot)  # type: ignore[union-attr]
    disk, ethernet = domain.find("devices/disk"), domain.find("devices/interface")
    assert disk is not None
    assert ethernet is not None
    disk.append(parse("<boot order='2'/>", "boot"))
    ethernet.append(parse("<boot order='1'/>", "boot"))
    before = told(domain)
    assign.apply(domain, PLATFORM, TAKING)
    assert [boot.get("dev") for boot in domain.findall("os/boot")] == ["network", "cdrom"]
    assert disk.find("boot") is ethernet.find("boot") is None
    assign.apply(domain, PLATFORM, PLAIN)
    assert told(domain) == before


def test_a_device_that_is_gone_has_no_place_in_the_order() -> None:
    domain = defined()
    devices = domain.find("devices")
    assert devices is not None
    gone = parse("<disk><target dev='vdz'/><boot order='1'/></disk>", "disk")
    devices.append(gone)
    assign.apply(domain, PLATFORM, TAKING)
    devices.remove(gone)
    assign.apply(domain, PLATFORM, PLAIN)
    assert domain.find("devices/*/boot") is None


def test_only_one_of_them_may_be_given_back() -> None:
    domain = defined()
    assign.apply(domain, PLATFORM, TAKING)
    assign.apply(domain, PLATFORM, replace(TAKING, cpu_model=""))
    assert domain.find(f"{BEFORE}/order") is not None
    assert domain.find(f"{BEFORE}/processor") is None
    assert domain.find("cpu[@mode='host-passthrough']") is not None
