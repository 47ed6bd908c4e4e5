"""The profile of a partition that has none: what it is, told as a profile.

Partitions made before there were profiles, and adopted ones, go on as they are: with the amounts of
their definition, as minimum, desired and maximum alike. Nothing is written until a profile is asked
to be changed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from openlpm.model.errors import BadRequest
from openlpm.model.hardware import DiskKind, Hardware
from openlpm.model.names import checked_mac
from openlpm.model.network_disk import BUSES, MOST_DISKS, network_disk
from openlpm.model.partition import Partition
from openlpm.model.profile import (
    LEAST_MEMORY_MIB,
    MOST_ADAPTERS,
    MOST_MEMORY_MIB,
    MOST_PROCESSORS,
    STEPS_A_PROCESSOR,
    USUAL_NAME,
    Adapter,
    DiskAdapter,
    EthernetAdapter,
    Profile,
    Profiles,
    Sharing,
    fixed,
    steps,
    units_of,
)
from openlpm.model.profile_document import LONGEST_TEXT

_SWITCHES = ("network", "bridge")


def implied(partition: Partition, hardware: Hardware) -> Profiles:
    """One profile, from what is seen. Figures that no profile can have are bent to the nearest."""
    memory = min(max(partition.memory_mib, LEAST_MEMORY_MIB), MOST_MEMORY_MIB)
    processors = min(max(partition.processors, 1), MOST_PROCESSORS)
    wanted = steps(partition.demand.processing_units)
    units = min(max(wanted, processors), processors * STEPS_A_PROCESSOR)
    profile = Profile(
        name=USUAL_NAME,
        memory_mib=fixed(memory),
        processors=fixed(processors),
        units=fixed(units_of(units)),
        adapters=tuple(adapters(hardware)),
    )
    return Profiles(USUAL_NAME, (profile,), implied=True)


def at_present(kept: Profile, present: Profile) -> Profile:
    """A kept profile with the amounts that the partition has now."""
    units = present.units
    if kept.sharing is Sharing.DEDICATED:
        units = fixed(float(present.processors.desired))
    return replace(kept, memory_mib=present.memory_mib, processors=present.processors, units=units)


def adapters(hardware: Hardware) -> Iterator[Adapter]:
    """The virtual adapters that a profile can name: disks by NBD, Ethernet on virtual switches."""
    seen: set[str] = set()
    disks = Counter[str]()
    for adapter in (*_disks(hardware), *_ethernets(hardware)):
        if adapter.key.lower() in seen or len(seen) == MOST_ADAPTERS:
            continue
        if isinstance(adapter, DiskAdapter):
            if disks[BUSES[adapter.bus]] == MOST_DISKS:
                continue
            disks[BUSES[adapter.bus]] += 1
        seen.add(adapter.key.lower())
        yield adapter


def _disks(hardware: Hardware) -> Iterator[DiskAdapter]:
    for disk in hardware.disks:
        plain = disk.kind is DiskKind.NETWORK and disk.device == "disk" and disk.bus in BUSES
        if plain and not disk.read_only and _is_volume(disk.source):
            yield DiskAdapter(disk.source, disk.bus)


def _ethernets(hardware: Hardware) -> Iterator[EthernetAdapter]:
    for ethernet in hardware.ethernets:
        named = ethernet.kind in _SWITCHES and ethernet.switch and not ethernet.vlans
        if named and _is_mac(ethernet.mac) and _is_text(ethernet.switch + ethernet.port_group):
            yield EthernetAdapter(ethernet.switch, ethernet.mac, ethernet.port_group)


def _is_text(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and text.isprintable()


def _is_volume(url: str) -> bool:
    try:
        return len(network_disk(url).url) <= LONGEST_TEXT
    except BadRequest:
        return False


def _is_mac(text: str) -> bool:
    try:
        return bool(checked_mac(text))
    except BadRequest:
        return False
