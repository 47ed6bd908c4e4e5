"""What `partition create` asks for: checked, with addresses, and as the first profile."""

import secrets
from dataclasses import replace

from openlpm.model.names import checked_mac, checked_name, checked_range, checked_unlike
from openlpm.model.network_disk import network_disk
from openlpm.model.partition import DEFAULT_UNITS_PER_PROCESSOR, PartitionSpec
from openlpm.model.profile import (
    USUAL_NAME,
    Adapter,
    DiskAdapter,
    EthernetAdapter,
    Profile,
    Sharing,
    fixed,
)
from openlpm.model.profile_document import changed

MOST_ETHERNETS = 64
"""Virtual Ethernet adapters of one partition: more than the slots of any machine type's bus."""
_OURS = "52:54:00"  # QEMU's, as libvirt's own choice would be


def with_addresses(spec: PartitionSpec) -> PartitionSpec:
    """Each Ethernet adapter with a MAC address: a profile knows it by that."""
    ethernets = tuple(each if each.mac else replace(each, mac=new_mac()) for each in spec.ethernets)
    return replace(spec, ethernets=ethernets)


def new_mac() -> str:
    """An address that nobody is likely to have."""
    return f"{_OURS}:{secrets.token_bytes(3).hex(':')}"


def first_profile(spec: PartitionSpec) -> Profile:
    """The profile that it is created with: all amounts fixed, unless `spec.profile` says more."""
    units = spec.processing_units
    if units is None:
        units = spec.processors * DEFAULT_UNITS_PER_PROCESSOR
    disks: list[Adapter] = [DiskAdapter(disk.url, disk.bus) for disk in spec.disks]
    ethernets = [EthernetAdapter(each.switch, each.mac) for each in spec.ethernets]
    profile = Profile(
        name=USUAL_NAME,
        memory_mib=fixed(spec.memory_mib),
        processors=fixed(spec.processors),
        units=fixed(units),
        sharing=Sharing.UNCAPPED,
        cpu_model=spec.cpu_model,
        adapters=(*disks, *ethernets),
    )
    change = dict(spec.profile)
    if spec.processing_units not in (None, spec.processors):
        change.setdefault("processing_units", {"desired": units})  # or dedicated ones outdo it
    return changed(profile, change)


def check(spec: PartitionSpec) -> None:
    """Whether it can be understood; its first profile checks the units. Raises `BadRequest`."""
    checked_name("partition", spec.name)
    checked_range("Memory in MiB", spec.memory_mib, 16, 2**32)
    checked_range("The number of virtual processors", spec.processors, 1, 1024)
    checked_range("The longest pause allowed in ms", spec.policy.max_pause_ms, 1, 60_000)
    checked_range("The bandwidth in MiB/s", spec.policy.bandwidth_mib_s, 0, 1_000_000)
    checked_range("The number of virtual Ethernet adapters", len(spec.ethernets), 0, MOST_ETHERNETS)
    if spec.machine:
        checked_name("machine type", spec.machine)
    checked_unlike("The disk", (network_disk(disk.url).url for disk in spec.disks))
    macs = [ethernet.mac for ethernet in spec.ethernets if ethernet.mac]
    checked_unlike("The MAC address", map(checked_mac, macs))
