"""A partition's size in its definition, and how far it can be resized while it runs.

    <memory unit='MiB'>2048</memory>                as far as it may go: its QEMU has so much
    <currentMemory unit='MiB'>1024</currentMemory>  what is given: a balloon inside takes the rest
    <vcpu current='2'>4</vcpu>                      so many are plugged, so many slots there are
    <vcpus> … </vcpus>                              and which of them can be taken away again

Until the guest's balloon driver has started, the guest can take all of `<memory>`: what libvirt
then calls current is that, and counts as held (`current_mib`).

An adapter needs a free slot to be plugged in. A q35 machine has as many as its definition names,
and libvirt adds only those that are used: so there are some to spare.
"""

import re

from lxml import etree

from openlpm.adapters.libvirt import lost_writes
from openlpm.adapters.libvirt.compose import scsi_controller
from openlpm.adapters.libvirt.domain_xml import current_mib, memory_mib
from openlpm.adapters.libvirt.xml import Element, child, take_out, text
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Conflict

SPARE_SLOTS = 4
"""Adapters that can be plugged while it runs."""
# What fixes memory or processors a second time: libvirt would follow it, and not the profile.
_FIXED = ("cpu/numa", "cpu/topology", "maxMemory")
_PORT = "devices/controller[@type='pci'][@model='pcie-root-port']"


def put(domain: Element, wanted: Assignment) -> None:
    """Into a definition. Raises `Conflict` where that has a size of its own."""
    if _is_fixed(domain, wanted):
        return
    has_balloon = domain.find("devices/memballoon[@model='none']") is None
    most = max(wanted.memory_mib, wanted.most_memory_mib if has_balloon else 0)
    _leaf(domain, "memory", most).set("unit", "MiB")
    _leaf(domain, "currentMemory", wanted.memory_mib).set("unit", "MiB")
    _put_processors(domain, wanted)
    lost_writes.resize(domain, most)


def _is_fixed(domain: Element, wanted: Assignment) -> bool:
    fixed = [path for path in _FIXED if domain.find(path) is not None]
    same = (text(domain, "vcpu"), memory_mib(domain), current_mib(domain)) == (
        str(wanted.processors),
        wanted.memory_mib,
        wanted.memory_mib,
    )
    if fixed and not same:
        raise Conflict(
            "size-fixed",
            f"The definition fixes the partition's size by <{fixed[0].rpartition('/')[2]}>.",
            cause=f"Profile {wanted.profile!r} would give {wanted.processors} processors and "
            f"{wanted.memory_mib} MiB.",
            remedy="Take that out of the definition (virsh edit), or give the profile its size.",
        )
    return bool(fixed)


def _leaf(domain: Element, tag: str, value: int) -> Element:
    leaf = child(domain, tag)
    leaf.text = str(value)
    return leaf


def _put_processors(domain: Element, wanted: Assignment) -> None:
    """The first one stays always; the others can be taken away where the profile has less."""
    most = max(wanted.processors, wanted.most_processors)
    leaf = _leaf(domain, "vcpu", most)
    if "current" in leaf.attrib:
        del leaf.attrib["current"]
    take_out(domain.findall("vcpus"))
    if wanted.least_processors in (0, most):
        return
    leaf.set("current", str(wanted.processors))
    each = etree.SubElement(domain, "vcpus")
    for number in range(most):
        enabled, pluggable = number < wanted.processors, number > 0
        etree.SubElement(
            each,
            "vcpu",
            id=str(number),
            enabled="yes" if enabled else "no",
            hotpluggable="yes" if pluggable else "no",
        )


def put_spare_slots(domain: Element) -> None:
    """Slots, and a controller for disks: those of "scsi" are then plugged into that."""
    devices = domain.find("devices")
    if devices is None:
        return
    if domain.find("devices/controller[@type='scsi']") is None:
        devices.append(scsi_controller())
    if domain.find("devices/controller[@type='pci'][@model='pcie-root']") is None:
        return  # not q35; or never defined yet, then libvirt does not know its slots either
    ports = {port.get("index", "") for port in domain.iterfind(_PORT)}
    used = {
        _decimal(address.get("bus", ""))
        for address in domain.iterfind("devices/*/address[@type='pci']")
    }
    waiting = sum(_needs_slot(device) for device in devices)
    for _ in range(SPARE_SLOTS + waiting - len(ports - used)):
        devices.append(etree.Element("controller", type="pci", model="pcie-root-port"))


def _decimal(bus: str) -> str:
    """A bus as controllers' indexes are written: "0x0a" is "10"."""
    hexadecimal = bus.removeprefix("0x")
    return str(int(hexadecimal, 16)) if re.fullmatch("[0-9a-f]{1,4}", hexadecimal) else ""


def _needs_slot(device: Element) -> bool:
    """It is new here, and libvirt is to find a slot for it."""
    if device.find("address") is not None or device.get("model") == "none":
        return False
    on_bus = device.find("target[@bus='virtio']") is not None
    kinds = device.tag == "interface" or (device.tag, device.get("type")) == ("controller", "scsi")
    return kinds or on_bus
