"""The processors of all partitions of a server: what they run with, and what is stored for them.

Far cheaper than `describe`, which asks the QEMU of each: a baseline looks at all partitions of
several servers at once.
"""

from collections.abc import Iterator
from dataclasses import replace

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.cpu_xml import guest_cpu
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.look import place
from openlpm.adapters.libvirt.probe_name import is_probe
from openlpm.adapters.libvirt.xml import MOST_NAME
from openlpm.model.errors import BadRequest
from openlpm.model.processor import PartitionCpu


def partition_cpus(connection: Connection) -> list[PartitionCpu]:
    """Of every domain but our own probes."""

    def read() -> Iterator[PartitionCpu]:
        for domain in connection.raw.listAllDomains():
            # It may vanish between the list and the look at it.
            with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
                if not is_probe(domain.name()):
                    yield _of(connection.name, domain)

    return connection.ask("tell its partitions' processors", lambda: list(read()))


def _of(system: str, domain: libvirt.virDomain) -> PartitionCpu:
    """A definition that cannot be read is trouble of that partition only."""
    here = place(*domain.state())
    present = domain.XMLDesc() if here.alive else None
    stored = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) if domain.isPersistent() else None
    found = PartitionCpu(domain.UUIDString(), domain.name()[:MOST_NAME], system, here.state)
    try:
        return replace(
            found,
            present=None if present is None else guest_cpu(present),
            stored=None if stored is None else guest_cpu(stored),
        )
    except BadRequest as error:
        return replace(found, trouble=error.cause)
