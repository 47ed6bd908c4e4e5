"""A network volume by its URL, nbd://host:port/export: checked, and in one spelling.

Two URLs may name one volume (the port left out, a host in capitals). Whoever asks whether two disks
are the same compares `NetworkDisk.url`.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from openlpm.model.errors import BadRequest

NBD_PORT = 10809
BUSES = {"scsi": "sd", "virtio": "vd", "sata": "sd", "ide": "hd"}
"""What a disk may be plugged into, and how its name in the guest begins."""
MOST_DISKS = 26
"""Whose names in the guest begin alike: a letter each."""
_SCHEMES = ("nbd", "nbds")
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class NetworkDisk:
    """One export of an NBD server; `encrypted`: by TLS."""

    host: str
    port: int
    export: str
    encrypted: bool = False

    @property
    def url(self) -> str:
        """The one spelling of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "nbds" if self.encrypted else "nbd"
        return f"{scheme}://{host}:{self.port}/{quote(self.export)}"


def network_disk(url: str) -> NetworkDisk:
    """What a URL names. Raises `BadRequest`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, NBD_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise _bad_url(url, f"{error}.") from error
    if parts.scheme not in _SCHEMES or not host:
        raise _bad_url(url, "It names no NBD server.")
    if "@" in parts.netloc or parts.query or parts.fragment or not port:
        raise _bad_url(url, "It has a user, a query, a fragment or port 0, which no volume has.")
    export = unquote(parts.path.removeprefix("/"))
    if not url.isprintable() or not export.isprintable():
        raise _bad_url(url, "It contains control characters.")
    return NetworkDisk(host, port, export, parts.scheme == "nbds")


def checked_bus(bus: str) -> str:
    """Return `bus` if disks can be plugged into it."""
    if bus not in BUSES:
        raise BadRequest(
            "bad-disk-bus",
            f"{bus[:_LONGEST_SHOWN]!r} is no bus for disks.",
            remedy=f"Give one of {', '.join(BUSES)}.",
        )
    return bus


def _bad_url(url: str, cause: str) -> BadRequest:
    return BadRequest(
        "bad-disk",
        f"{url[:_LONGEST_SHOWN]!r} is no disk that servers can share.",
        cause=cause,
        remedy="Give the URL of a network volume, such as nbd://storage:10809/web1.",
    )
