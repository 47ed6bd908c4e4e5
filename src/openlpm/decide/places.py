"""Where bytes lie: which pools of several systems are the same storage, by what they are.

A place is a text that names bytes the same way wherever they are seen from:

    nfs://10.8.0.1/srv/web         a folder of an NFS server; its files are below it
    rbd://mon1/images              a Ceph pool, by each of its monitors
    iscsi://10.8.0.1/iqn.2026:a    a target at its portal; its LUNs are below it
    wwn:600a0b80…, lv:UB1hqn-…     a LUN by its own number, a logical volume by its UUID

Two pools are the same storage when they have a place in common. A pool without any is local, as far
as can be proved. A host that is spelled in two ways (a name, an address) proves nothing, so what
must not be mistaken the other way round, as before a volume is deleted, asks for `vague` too: the
same places, whatever the host.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from posixpath import normpath
from urllib.parse import unquote

from openlpm.model.hardware import DiskKind
from openlpm.model.storage import Backing, Pool, Volume

# The scheme's own ports are as good as none. A Ceph monitor has two of them.
_PORTS = {
    "nfs": ("2049",),
    "rbd": ("6789", "3300"),
    "iscsi": ("3260",),
    "gluster": ("24007",),
    "cifs": ("445",),
    "sheepdog": ("7000",),
    "nbd": ("10809",),
    "nbds": ("10809",),
}
_MOUNTED = ("netfs", "fs")
_NETFS = {"": "nfs", "auto": "nfs", "nfs": "nfs", "glusterfs": "gluster", "cifs": "cifs"}
_URL = re.compile(r"([a-z]+)://([^/]*)/(.*)", re.DOTALL)
_LV = re.compile(r"[A-Za-z0-9]{6}(-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}")
# SCSI's page 0x83: type 3 is a WWN, type 2 an EUI-64; other types are the maker's own words.
_WWN = re.compile(r"(?:3|wwn-0x|scsi-3|dm-uuid-mpath-3|2)([0-9a-f]{16}|[0-9a-f]{32})")
_DEVICES = ("/dev/disk/by-id/", "/dev/mapper/")
_UNIT = "unit:0:0:"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a pool is. `places`: each of them alone proves it; `below`: those that volumes are named
    under; `vague`: the latter without their hosts. `reason` is for people."""

    places: frozenset[str]
    below: frozenset[str]
    vague: frozenset[str]
    reason: str

    @property
    def shared(self) -> bool:
        """Other systems can reach it."""
        return bool(self.places)


def identity(pool: Pool, beside: Sequence[Pool] = ()) -> Identity:
    """What `pool` is; `beside`: all pools of the same system."""
    below, reason = _below(pool, beside)
    uniques = {unique for key in (*pool.keys, *pool.source.devices) if (unique := numbered(key))}
    if uniques and not below:
        what = "logical volumes' UUIDs" if pool.kind == "logical" else "LUNs' own numbers"
        reason = f"It is known by its {what}."
    return Identity(below | uniques, below, frozenset(map(_hostless, below)), reason)


def _below(pool: Pool, beside: Sequence[Pool]) -> tuple[frozenset[str], str]:
    """The places under which its volumes are named, and why these, or why none."""
    source = pool.source
    if pool.kind == "netfs":
        scheme = _NETFS.get(source.format, source.format)
        return _reached(scheme, source.hosts, source.folder)
    if pool.kind == "gluster":
        return _reached("gluster", source.hosts, f"{source.name}/{source.folder}")
    if pool.kind in ("iscsi", "iscsi-direct"):
        return _reached("iscsi", source.hosts, next(iter(source.devices), ""))
    if pool.kind in ("rbd", "sheepdog"):
        return _reached(pool.kind, source.hosts, source.name)
    if pool.kind == "vstorage":
        return frozenset((f"vstorage://{_path(source.name)}",)), "It is a cluster, by its name."
    if pool.kind == "dir":
        for other in innermost(pool.path, [each for each in beside if each.kind in _MOUNTED]):
            rest = _within(pool.path, other.path) or ""
            if found := frozenset(_joined(place, rest) for place in _below(other, ())[0]):
                return found, f"It is a folder of pool {other.name}, which is on the network."
    return frozenset(), "It is this system's own, as far as can be proved."


def _reached(scheme: str, hosts: Sequence[str], path: str) -> tuple[frozenset[str], str]:
    known = [host for each in hosts if (host := _host(each, scheme))]
    if not known or not _path(path).strip("/"):
        return frozenset(), "Its source names no host that means the same on each system."
    found = frozenset(f"{scheme}://{host}{_path(path)}" for host in known)
    return found, f"It is {sorted(found)[0]}."


def _host(text: str, scheme: str) -> str:
    """One spelling of a host; "" for one that each system understands in its own way."""
    name, port = _split(text.strip().lower().rstrip("."))
    try:
        address = ip_address(name)
    except ValueError:
        if not name or name == "localhost" or name.startswith("localhost."):
            return ""
    else:
        if address.is_loopback or address.is_link_local or address.is_unspecified:
            return ""
        name = f"[{address}]" if address.version == 6 else str(address)
    usual = not port or port in _PORTS.get(scheme, ())
    return name.rstrip(".") if usual else f"{name}:{port}"


def _split(text: str) -> tuple[str, str]:
    """Host and port. An IPv6 address is in brackets."""
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = text.partition(":")
    return name, port


def _path(text: str) -> str:
    """One spelling of a path: absolute, without doubled slashes and dots."""
    return "" if not text else f"/{normpath('/' + text).lstrip('/')}"


def _within(path: str, folder: str) -> str | None:
    """The rest of `path` below `folder`, "" for the folder itself; None where it is elsewhere."""
    path, folder = _path(path), _path(folder).rstrip("/")
    if not folder or not (path == folder or path.startswith(f"{folder}/")):
        return None
    return path[len(folder) + 1 :]


def innermost(path: str, pools: Sequence[Pool]) -> list[Pool]:
    """The pools that have a file: an inner mount hides what an outer one has at that path."""
    around = [pool for pool in pools if _within(path, pool.path) is not None]
    deepest = max((len(_path(pool.path)) for pool in around), default=0)
    return [pool for pool in around if len(_path(pool.path)) == deepest]


def _joined(place: str, name: str) -> str:
    return f"{place.rstrip('/')}/{name}" if name else place


def _hostless(place: str) -> str:
    return re.sub(r"\A([a-z]+)://[^/]*", r"\1:", place)


def numbered(text: str) -> str:
    """The place of something that has a number of its own in all the world; "" for others.

    `text`: libvirt's key of a volume, or a device's path.
    """
    if _LV.fullmatch(text):
        return f"lv:{text}"
    for folder in _DEVICES:
        text = text.removeprefix(folder)
    found = _WWN.fullmatch(text.partition("_PORT")[0])
    return f"wwn:{found[1]}" if found else ""


def of_volume(system: str, pool: Pool, volume: Volume, known: Identity) -> frozenset[str]:
    """Every place of a volume, those that only its own system knows included."""
    own = {f"{system} volume {pool.name}/{volume.name}"}
    if volume.path.startswith("/"):
        own.add(f"{system} path {_path(volume.path)}")
    own |= {unique for key in (volume.key, volume.path) if (unique := numbered(key))}
    return frozenset(own | {_joined(place, volume.name) for place in known.below})


def of_backing(
    system: str, backing: Backing, pools: Iterable[tuple[Pool, Identity]]
) -> frozenset[str]:
    """The same of what a disk refers to, by the pools of its system."""
    source = backing.source
    if backing.kind is DiskKind.NETWORK:
        return _of_url(source)
    if backing.kind is DiskKind.VOLUME:
        pool_name, _, volume = source.partition("/")
        found = {f"{system} volume {source}"}
        for pool, known in pools:
            if pool.name == pool_name:
                found |= {_joined(place, volume) for place in known.below}
                found |= {f"{system} path {_joined(_path(pool.path), volume)}"}
        return frozenset(found)
    if not source.startswith("/"):
        return frozenset()
    found = {f"{system} path {_path(source)}"} | {n for n in (numbered(source),) if n}
    for pool, known in pools:
        if rest := _within(source, pool.path):
            found |= {_joined(place, rest) for place in known.below}
    return frozenset(found)


def name_in(system: str, places: Iterable[str], pool: Pool, known: Identity) -> str:
    """What lies at `places` by its name in a pool of `system`; "" where it is not in it."""
    above = {f"{system} volume {pool.name}/", *(f"{each.rstrip('/')}/" for each in known.below)}
    if pool.path.startswith("/"):
        above.add(f"{system} path {_path(pool.path).rstrip('/')}/")
    found = {
        place.removeprefix(each) for each in above for place in places if place.startswith(each)
    }
    return min(found - {""}, default="")


def _of_url(url: str) -> frozenset[str]:
    """A network disk, by each of its hosts. A LUN's number is the name that libvirt gives it."""
    found = _URL.fullmatch(url)
    if found is None:
        return frozenset()
    scheme, hosts, path = found[1], found[2].split(","), unquote(found[3])
    if scheme == "iscsi":
        target, _, number = path.rpartition("/")
        path = f"{target}/{_UNIT}{number}" if target else f"{path}/{_UNIT}0"
    known = {_host(host, scheme) for host in hosts} - {""}
    spelled = _path(path)
    # No host of its own, as Ceph's from the server's ceph.conf: known by its vague place alone.
    return frozenset(f"{scheme}://{host}{spelled}" for host in known or {""})


def vague(places: Iterable[str]) -> frozenset[str]:
    """The same places whatever the host; those of one system alone are left out."""
    return frozenset(_hostless(place) for place in places if _URL.match(place))


def files(places: Iterable[str]) -> frozenset[str]:
    """The paths of files among places, whichever system they are on: a folder may be mounted on
    several by other means than a pool, and nothing tells. Devices are each system's own."""
    found = (place.partition(" path ")[2] for place in places)
    return frozenset(path for path in found if path and not path.startswith("/dev/"))
