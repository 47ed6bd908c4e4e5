"""Leases: the files in a shared folder that keep a partition from running twice.

A server has a lockspace when it has an active storage pool named `openlpm-leases` of type `dir`
on the folder DIR/SPACE that its lock daemon is told to use (docs/locking.md). Lease files are
volumes of that pool, made and removed through libvirt: nothing of ours runs on the servers.
The key of a partition's lease is its UUID.
"""

from pathlib import PurePosixPath

import libvirt
from lxml import etree

from openlpm.adapters.libvirt import pools
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.xml import Element, parse, text, to_text
from openlpm.model.storage import LEASES
from openlpm.model.system import Lockspace


def lockspace(connection: Connection) -> Lockspace | None:
    """The server's lockspace and its keys; None where there is no such pool.

    A pool that is there and cannot be read is an error: a partition made without a lease, because
    its folder happened not to be mounted, would have none for ever.
    """

    def read() -> tuple[str, list[str]] | None:
        with ignoring(libvirt.VIR_ERR_NO_STORAGE_POOL):
            pool = connection.raw.storagePoolLookupByName(LEASES)
            # Others add files to the folder: a pool sees them when it is refreshed.
            pools.refresh(pool)
            return pool.XMLDesc(), pool.listVolumes()
        return None

    found = connection.ask(f"list its leases (storage pool {LEASES})", read)
    if found is None:
        return None
    folder = PurePosixPath(text(parse(found[0], "pool"), "target/path"))
    return Lockspace(folder.name, str(folder.parent), frozenset(found[1]))


def lease_element(space: Lockspace, key: str) -> Element:
    """The `<lease>` of a domain."""
    lease = etree.Element("lease")
    etree.SubElement(lease, "lockspace").text = space.name
    etree.SubElement(lease, "key").text = key
    etree.SubElement(lease, "target", path=space.path)
    return lease


def make(connection: Connection, key: str) -> None:
    """Make the lease file: empty, and the lock daemon's alone."""
    volume = etree.Element("volume")
    etree.SubElement(volume, "name").text = key
    etree.SubElement(volume, "capacity").text = "0"
    target = etree.SubElement(volume, "target")
    etree.SubElement(target, "format", type="raw")
    etree.SubElement(etree.SubElement(target, "permissions"), "mode").text = "0600"

    def create() -> None:
        connection.raw.storagePoolLookupByName(LEASES).createXML(to_text(volume))

    connection.ask(f"make lease {key}", create)


def remove(connection: Connection, key: str) -> None:
    """Remove the lease file. Idempotent."""

    def delete() -> None:
        with ignoring(libvirt.VIR_ERR_NO_STORAGE_VOL, libvirt.VIR_ERR_NO_STORAGE_POOL):
            pool = connection.raw.storagePoolLookupByName(LEASES)
            pools.refresh(pool)
            pool.storageVolLookupByName(key).delete()

    connection.ask(f"remove lease {key}", delete)
