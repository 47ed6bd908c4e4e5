"""Which virtual switches of several systems are the same: as validation has it.

By kind and name, active, the same VLANs in each port group, and an MTU that is enough: an adapter
that is plugged in here could go there (`checks/network.py`).
"""

from collections.abc import Mapping, Sequence

from openlpm.model.storage import PartitionIo
from openlpm.model.system import VirtualSwitch
from openlpm.model.vios import KnownSwitch, Plug, SwitchElsewhere


def known_switches(
    switches: Mapping[str, Sequence[VirtualSwitch]], partitions: Sequence[PartitionIo]
) -> list[KnownSwitch]:
    """All switches of all systems, by system, kind and name, with what is plugged into them."""
    plugs: dict[tuple[str, str, str], list[Plug]] = {}
    for io in partitions:
        for each in io.ethernets:
            plug = Plug(io.partition, io.uuid, each.mac, each.port_group, each.vlans)
            plugs.setdefault((io.system, each.kind, each.switch), []).append(plug)
    return [
        KnownSwitch(
            system,
            switch,
            tuple(plugs.get((system, switch.kind, switch.name), ())),
            _elsewhere(system, switch, switches),
        )
        for system in sorted(switches)
        for switch in sorted(switches[system], key=lambda each: (each.kind, each.name))
    ]


def _elsewhere(
    system: str, here: VirtualSwitch, switches: Mapping[str, Sequence[VirtualSwitch]]
) -> tuple[SwitchElsewhere, ...]:
    return tuple(
        SwitchElsewhere(other, ", ".join(differences(here, there)))
        for other in sorted(switches)
        for there in switches[other]
        if other != system and (there.kind, there.name) == (here.kind, here.name)
    )


def differences(here: VirtualSwitch, there: VirtualSwitch) -> list[str]:
    """Why an adapter that is plugged in `here` could not go `there`; none where it could."""
    found: list[str] = []
    if not there.active:
        found.append("it is inactive there")
    tags_here, tags_there = dict(here.vlans), dict(there.vlans)
    groups = [g for g in tags_here or ("",) if tags_here.get(g) != tags_there.get(g)]
    if groups:
        named = ", ".join(group or "(default)" for group in groups)
        found.append(f"other VLANs there in port group {named}")
    if there.mtu and here.mtu > there.mtu:
        found.append(f"its MTU is {there.mtu} there, {here.mtu} here")
    return found
