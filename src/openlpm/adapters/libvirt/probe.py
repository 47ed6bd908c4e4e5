"""Can this host open a partition's disks? Tried from the host itself, by its own libvirt.

Network disks: a QEMU is started with them, read-only, and after them one more disk that cannot be
opened. QEMU opens disks in order and exits at the first that fails, so its own words tell which:
when it is the last one, all others were opened. No guest ever exists, nothing can stay behind, and
it takes 50 to 250 ms, where starting one to the end and stopping it takes 600.

Files and devices: a definition that is never started, and libvirt's question for a disk's size
(`virDomainGetBlockInfo`). Starting a QEMU would make libvirt change the files' owner and label,
under the hands of whoever uses them. Volumes are looked up in their pool.
"""

import re
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

import libvirt
from lxml import etree

from openlpm.adapters.libvirt.bounded import begun, bounded
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.disk_xml import network_source
from openlpm.adapters.libvirt.errors import said, translated
from openlpm.adapters.libvirt.probe_name import fresh_name
from openlpm.adapters.libvirt.throwaway import in_turn, skeleton
from openlpm.adapters.libvirt.xml import Element, to_text
from openlpm.model.errors import BadRequest
from openlpm.model.hardware import DiskKind, VirtualDisk

_PATIENCE_S = 6.0
# Nothing listens on port 1 of the loopback device.
_UNREACHABLE = "nbd://127.0.0.1:1/openlpm-sentinel"
_QEMU_SAYS = re.compile(r"-blockdev (\{.*?\}): (.*)", re.DOTALL)
_WORDLESS = re.compile(r"closed the monitor\.$")
_TRIES_MORE = 2
_AT_ONCE = 4
"""Each try is a QEMU, and a partition may have a hundred disks."""
_FLAGS = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY


def open_disks(connection: Connection, arch: str, disks: Sequence[VirtualDisk]) -> dict[str, str]:
    """Target device names of the disks that cannot be opened, and why."""
    by_qemu = [disk for disk in disks if disk.kind is DiskKind.NETWORK and disk.protocol == "nbd"]
    by_path = [disk for disk in disks if disk.kind in (DiskKind.FILE, DiskKind.BLOCK)]
    failing = _missing_volumes(connection, disks)
    failing |= _without_path(connection, arch, by_path) if by_path else {}
    failing |= _not_opened(connection, arch, by_qemu) if by_qemu else {}
    return failing


def _not_opened(connection: Connection, arch: str, disks: Sequence[VirtualDisk]) -> dict[str, str]:
    """All at once, which is the usual case; when one fails, each by itself, four side by side."""
    reason = _trouble(connection, arch, disks)
    if not reason:
        return {}
    if len(disks) == 1:
        return {disks[0].target: reason}
    reasons: dict[str, str] = {}
    for at in range(0, len(disks), _AT_ONCE):
        tries: dict[str, Future[str]] = {
            disk.target: begun(lambda d=disk: _trouble(connection, arch, [d]), f"try {disk.target}")
            for disk in disks[at : at + _AT_ONCE]
        }
        reasons |= {target: tried.result() for target, tried in tries.items()}
    return {target: why for target, why in reasons.items() if why}


def _trouble(connection: Connection, arch: str, disks: Sequence[VirtualDisk]) -> str:
    """As `_tried`; again, twice at most, when QEMU's words came too late.

    They go by the log daemon, and on a busy host libvirt reads the log before they are there.
    """
    why = _tried(connection, arch, disks)
    for _ in range(_TRIES_MORE):
        if not _WORDLESS.search(why):
            break
        why = _tried(connection, arch, disks)
    return why


def _tried(connection: Connection, arch: str, disks: Sequence[VirtualDisk]) -> str:
    """Why one of these cannot be opened; "" when all can."""
    try:
        sources = [network_source(url) for url in (*(d.source for d in disks), _UNREACHABLE)]
    except BadRequest as error:
        return str(error)
    with connection.apart() as line:
        return in_turn("disks", lambda name: _answer(line, name, arch, sources))


def _answer(line: Connection, name: str, arch: str, sources: Sequence[Element]) -> str:
    """Why they cannot be opened, by a QEMU of this name; "" when they can."""
    definition = _qemu_with(name, arch, sources)
    try:
        bounded(lambda: _start(line, definition), _PATIENCE_S, f"{line.name}: {name}")
    except TimeoutError:
        _end(line, name)
        return f"It does not answer within {_PATIENCE_S:g} s."
    except libvirt.libvirtError as error:
        if not line.alive:
            raise translated(error, line.name, "open disks", alive=False) from error
        return _reason(error)
    return ""


def _start(line: Connection, definition: str) -> None:
    with line.held():
        # It cannot start. Should it, it is paused, and ends with this connection at the latest.
        line.raw.createXML(definition, _FLAGS).destroy()


def _end(line: Connection, name: str) -> None:
    """A QEMU that waits for storage: libvirt ends it, whatever it waits for."""
    with suppress(libvirt.libvirtError, TimeoutError):
        bounded(lambda: line.raw.lookupByName(name).destroy(), 2.0, f"{line.name}: end {name}")
    line.close()


def _reason(error: libvirt.libvirtError) -> str:
    """What QEMU said of a disk; "" when it was the one that cannot be opened."""
    text = said(error)
    found = _QEMU_SAYS.search(text)
    if found is None:
        return text
    return "" if "openlpm-sentinel" in found[1] else found[2]


def _disk(devices: Element, number: int, kind: str, source: Element) -> str:
    """A disk that is read-only and shared: no lock, no owner, no label is touched for it."""
    disk = etree.SubElement(devices, "disk", type=kind, device="disk")
    etree.SubElement(disk, "driver", name="qemu", type="raw", cache="none")
    disk.append(source)
    target = (
        f"sd{chr(ord('a') + number % 26)}" if number < 26 else f"sda{chr(ord('a') + number - 26)}"
    )
    etree.SubElement(disk, "target", dev=target, bus="scsi")
    etree.SubElement(disk, "readonly")
    etree.SubElement(disk, "shareable")
    return target


def _qemu_with(name: str, arch: str, sources: Sequence[Element]) -> str:
    root, devices = skeleton(name, arch)
    etree.SubElement(devices, "controller", type="scsi", model="virtio-scsi")
    for number, source in enumerate(sources):
        _disk(devices, number, "network", source)
    return to_text(root)


def _without_path(
    connection: Connection, arch: str, disks: Sequence[VirtualDisk]
) -> dict[str, str]:
    root, devices = skeleton(fresh_name(), arch)
    names: dict[str, str] = {}
    for number, disk in enumerate(disks):
        kind, attribute = ("file", "file") if disk.kind is DiskKind.FILE else ("block", "dev")
        source = etree.Element("source", {attribute: disk.source})
        names[_disk(devices, number, kind, source)] = disk.target

    def ask() -> dict[str, str]:
        domain = connection.raw.defineXML(to_text(root))
        try:
            reasons = {names[target]: _size_trouble(domain, target) for target in names}
        finally:
            domain.undefine()
        return {target: why for target, why in reasons.items() if why}

    return connection.ask("open disks", ask, seconds=_PATIENCE_S)


def _size_trouble(domain: libvirt.virDomain, target: str) -> str:
    try:
        domain.blockInfo(target)
    except libvirt.libvirtError as error:
        return said(error)
    return ""


def _missing_volumes(connection: Connection, disks: Sequence[VirtualDisk]) -> dict[str, str]:
    def ask() -> dict[str, str]:
        failing: dict[str, str] = {}
        for disk in disks:
            pool, _, volume = disk.source.partition("/")
            try:
                if disk.kind is DiskKind.VOLUME:
                    connection.raw.storagePoolLookupByName(pool).storageVolLookupByName(volume)
            except libvirt.libvirtError as error:
                if not connection.alive:
                    raise
                failing[disk.target] = said(error)
        return failing

    return connection.ask("look for volumes", ask) if disks else {}
