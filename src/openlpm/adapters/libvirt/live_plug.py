"""Virtual adapters plugged into a running partition, and unplugged.

An adapter on PCI leaves when the guest lets go of it. A disk on SCSI leaves at once, in use or not:
QEMU asks nobody (seen: 0.15 s for one with a mounted file system). So the guest's agent is asked
what is mounted, and such a disk stays.

`stored`: in its stored definition, too, so that the next activation finds it (or finds it gone).
"""

from contextlib import suppress

import libvirt

from openlpm.adapters.libvirt.compose import scsi_controller
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.disk_xml import disks
from openlpm.adapters.libvirt.facts import switches
from openlpm.adapters.libvirt.plug import by_key, new_disk, new_ethernet
from openlpm.adapters.libvirt.resize import awaited
from openlpm.adapters.libvirt.xml import Element, attribute, parse, to_text
from openlpm.model.errors import HypervisorRefused
from openlpm.model.profile import Adapter, DiskAdapter

_LIVE, _STORED = libvirt.VIR_DOMAIN_AFFECT_LIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
_AS_STORED = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
_LETS_GO_S = 15.0
_AGENT_S = 6.0


def plug(connection: Connection, uuid: str, adapter: Adapter, *, stored: bool) -> None:
    """Add one to what runs. One that the stored definition has already is in its place there."""
    live, kept = _definitions(connection, uuid)
    if adapter.key in dict(by_key(live)):  # libvirt would take a MAC address twice
        raise HypervisorRefused(
            "adapter-there",
            f"The partition has the adapter {adapter.key} already.",
            remedy="lpm partition show names its adapters.",
        )
    flags = _LIVE if not stored or adapter.key in dict(by_key(kept)) else _LIVE | _STORED
    if isinstance(adapter, DiskAdapter):
        if adapter.bus == "scsi" and live.find("devices/controller[@type='scsi']") is None:
            _attach(connection, uuid, scsi_controller(), _LIVE)
        taken = {disk.target for domain in (live, kept) for disk in disks(domain)}
        _attach(connection, uuid, new_disk(adapter, taken), flags)
    else:
        _attach(connection, uuid, new_ethernet(adapter, switches(connection)), flags)


def _definitions(connection: Connection, uuid: str) -> tuple[Element, Element]:
    """What runs, and what is stored."""

    def read() -> tuple[str, str]:
        domain = connection.domain(uuid)
        return domain.XMLDesc(), domain.XMLDesc(_AS_STORED)

    live, kept = connection.ask("give the partition's definition", read)
    return parse(live, "domain"), parse(kept, "domain")


def _attach(connection: Connection, uuid: str, device: Element, flags: int) -> None:
    xml = to_text(device)
    try:
        connection.ask(
            "plug the adapter", lambda: connection.domain(uuid).attachDeviceFlags(xml, flags)
        )
    except HypervisorRefused as error:
        if "No more available PCI slots" not in error.cause:
            raise
        raise HypervisorRefused(
            "no-free-slot",
            "The partition has no free slot for another adapter.",
            cause=error.cause,
            remedy="Power it off and activate it anew: it gets some to spare then.",
        ) from error


def unplug(connection: Connection, uuid: str, key: str, *, stored: bool) -> None:
    """Take one from what runs, and wait until its guest has let go of it."""
    live, kept = _definitions(connection, uuid)
    device = dict(by_key(live)).get(key)
    if device is not None:
        _require_unmounted(connection, uuid, key, attribute(device, "target", "dev"))
        _detach(connection, uuid, device, _LIVE)
        if not awaited(lambda: not _has(connection, uuid, key), _LETS_GO_S):
            raise HypervisorRefused(
                "adapter-kept",
                f"The guest did not let go of the adapter {key}.",
                cause=f"It was asked to, {_LETS_GO_S:g} s ago. That cannot be taken back: it may "
                "still do so.",
                remedy="Stop using it inside, then look: lpm partition show.",
            )
    device = dict(by_key(kept)).get(key) if stored else None
    if device is not None:
        _detach(connection, uuid, device, _STORED)


def _has(connection: Connection, uuid: str, key: str) -> bool:
    return key in dict(by_key(_definitions(connection, uuid)[0]))


def _detach(connection: Connection, uuid: str, device: Element, flags: int) -> None:
    xml = to_text(device)
    connection.ask(
        "unplug the adapter", lambda: connection.domain(uuid).detachDeviceFlags(xml, flags)
    )


def _require_unmounted(connection: Connection, uuid: str, key: str, target: str) -> None:
    def mounted() -> list[str]:
        found = connection.domain(uuid).fsInfo()
        return [str(place) for place, _, _, targets in found if target in targets]

    places: list[str] = []
    # Without an agent nothing is known, as it is for virsh; only a required one is safe then.
    with suppress(HypervisorRefused):
        places = connection.ask("ask what is mounted", mounted, seconds=_AGENT_S)
    if places:
        raise HypervisorRefused(
            "disk-mounted",
            f"The guest has file systems of the disk {key} mounted.",
            cause=f"At {', '.join(sorted(places))[:200]}.",
            remedy="Unmount them inside first (umount).",
        )
