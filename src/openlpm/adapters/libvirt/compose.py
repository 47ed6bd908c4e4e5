"""A new partition's domain XML.

Everything in it is the same on every server, so that it can move: a versioned machine type and a
named processor model, network disks without host cache, virtual switches by name, no host paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from openlpm.adapters.libvirt.disk_xml import network_source
from openlpm.adapters.libvirt.lease import lease_element
from openlpm.adapters.libvirt.lost_writes import guard
from openlpm.adapters.libvirt.metadata import mark_element
from openlpm.adapters.libvirt.profiles import put
from openlpm.adapters.libvirt.xml import Element, to_text
from openlpm.model.errors import BadRequest, NotFound
from openlpm.model.network_disk import BUSES, checked_bus
from openlpm.model.partition import DiskSpec, EthernetSpec, Mark, PartitionSpec
from openlpm.model.profile import Profiles
from openlpm.model.system import Lockspace, VirtualSwitch

_OF_NO_MODEL = ("topology", "numa")
"""What `<cpu>` says of the partition and not of its processor's model."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Platform:
    """What the server gives to a partition that asks for nothing special."""

    arch: str
    hypervisor: str
    machine: str
    cpu_model: str
    cpu_models: frozenset[str]
    switches: tuple[VirtualSwitch, ...]
    lockspace: Lockspace | None
    guards_memory: bool = False


def compose(
    uuid: str,
    spec: PartitionSpec,
    mark: Mark,
    platform: Platform,
    profiles: Profiles | None = None,
) -> str:
    """The domain's XML."""
    try:
        domain = _domain(uuid, spec, mark, platform)
        if profiles is not None:
            put(domain, profiles)
        return to_text(domain)
    except ValueError as error:  # lxml's word for characters that XML cannot hold
        raise BadRequest(
            "bad-text",
            f"The definition of {spec.name!r} cannot be written.",
            cause=str(error),
            remedy="Give names without control characters.",
        ) from error


def _domain(uuid: str, spec: PartitionSpec, mark: Mark, platform: Platform) -> Element:
    domain = etree.Element("domain", type=platform.hypervisor)
    _leaf(domain, "name", spec.name)
    _leaf(domain, "uuid", uuid)
    etree.SubElement(domain, "metadata").append(mark_element(mark))
    _leaf(domain, "memory", str(spec.memory_mib), unit="MiB")
    _leaf(domain, "vcpu", str(spec.processors))
    _os(domain, spec.machine or platform.machine, platform.arch)
    processor(domain, spec.cpu_model, platform)
    _leaf(domain, "clock", offset="utc")
    # A partition that halts or crashes is off: the console decides what happens next, not QEMU.
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _leaf(domain, f"on_{event}", action)
    devices = etree.SubElement(domain, "devices")
    _disks(devices, spec.disks)
    for ethernet in spec.ethernets:
        devices.append(ethernet_element(ethernet, platform.switches))
    _usual_devices(devices)
    if platform.lockspace is not None:
        devices.append(lease_element(platform.lockspace, uuid))
    if platform.guards_memory:
        guard(domain, spec.memory_mib)
    return domain


def _leaf(parent: Element, tag: str, value: str | None = None, **attributes: str) -> Element:
    leaf = etree.SubElement(parent, tag, attributes)
    leaf.text = value
    return leaf


def _os(domain: Element, machine: str, arch: str) -> None:
    os = etree.SubElement(domain, "os")
    _leaf(os, "type", "hvm", arch=arch, machine=machine)
    _leaf(os, "boot", dev="hd")
    if arch == "x86_64":
        features = etree.SubElement(domain, "features")
        for feature in ("acpi", "apic"):
            _leaf(features, feature)


def processor(domain: Element, asked: str, platform: Platform) -> None:
    """Give a definition the processor model `asked`, or the server's stable one. `NotFound`."""
    if asked and asked not in platform.cpu_models:
        raise NotFound(
            "no-such-cpu-model",
            f"No partition can have the processor model {asked!r} here.",
            cause="libvirt does not name it among those that work with this host's processors.",
            remedy=f"There are: {', '.join(sorted(platform.cpu_models)) or 'none'}.",
        )
    model = asked or platform.cpu_model
    if not model:
        return  # the machine type's own
    cpu = etree.Element("cpu", mode="custom", match="exact", check="partial")
    _leaf(cpu, "model", model, fallback="forbid")
    for old in domain.findall("cpu"):
        cpu.extend(part for part in old if part.tag in _OF_NO_MODEL)
        domain.remove(old)
    domain.append(cpu)


def _disks(devices: Element, disks: Sequence[DiskSpec]) -> None:
    if len(disks) > len(_LETTERS):
        raise BadRequest(
            "too-many-disks",
            f"{len(disks)} disks are more than the {len(_LETTERS)} that can be made at once.",
            remedy="Create the partition with fewer.",
        )
    if any(disk.bus == "scsi" for disk in disks):
        devices.append(scsi_controller())
    for letter, spec in zip(_LETTERS, disks, strict=False):
        devices.append(disk_element(spec, letter))


def scsi_controller() -> Element:
    """What disks on the bus "scsi" are plugged into."""
    return etree.Element("controller", type="scsi", model="virtio-scsi")


def disk_element(spec: DiskSpec, letter: str) -> Element:
    """A disk on a network volume, the `letter`th of its bus. Raises `BadRequest`."""
    bus = checked_bus(spec.bus)
    disk = etree.Element("disk", type="network", device="disk")
    # cache=none: no server may hold writes that the next one does not see.
    _leaf(disk, "driver", name="qemu", type="raw", cache="none", discard="unmap")
    disk.append(network_source(spec.url))
    _leaf(disk, "target", dev=BUSES[bus] + letter, bus=bus)
    return disk


def ethernet_element(spec: EthernetSpec, switches: Sequence[VirtualSwitch]) -> Element:
    """On libvirt's network of that name, or on the bridge where there is none. `NotFound`."""
    kinds = {switch.kind for switch in switches if switch.name == spec.switch}
    if not kinds:
        raise NotFound(
            "no-such-switch",
            f"There is no virtual switch {spec.switch!r}.",
            remedy=f"There are: {', '.join(sorted({s.name for s in switches})) or 'none'}.",
        )
    kind = "network" if "network" in kinds else "bridge"
    interface = etree.Element("interface", type=kind)
    if spec.mac:
        _leaf(interface, "mac", address=spec.mac)
    _leaf(interface, "source", **{kind: spec.switch})
    _leaf(interface, "model", type="virtio")
    return interface


def _usual_devices(devices: Element) -> None:
    """Serial console, the agent's channel (RMC), randomness, balloon; no graphics, no USB."""
    _leaf(devices, "controller", type="usb", model="none")
    _leaf(_leaf(devices, "serial", type="pty"), "target", port="0")
    _leaf(_leaf(devices, "console", type="pty"), "target", type="serial", port="0")
    channel = _leaf(devices, "channel", type="unix")
    _leaf(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    _leaf(_leaf(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    # The guest tells every 5 s how much memory it has never used: a move need not send that.
    _leaf(_leaf(devices, "memballoon", model="virtio"), "stats", period="5")
