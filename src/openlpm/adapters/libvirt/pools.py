"""Storage pools and their volumes, as libvirt's storage API tells them.

To look refreshes nothing: a refresh that fails makes libvirt take the pool out of service. So what
is told is what libvirt saw last, at the pool's start, its last refresh (`refresh`) or its last
change.
"""

import time
from collections.abc import Iterator
from itertools import islice

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import ignoring, said
from openlpm.adapters.libvirt.xml import MOST_NAME, Element, attribute, number, parse, text
from openlpm.model.errors import BadRequest, Gone
from openlpm.model.storage import Pool, PoolSource, Volume
from openlpm.ports import MOST_VOLUMES

_KEYED = ("logical", "scsi", "mpath", "iscsi")
_MOST_HOSTS = 64
_BUSY = "has asynchronous jobs running"
_TRIES, _REST_S = 40, 0.05


def pools(connection: Connection) -> list[Pool]:
    """Every pool; one that cannot be read hides no other."""

    def read() -> Iterator[tuple[str, bool, str, tuple[str, ...]]]:
        for pool in connection.raw.listAllStoragePools():
            # It may vanish between the list and the look at it.
            with ignoring(libvirt.VIR_ERR_NO_STORAGE_POOL):
                xml, active = pool.XMLDesc(), bool(pool.isActive())
                yield pool.name()[:MOST_NAME], active, xml, _keys(pool, xml) if active else ()

    listed = connection.ask("list its storage pools", lambda: list(read()))
    return [read_pool(name, xml, active=active, keys=keys) for name, active, xml, keys in listed]


def _keys(pool: libvirt.virStoragePool, xml: str) -> tuple[str, ...]:
    """One round trip: libvirt sends names and keys with the list."""
    if not any(f"<pool type='{kind}'" in xml for kind in _KEYED):
        return ()
    return tuple(volume.key() for volume in islice(pool.listAllVolumes(), MOST_VOLUMES))


def read_pool(name: str, xml: str, *, active: bool = True, keys: tuple[str, ...] = ()) -> Pool:
    """From its XML; of one that cannot be read, its name and why."""
    try:
        root = parse(xml, "pool")
        return Pool(
            name=name,
            kind=root.get("type", ""),
            uuid=text(root, "uuid"),
            active=active,
            path=text(root, "target/path"),
            source=_source(root),
            capacity_bytes=_size(root, "capacity"),
            allocation_bytes=_size(root, "allocation"),
            available_bytes=_size(root, "available"),
            keys=keys,
        )
    except BadRequest as error:
        return Pool(name, "", active=active, trouble=error.cause)


def _source(pool: Element) -> PoolSource:
    adapter = pool.find("source/adapter")
    return PoolSource(
        hosts=tuple(map(_host, islice(pool.iterfind("source/host"), _MOST_HOSTS))),
        name=text(pool, "source/name"),
        folder=attribute(pool, "source/dir", "path"),
        devices=tuple(
            each.get("path", "") for each in islice(pool.iterfind("source/device"), _MOST_HOSTS)
        ),
        format=attribute(pool, "source/format", "type"),
        adapter=(adapter.get("name") or adapter.get("wwpn") or "") if adapter is not None else "",
    )


def _host(host: Element) -> str:
    name, port = host.get("name", ""), host.get("port", "")
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"{name}:{port}" if port not in ("", "0") else name


def _size(parent: Element, name: str) -> int:
    """libvirt tells sizes in bytes."""
    return number(text(parent, name), "size")


def volumes(connection: Connection, pool: str) -> list[Volume]:
    """The volumes of one pool."""

    def read() -> list[tuple[str, str]]:
        found = find_pool(connection, pool)
        told: list[tuple[str, str]] = []
        for volume in islice(found.listAllVolumes(), MOST_VOLUMES):
            with ignoring(libvirt.VIR_ERR_NO_STORAGE_VOL):
                told.append((volume.name(), volume.XMLDesc()))
        return told

    listed = connection.ask(f"list the volumes of pool {pool}", read)
    return [read_volume(name[:MOST_NAME], xml) for name, xml in listed]


def refresh(pool: libvirt.virStoragePool) -> None:
    """To be called within `ask`: let libvirt look into an active pool anew.

    It refuses while somebody makes a volume there, and has no event for the end of that.
    """
    for _ in range(_TRIES):
        try:
            pool.refresh()
        except libvirt.libvirtError as error:
            if _BUSY not in said(error):
                raise
            time.sleep(_REST_S)
        else:
            return
    pool.refresh()


def find_pool(connection: Connection, name: str) -> libvirt.virStoragePool:
    """To be called within `ask`. Raises `Gone`."""
    with ignoring(libvirt.VIR_ERR_NO_STORAGE_POOL):
        return connection.raw.storagePoolLookupByName(name)
    raise Gone(
        "no-such-pool",
        f"{connection.name} has no storage pool {name!r}.",
        remedy=f"lpm storage pools {connection.name} shows all.",
    )


def find_volume(connection: Connection, pool: str, name: str) -> libvirt.virStorageVol:
    """The same of a volume."""
    found = find_pool(connection, pool)
    with ignoring(libvirt.VIR_ERR_NO_STORAGE_VOL):
        return found.storageVolLookupByName(name)
    raise Gone(
        "no-such-volume",
        f"{connection.name} has no volume {name!r} in pool {pool!r}.",
        remedy=f"lpm storage volumes {pool} shows all.",
    )


def read_volume(name: str, xml: str) -> Volume:
    """From its XML; of one that cannot be read, the name."""
    try:
        root = parse(xml, "volume")
        return Volume(
            name=name,
            path=text(root, "target/path"),
            key=text(root, "key"),
            kind=root.get("type", ""),
            format=attribute(root, "target/format", "type"),
            capacity_bytes=_size(root, "capacity"),
            allocation_bytes=_size(root, "allocation"),
            backing=text(root, "backingStore/path"),
        )
    except BadRequest:
        return Volume(name)
