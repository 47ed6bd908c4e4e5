"""Does the target have every virtual switch, with the same VLANs and enough MTU?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import VirtualEthernet
from openlpm.model.system import VirtualSwitch

SWITCHED = ("network", "bridge")


def _plugged(e: Examination) -> Iterator[tuple[VirtualEthernet, VirtualSwitch | None]]:
    """Each adapter that hangs on a switch, with that switch at the target."""
    if e.hardware is None or e.target.facts is None:
        return
    for adapter in e.hardware.ethernets:
        if adapter.kind in SWITCHED:
            yield adapter, e.target.facts.switch(adapter.kind, adapter.switch)


def switches_exist(e: Examination) -> Iterator[Finding]:
    """By kind and name: a libvirt network, or a bridge."""
    for adapter, switch in _plugged(e):
        if switch is None or not switch.active:
            state = "has no" if switch is None else "has an inactive"
            yield Finding(
                "switch-missing" if switch is None else "switch-inactive",
                Severity.ERROR,
                e.target.name,
                f"virtual switch {adapter.switch} ({adapter.kind})",
                f"{e.target.name} {state} virtual switch {adapter.switch!r} ({adapter.mac}).",
                f"Define and start it on {e.target.name}, bridged to the same network.",
            )
    for adapter in e.hardware.ethernets if e.hardware else ():
        if adapter.kind not in SWITCHED:
            yield Finding(
                "ethernet-host-only",
                Severity.ERROR,
                e.source.name,
                f"virtual Ethernet adapter {adapter.mac}",
                f"Adapter {adapter.mac} is of kind {adapter.kind!r}, which is tied to its server.",
                "Plug it into a virtual switch that both servers have.",
            )


def vlans_agree(e: Examination) -> Iterator[Finding]:
    """The port group's tags (or the switch's own) must be the same on both sides."""
    source = e.source.facts
    for adapter, there in _plugged(e):
        here = source.switch(adapter.kind, adapter.switch) if source else None
        if here is None or there is None or adapter.vlans:
            continue
        wanted, found = (dict(s.vlans).get(adapter.port_group) for s in (here, there))
        if wanted != found:
            yield Finding(
                "vlan-differs",
                Severity.ERROR,
                e.target.name,
                f"VLANs of virtual switch {adapter.switch}, port group {adapter.port_group!r}",
                f"Its VLANs are {_tags(wanted)} on {e.source.name}, {_tags(found)} on "
                f"{e.target.name}.",
                "Give the port group the same VLANs on both servers.",
            )


def _tags(tags: tuple[int, ...] | None) -> str:
    return ", ".join(map(str, tags)) if tags else "none"


def mtu_is_enough(e: Examination) -> Iterator[Finding]:
    """A smaller MTU at the target silently drops the guest's large frames."""
    source = e.source.facts
    for adapter, there in _plugged(e):
        here = source.switch(adapter.kind, adapter.switch) if source else None
        wanted = adapter.mtu or (here.mtu if here else 0)
        if there is not None and there.mtu and wanted > there.mtu:
            yield Finding(
                "mtu-smaller",
                Severity.ERROR,
                e.target.name,
                f"MTU of virtual switch {adapter.switch}",
                f"The partition's network has MTU {wanted}, {e.target.name} has {there.mtu}.",
                f"Raise the MTU of {adapter.switch!r} on {e.target.name} to {wanted}.",
            )
