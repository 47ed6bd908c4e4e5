"""Changing volumes: make one, enlarge one, remove one. Whether that may be is decided before."""

import libvirt
from lxml import etree

from openlpm.adapters.libvirt import pools
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.pools import find_pool, find_volume, read_volume
from openlpm.adapters.libvirt.xml import to_text
from openlpm.model.errors import AlreadyExists
from openlpm.model.storage import Volume

CHANGE_S = 120.0
"""Storage that is asked to make or remove a large volume takes its time."""


def refresh(connection: Connection, pool: str) -> None:
    """Look into an active pool anew; an inactive one has nothing to look into."""

    def look() -> None:
        found = find_pool(connection, pool)
        if found.isActive():
            pools.refresh(found)

    connection.ask(f"refresh storage pool {pool}", look, seconds=CHANGE_S)


def create(connection: Connection, pool: str, wanted: Volume) -> Volume:
    """Make it; its blocks are allocated as they are written, where the pool can do that."""
    root = etree.Element("volume")
    etree.SubElement(root, "name").text = wanted.name
    etree.SubElement(root, "capacity", unit="bytes").text = str(wanted.capacity_bytes)
    etree.SubElement(root, "allocation", unit="bytes").text = "0"
    if wanted.format:
        target = etree.SubElement(root, "target")
        etree.SubElement(target, "format", type=wanted.format)

    def make() -> str:
        found = find_pool(connection, pool)
        try:
            return found.createXML(to_text(root)).XMLDesc()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_STORAGE_VOL_EXIST:
                raise
            raise AlreadyExists(
                "volume-exists",
                f"Pool {pool} on {connection.name} has a volume {wanted.name!r} already.",
                remedy="Choose another name.",
            ) from error

    made = connection.ask(f"make volume {wanted.name}", make, seconds=CHANGE_S)
    return read_volume(wanted.name, made)


def grow(connection: Connection, pool: str, name: str, capacity_bytes: int) -> None:
    """Enlarge it; libvirt refuses to make it smaller."""
    connection.ask(
        f"enlarge volume {name}",
        lambda: find_volume(connection, pool, name).resize(capacity_bytes),
        seconds=CHANGE_S,
    )


def grow_disk(connection: Connection, uuid: str, target: str, capacity_bytes: int) -> None:
    """By its QEMU, which has it open: it enlarges the backing and tells the guest."""
    flags = libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES
    connection.ask(
        f"enlarge disk {target}",
        lambda: connection.domain(uuid).blockResize(target, capacity_bytes, flags),
    )


def delete(connection: Connection, pool: str, name: str) -> None:
    """Remove it for good."""
    connection.ask(
        f"remove volume {name}",
        lambda: find_volume(connection, pool, name).delete(),
        seconds=CHANGE_S,
    )
