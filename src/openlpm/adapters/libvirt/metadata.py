"""Our mark on a domain, in the place that libvirt keeps for others: `<metadata>`.

    <openlpm:partition xmlns:openlpm="urn:openlpm:partition:1" id="3" os="linux" units="0.5"
                       came-from="s1">
      <openlpm:policy max-pause-ms="2000" throttle="yes" bandwidth-mib-s="0" postcopy="no"/>
    </openlpm:partition>

It travels with the definition: a transfer is given the definition with the mark of its target,
so partition id and way back arrive at the same instant as the partition itself.
"""

from lxml import etree

from openlpm.adapters.libvirt.xml import (
    Element,
    attribute,
    bad_xml,
    child,
    number,
    parse,
    take_out,
    to_text,
)
from openlpm.model.partition import Mark
from openlpm.model.policy import Policy
from openlpm.model.spoken import PLAIN

NAMESPACE = "urn:openlpm:partition:1"
PREFIX = "openlpm"
_MOST_ID = 2**31 - 1
_MOST_PAUSE_MS = 60_000
_MOST_BANDWIDTH_MIB_S = 1_000_000
_MOST_UNITS = 65_536
_PARTITION = f"{{{NAMESPACE}}}partition"
_POLICY = f"{{{NAMESPACE}}}policy"


def mark_element(mark: Mark) -> Element:
    """The mark as XML."""
    element = etree.Element(_PARTITION, nsmap={PREFIX: NAMESPACE})
    element.set("id", str(mark.partition_id))
    element.set("os", mark.os_type)
    element.set("units", repr(mark.processing_units))
    if mark.came_from:
        element.set("came-from", mark.came_from)
    policy = etree.SubElement(element, _POLICY)
    policy.set("max-pause-ms", str(mark.policy.max_pause_ms))
    policy.set("throttle", "yes" if mark.policy.throttle else "no")
    policy.set("bandwidth-mib-s", str(mark.policy.bandwidth_mib_s))
    policy.set("postcopy", "yes" if mark.policy.postcopy else "no")
    return element


def read_mark(domain: Element) -> Mark | None:
    """The mark of a domain; None for those of others."""
    element = domain.find(f"metadata/{_PARTITION}")
    if element is None:
        return None
    usual = Policy()
    policy = Policy(
        number(
            attribute(element, _POLICY, "max-pause-ms"),
            "pause",
            usual.max_pause_ms,
            most=_MOST_PAUSE_MS,
        ),
        attribute(element, _POLICY, "throttle", "yes") == "yes",
        number(
            attribute(element, _POLICY, "bandwidth-mib-s"), "bandwidth", most=_MOST_BANDWIDTH_MIB_S
        ),
        attribute(element, _POLICY, "postcopy", "no") == "yes",
    )
    os_type, came_from = element.get("os") or "linux", element.get("came-from") or ""
    if not PLAIN.match(os_type) or (came_from and not PLAIN.match(came_from)):
        raise bad_xml("Its OS type or the system of its way back is no plain word.")
    return Mark(
        partition_id=number(element.get("id") or "?", "partition id", most=_MOST_ID),
        os_type=os_type,
        processing_units=_units(element.get("units") or "0.5"),
        came_from=came_from,
        policy=policy,
    )


def _units(value: str) -> float:
    try:
        units = float(value)
    except ValueError as error:
        raise bad_xml(f"{value[:40]!r} are no processing units.") from error
    if not 0 <= units <= _MOST_UNITS:  # "nan" is not, either
        raise bad_xml(f"{value[:40]!r} are no processing units.")
    return units


def with_mark(definition: str, mark: Mark) -> str:
    """A domain's XML with `mark` in place of the one it had; the rest as it was."""
    domain = parse(definition, "domain")
    put_mark(domain, mark)
    return to_text(domain)


def put_mark(domain: Element, mark: Mark) -> None:
    """`mark` in place of the one that the definition had."""
    put_element(domain, mark_element(mark))


def put_element(domain: Element, element: Element) -> None:
    """Into the definition's metadata, in place of what that has of this tag."""
    metadata = child(domain, "metadata")
    take_out(metadata.findall(str(element.tag)))
    metadata.append(element)
