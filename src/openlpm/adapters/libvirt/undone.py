"""What profiles have changed of a definition for good, kept in it so that it can be undone.

A profile that names no processor model, or no boot order, leaves the partition's own. But another
profile may have put its own in their place: what was there first is kept in `<metadata>`.

    <openlpm-own:before xmlns:openlpm-own="urn:openlpm:own:1">
      <processor><cpu mode="host-model"/></processor>
      <order><boot dev="hd"/><device name="sda"><boot order="1"/></device></order>
    </openlpm-own:before>
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy

from lxml import etree

from openlpm.adapters.libvirt.xml import Element, attribute, child, take_out

NAMESPACE = "urn:openlpm:own:1"
PREFIX = "openlpm-own"
_BEFORE = f"{{{NAMESPACE}}}before"
_PROCESSOR, _ORDER = "processor", "order"


def keep_processor(domain: Element) -> None:
    """Before a profile gives it another one; what is kept already stays."""
    _keep(domain, _PROCESSOR, domain.findall("cpu"))


def give_back_processor(domain: Element) -> None:
    """The partition's own, if a profile took it."""
    kept = _taken(domain, _PROCESSOR)
    if kept is not None:
        take_out(domain.findall("cpu"))
        domain.extend(kept)


def keep_order(domain: Element) -> None:
    """The same of the boot order: of kinds of devices, or of single ones."""
    singles: list[Element] = []
    for name, device in _devices(domain):
        if orders := device.findall("boot"):
            single = etree.Element("device", name=name)
            single.extend(deepcopy(orders))
            singles.append(single)
    _keep(domain, _ORDER, [*domain.findall("os/boot"), *singles])


def give_back_order(domain: Element) -> None:
    """The partition's own, if a profile took it; a device that is gone has no place in it."""
    kept, os = _taken(domain, _ORDER), domain.find("os")
    if kept is None or os is None:
        return
    remove_order(domain)
    there = dict(_devices(domain))
    os.extend(kept.findall("boot"))
    for single in kept.findall("device"):
        device = there.get(single.get("name", ""))
        if device is not None:
            device.extend(single)


def remove_order(domain: Element) -> None:
    """So that another can be given: libvirt takes one of kinds or one of single devices."""
    take_out([*domain.findall("devices/*/boot"), *domain.findall("os/boot")])


def _devices(domain: Element) -> Iterator[tuple[str, Element]]:
    """Those that may have a place in the order, by what stays the same of them."""
    for device in domain.iterfind("devices/*"):
        name = attribute(device, "mac", "address") or attribute(device, "target", "dev")
        if name:
            yield name, device


def _keep(domain: Element, kind: str, elements: Iterable[Element]) -> None:
    metadata = child(domain, "metadata")
    before = metadata.find(_BEFORE)
    if before is None:
        before = etree.SubElement(metadata, _BEFORE, nsmap={PREFIX: NAMESPACE})
    if before.find(kind) is None:
        etree.SubElement(before, kind).extend(deepcopy(list(elements)))


def _taken(domain: Element, kind: str) -> Element | None:
    """What was kept, out of the definition; None where nothing was."""
    kept = domain.find(f"metadata/{_BEFORE}/{kind}")
    if kept is not None:
        before = kept.getparent()
        take_out([kept])
        if before is not None and not len(before):
            take_out([before])
    return kept
