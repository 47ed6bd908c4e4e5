"""The disks of a domain's XML, and a disk's source as XML: both directions in one place."""

from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from lxml import etree

from openlpm.adapters.libvirt.xml import Element, attribute
from openlpm.model.errors import BadRequest
from openlpm.model.hardware import DiskKind, VirtualDisk

_PATHS = {"file": (DiskKind.FILE, "file"), "block": (DiskKind.BLOCK, "dev")}
_NBD_PORT = 10809


def disks(domain: Element) -> Iterator[VirtualDisk]:
    """Every disk, CD drive and floppy."""
    for disk in domain.iterfind("devices/disk"):
        kind, source = _backing(disk)
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
        )


def is_mirrored(disk: Element) -> bool:
    """A block job copies it elsewhere just now."""
    return disk.find("mirror") is not None


def _backing(disk: Element) -> tuple[DiskKind, str]:
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
    return f"{scheme}://{','.join(hosts)}/{quote(source.get('name', ''))}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def network_source(url: str) -> Element:
    """The `<source>` of an NBD disk from its URL, nbd://host:port/export (nbds: with TLS)."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _NBD_PORT
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if parts.scheme not in ("nbd", "nbds") or not host:
        raise _bad_url(url, "It names no NBD server.")
    export = unquote(parts.path.removeprefix("/"))
    if not url.isprintable() or not export.isprintable():
        raise _bad_url(url, "It contains control characters.")
    source = etree.Element("source", protocol="nbd", name=export)
    if parts.scheme == "nbds":
        source.set("tls", "yes")
    etree.SubElement(source, "host", name=host, port=str(port))
    return source


def _bad_url(url: str, cause: str) -> BadRequest:
    return BadRequest(
        "bad-disk",
        f"{url!r} is no disk that servers can share.",
        cause=cause,
        remedy="Give the URL of a network volume, such as nbd://storage:10809/web1.",
    )
