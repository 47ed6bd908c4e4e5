"""A processor in libvirt's XML, both ways: `<cpu>` of a definition, host-model of capabilities.

What one server says it offers is given to another one's daemon. So it is taken apart into names
that are plain words, and put together anew: nothing else of it gets there.
"""

from dataclasses import replace

from lxml import etree

from openlpm.adapters.libvirt.xml import (
    MOST_NAME,
    Element,
    attribute,
    bad_xml,
    parse,
    text,
    to_text,
)
from openlpm.model.processor import GuestCpu, NamedCpu
from openlpm.model.spoken import PLAIN

_GIVEN = ("", "require", "force")
_LACKED = ("disable", "forbid")


def guest_cpu(domain_xml: str) -> GuestCpu:
    """The processor of a definition. Raises `BadRequest`."""
    domain = parse(domain_xml, "domain")
    cpu = domain.find("cpu")
    return GuestCpu(
        arch=attribute(domain, "os/type", "arch")[:MOST_NAME],
        machine=attribute(domain, "os/type", "machine")[:MOST_NAME],
        hypervisor=domain.get("type", "")[:MOST_NAME],
        xml="" if cpu is None else to_text(cpu),
        mode="" if cpu is None else cpu.get("mode", "custom")[:MOST_NAME],
        model=text(cpu, "model")[:MOST_NAME],
    )


def named_cpu(cpu: Element) -> NamedCpu:
    """The model and features within `<cpu>`, or within `<mode name='host-model'>`.

    Raises `BadRequest` where one of them is no plain word.
    """
    told = [(f.get("policy", ""), f.get("name", "")) for f in cpu.iterfind("feature")]
    vendor = text(cpu, "vendor")
    named = NamedCpu(
        model=_plain(text(cpu, "model")),
        vendor=vendor and _plain(vendor),
        features=tuple(_plain(name) for policy, name in told if policy in _GIVEN),
        without=tuple(_plain(name) for policy, name in told if policy in _LACKED),
    )
    return replace(named, xml=cpu_xml(named))


def _plain(name: str) -> str:
    if not PLAIN.match(name):
        raise bad_xml(f"{name[:40]!r} is no name of a processor's model, maker or feature.")
    return name


def cpu_xml(cpu: NamedCpu) -> str:
    """The `<cpu>` element that asks for exactly this, in lines for people to paste."""
    element = etree.Element("cpu", mode="custom", match="exact")
    etree.SubElement(element, "model", fallback="forbid").text = cpu.model
    if cpu.vendor:
        etree.SubElement(element, "vendor").text = cpu.vendor
    for policy, names in (("require", cpu.features), ("disable", cpu.without)):
        for name in names:
            etree.SubElement(element, "feature", policy=policy, name=name)
    etree.indent(element)
    return to_text(element)
