"""The disks of a domain's XML, and a disk's source as XML: both directions in one place."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

from lxml import etree

from openlpm.adapters.libvirt.xml import Element, attribute, take_out
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.errors import BadRequest
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.network_disk import network_disk

_PATHS = {"file": (DiskKind.FILE, "file"), "block": (DiskKind.BLOCK, "dev")}


def disks(domain: Element) -> Iterator[VirtualDisk]:
    """Every disk, CD drive and floppy."""
    for disk in domain.iterfind("devices/disk"):
        kind, source = backing(disk)
        yield VirtualDisk(
            target=attribute(disk, "target", "dev"),
            bus=attribute(disk, "target", "bus"),
            kind=kind,
            source=source,
            device=disk.get("device", "disk"),
            cache=attribute(disk, "driver", "cache"),
            read_only=disk.find("readonly") is not None,
            shareable=disk.find("shareable") is not None,
            protocol=attribute(disk, "source", "protocol"),
            format=attribute(disk, "driver", "type"),
        )


def put_copies(domain: Element, copies: Sequence[DiskCopy]) -> None:
    """Let a definition name the copies of these disks, wherever they are named now."""
    wanted = {copy.disk: copy for copy in copies}
    for disk in domain.iterfind("devices/disk"):
        copy, source = wanted.get(attribute(disk, "target", "dev")), disk.find("source")
        if copy is None or source is None:
            continue
        take_out(disk.findall("backingStore"))
        if disk.get("type") == "volume":
            source.set("pool", copy.to_pool)
            source.set("volume", copy.to_volume)
        else:
            source.set("file", copy.to_path)


def is_mirrored(disk: Element) -> bool:
    """A block job copies it elsewhere just now."""
    return disk.find("mirror") is not None


def backing(disk: Element) -> tuple[DiskKind, str]:
    """Where the bytes of a disk lie, or those of what is below it (`<backingStore>`)."""
    source, kind = disk.find("source"), disk.get("type", "")
    if source is None or not len(source.attrib):
        return DiskKind.EMPTY, ""
    if kind in _PATHS:
        found, name = _PATHS[kind]
        path = source.get(name, "")
        return (found, path) if path else (DiskKind.EMPTY, "")
    if kind == "volume":
        return DiskKind.VOLUME, f"{source.get('pool', '')}/{source.get('volume', '')}"
    if kind == "network":
        return DiskKind.NETWORK, _url(source)
    return DiskKind.OTHER, " ".join(f"{k}={v}" for k, v in sorted(source.attrib.items()))


def _url(source: Element) -> str:
    """A network disk's URL. Several hosts (Ceph's monitors) are joined with commas."""
    hosts = [
        f"{_bracketed(host.get('name') or host.get('socket') or '')}"
        + (f":{host.get('port')}" if host.get("port") else "")
        for host in source.iterfind("host")
    ]
    scheme = source.get("protocol", "") + ("s" if source.get("tls") == "yes" else "")
    url = f"{scheme}://{','.join(hosts)}/{quote(source.get('name', ''))}"
    with suppress(BadRequest):  # of another protocol than NBD, or a local socket
        return network_disk(url).url
    return url


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def network_source(url: str) -> Element:
    """The `<source>` of a network disk from its URL. Raises `BadRequest`."""
    disk = network_disk(url)
    source = etree.Element("source", protocol="nbd", name=disk.export)
    if disk.encrypted:
        source.set("tls", "yes")
    etree.SubElement(source, "host", name=disk.host, port=str(disk.port))
    return source
