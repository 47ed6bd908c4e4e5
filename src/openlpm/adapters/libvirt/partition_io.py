"""The virtual adapters of all partitions of a server, and everything that their disks refer to.

A partition that is off refers to what it is defined with, one that runs to what it runs with and to
what it is defined with; both to what their profiles name. Far cheaper than `describe`, which asks
the QEMU of each.
"""

from collections.abc import Iterator
from dataclasses import replace

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.disk_xml import backing, disks
from openlpm.adapters.libvirt.domain_xml import ethernets
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.look import place
from openlpm.adapters.libvirt.probe_name import is_probe
from openlpm.adapters.libvirt.profiles import read_kept
from openlpm.adapters.libvirt.xml import MOST_NAME, Element, attribute, parse
from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.hardware import DiskKind
from openlpm.model.profile import DiskAdapter
from openlpm.model.storage import Backing, PartitionIo


def partition_io(connection: Connection) -> list[PartitionIo]:
    """Of every domain but our own probes."""

    def read() -> Iterator[PartitionIo]:
        for domain in connection.raw.listAllDomains():
            # It may vanish between the list and the look at it.
            with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
                if not is_probe(domain.name()):
                    yield _of(connection.name, domain)

    return connection.ask("tell its partitions' adapters", lambda: list(read()))


def _of(system: str, domain: libvirt.virDomain) -> PartitionIo:
    here = place(*domain.state())
    told = PartitionIo(domain.UUIDString(), domain.name()[:MOST_NAME], system, here.state)
    definitions = {"runs": domain.XMLDesc()} if here.alive else {}
    if domain.isPersistent():
        definitions["defined"] = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    for how, xml in definitions.items():
        try:
            told = _with(told, how, parse(xml, "domain"), first=how == next(iter(definitions)))
        except BadRequest as error:
            told = replace(told, trouble=error.cause)
    return told


def _with(told: PartitionIo, how: str, domain: Element, *, first: bool) -> PartitionIo:
    """With what one of its definitions says; the first of them is what is shown."""
    if first:
        told = replace(told, disks=tuple(disks(domain)), ethernets=tuple(ethernets(domain)))
    found = [*told.backings, *_backings(domain, how)]
    try:
        kept = read_kept(domain)
    except Conflict as error:
        return replace(told, backings=tuple(found), trouble=error.cause)
    found += [
        Backing(f"profile {profile.name}", DiskKind.NETWORK, adapter.key, "profile")
        for profile in (kept.each if kept else ())
        for adapter in profile.adapters
        if isinstance(adapter, DiskAdapter)
    ]
    return replace(told, backings=tuple(dict.fromkeys(found)))


def _backings(domain: Element, how: str) -> Iterator[Backing]:
    """Of each disk, and of all that lies below it or is copied from it."""
    for disk in domain.iterfind("devices/disk"):
        target = attribute(disk, "target", "dev")
        for each in disk.iter("disk", "backingStore", "mirror"):
            kind, source = backing(each)
            if source:
                yield Backing(target, kind, source, how, behind=each is not disk)
