"""A profile's virtual adapters in a definition: those that lack are plugged, others taken out.

Adapters that no profile names stay as they are. One that is taken out comes back as `compose` makes
them, so only such a one is taken out: with a VLAN of its own, say, it would come back without.
"""

from collections.abc import Collection, Iterator, Sequence

from openlpm.adapters.libvirt.compose import disk_element, ethernet_element, scsi_controller
from openlpm.adapters.libvirt.disk_xml import disks
from openlpm.adapters.libvirt.xml import Element, attribute
from openlpm.model.assignment import Assignment
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.hardware import DiskKind
from openlpm.model.partition import DiskSpec, EthernetSpec
from openlpm.model.profile import DiskAdapter, EthernetAdapter
from openlpm.model.system import VirtualSwitch

_PLAIN = {
    "disk": {"driver", "source", "target", "address", "alias", "backingStore"},
    "interface": {"mac", "source", "target", "model", "address", "alias"},
}
_ATTRIBUTES = {
    "driver": {"name": "qemu", "type": "raw", "cache": "none", "discard": "unmap"},
    "model": {"type": "virtio"},
}
"""As `compose` makes them. One with others would come back otherwise: qcow2 as raw bytes."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def plug(domain: Element, wanted: Assignment, switches: Sequence[VirtualSwitch]) -> None:
    """Change the definition's devices. Raises `Conflict`, `BadRequest`, `NotFound`."""
    devices = domain.find("devices")
    if devices is None:
        return
    there = dict(by_key(domain))
    for key in wanted.without & there.keys():
        _require_plain(there[key], key)
        devices.remove(there[key])
    for adapter in wanted.adapters:
        if isinstance(adapter, DiskAdapter):
            _plug_disk(domain, devices, adapter, there.get(adapter.key))
        else:
            _plug_ethernet(devices, adapter, there.get(adapter.key), switches)


def by_key(domain: Element) -> Iterator[tuple[str, Element]]:
    """Its adapters by what profiles call them."""
    elements = domain.iterfind("devices/disk")
    for element, disk in zip(elements, disks(domain), strict=True):
        if disk.kind is DiskKind.NETWORK:
            yield disk.source, element
    for element in domain.iterfind("devices/interface"):
        yield attribute(element, "mac", "address").lower(), element


def _require_plain(element: Element, key: str) -> None:
    strange = {str(child.tag) for child in element} - _PLAIN[str(element.tag)]
    for tag, attributes in _ATTRIBUTES.items():
        if any(dict(child.attrib) != attributes for child in element.findall(tag)):
            strange.add(tag)
    if strange:
        raise Conflict(
            "adapter-not-plain",
            f"The adapter {key} cannot be taken out.",
            cause=f"No profile keeps what its definition says in <{min(strange)}>.",
            remedy="Let all of the partition's profiles have it, or none of them.",
        )


def _plug_disk(
    domain: Element, devices: Element, adapter: DiskAdapter, present: Element | None
) -> None:
    if present is not None:
        if attribute(present, "target", "bus") == adapter.bus:
            return
        present_address = present.find("address")
        if present_address is not None:
            present.remove(present_address)  # of the other bus
    if adapter.bus == "scsi" and domain.find("devices/controller[@type='scsi']") is None:
        devices.append(scsi_controller())
    taken = {disk.target for disk in disks(domain)}
    _put_disk(devices, new_disk(adapter, taken), present)


def new_disk(adapter: DiskAdapter, taken: Collection[str]) -> Element:
    """It as it is plugged in, with a name of its bus that is not `taken`. Raises `BadRequest`."""
    for letter in _LETTERS:
        element = disk_element(DiskSpec(adapter.url, adapter.bus), letter)
        if attribute(element, "target", "dev") not in taken:
            return element
    raise BadRequest(
        "too-many-disks",
        f"{len(_LETTERS)} disks are the most whose names begin alike.",
        cause="Those that no profile names count, too.",
        remedy="Give the profile fewer.",
    )


def _put_disk(devices: Element, element: Element, present: Element | None) -> None:
    """One that is there changes its bus only: it keeps its format and its cache."""
    if present is None:
        devices.append(element)
        return
    for old in present.findall("target"):
        present.remove(old)
    present.extend(element.findall("target"))


def _plug_ethernet(
    devices: Element,
    adapter: EthernetAdapter,
    present: Element | None,
    switches: Sequence[VirtualSwitch],
) -> None:
    """One that is there stays in its slot, and is plugged into another switch where it must."""
    if present is None:
        devices.append(new_ethernet(adapter, switches))
    elif _plugged_into(present) != (adapter.switch, adapter.port_group):
        anew = new_ethernet(adapter, switches)
        present.set("type", anew.get("type", ""))
        for old in present.findall("source"):
            present.remove(old)
        present.extend(anew.findall("source"))


def _plugged_into(interface: Element) -> tuple[str, str]:
    """Its virtual switch and its port group."""
    switch = attribute(interface, "source", "network") or attribute(interface, "source", "bridge")
    return switch, attribute(interface, "source", "portgroup")


def new_ethernet(adapter: EthernetAdapter, switches: Sequence[VirtualSwitch]) -> Element:
    """It as it is plugged in."""
    element = ethernet_element(EthernetSpec(adapter.switch, adapter.mac), switches)
    source = element.find("source")
    if adapter.port_group and source is not None:
        source.set("portgroup", adapter.port_group)
    return element
