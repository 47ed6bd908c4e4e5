"""The partitions of a server, and what one of them holds.

One hostile or odd definition must not hide the others: where it, or our mark in it, cannot be
read, the domain is listed as one that others made.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import replace

import libvirt

from openlpm.adapters.libvirt.arrival import not_run_here
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.domain_xml import (
    agent_state,
    current_mib,
    hardware,
    identity,
    mac_addresses,
    memory_mib,
    network_disks_written,
    processors,
)
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.look import place
from openlpm.adapters.libvirt.metadata import read_mark
from openlpm.adapters.libvirt.pools import pools
from openlpm.adapters.libvirt.probe_name import is_probe
from openlpm.adapters.libvirt.profiles import are_kept
from openlpm.adapters.libvirt.xml import MOST_NAME, Element, bad_xml, parse, text
from openlpm.decide.same_disk import IN_POOLS, is_shared
from openlpm.model.errors import BadRequest, Gone
from openlpm.model.hardware import DiskKind, Hardware, VirtualDisk
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.sight import Place, Sight

_log = logging.getLogger(__name__)
_MOST_WARNED = 1000
_warned: dict[tuple[str, str], str] = {}


def partitions(connection: Connection) -> list[Partition]:
    """Every domain but our own probes."""
    return connection.ask(
        "list its partitions",
        # Read one by one: of thousands of long definitions, one at a time is in memory.
        lambda: [
            _partition(connection.name, xml, state, name, uuid)
            for uuid, name, state, xml in _domains(connection.raw)
        ],
    )


def partition(connection: Connection, uuid: str) -> Partition | None:
    """One of them; our own probes are none."""

    def read() -> tuple[str, Place, str]:
        domain = connection.domain(uuid)
        return domain.name(), place(*domain.state()), domain.XMLDesc()

    try:
        name, state, xml = connection.ask("describe the partition", read)
    except Gone:
        return None
    return None if is_probe(name) else _partition(connection.name, xml, state, name, uuid)


def _domains(raw: libvirt.virConnect) -> Iterator[tuple[str, str, Place, str]]:
    for domain in raw.listAllDomains():
        name = domain.name()
        # A domain may vanish between the list and the look at it.
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
            if not is_probe(name):
                yield domain.UUIDString(), name, place(*domain.state()), domain.XMLDesc()


def _partition(system: str, xml: str, state: Place, name: str, uuid: str) -> Partition:
    try:
        return _read(system, parse(xml, "domain"), state, uuid)
    except BadRequest as error:
        name = name[:MOST_NAME]
        _warn(system, uuid, f"cannot read the definition of {name!r}: {error.cause}")
        return Partition(uuid, name, system, state.state, state.why, 0, 0, seen_at=time.time())


def _mark(system: str, uuid: str, domain: Element) -> Mark | None:
    """One that cannot be read is none of ours; what the domain holds counts all the same."""
    try:
        return read_mark(domain)
    except BadRequest as error:
        _warn(system, uuid, f"cannot read the mark of {text(domain, 'name')!r}: {error.cause}")
        return None


def _warn(system: str, uuid: str, trouble: str) -> None:
    """Once: partitions are listed every few seconds."""
    if _warned.get((system, uuid)) == trouble:
        return
    if len(_warned) >= _MOST_WARNED:
        _warned.clear()
    _warned[system, uuid] = trouble
    _log.warning("%s: %s", system, trouble)


def _read(system: str, domain: Element, state: Place, expected: str) -> Partition:
    uuid, name = identity(domain)
    if uuid != expected:
        raise bad_xml(f"It is that of another one, {uuid}.")
    agent = agent_state(domain)
    rmc = Rmc.NONE if agent is None else Rmc.INACTIVE
    if agent == "connected" and state.state is Sight.RUNNING:
        rmc = Rmc.ACTIVE
    return Partition(
        uuid=uuid,
        name=name,
        system=system,
        state=state.state,
        why=state.why,
        processors=processors(domain),
        # With profiles, only we change what its guest has of it (resize.py), within what is free.
        memory_mib=current_mib(domain) if are_kept(domain) else memory_mib(domain),
        mark=_mark(system, uuid, domain),
        rmc=rmc,
        seen_at=time.time(),
        writes=network_disks_written(domain),
        macs=mac_addresses(domain),
    )


def describe(connection: Connection, uuid: str) -> Hardware:
    """The definition as it runs (or would), and what libvirt keeps beside it."""

    def read() -> Hardware:
        domain = connection.domain(uuid)
        found = hardware(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
        return replace(
            found,
            not_run_here=not_run_here(domain),
            disks=_with_shared(connection, found.disks),
            snapshots=domain.snapshotNum(),
            checkpoints=len(domain.listAllCheckpoints()),
            managed_save=bool(domain.hasManagedSaveImage()),
            block_jobs=_block_jobs(domain, found),
        )

    return connection.ask("describe the partition", read)


def _block_jobs(domain: libvirt.virDomain, found: Hardware) -> tuple[str, ...]:
    """Copies show in the XML; pulls and commits only when asked about, which needs its QEMU."""
    asked = found.disks if domain.isActive() else ()
    backed = [disk.target for disk in asked if disk.kind is not DiskKind.EMPTY]
    working = [target for target in backed if domain.blockJobInfo(target)]
    return tuple(sorted({*found.block_jobs, *working}))


def _with_shared(connection: Connection, disks: tuple[VirtualDisk, ...]) -> tuple[VirtualDisk, ...]:
    """Files and volumes that lie in a pool which other systems can reach are marked so."""
    if not any(disk.kind in IN_POOLS for disk in disks):
        return disks
    found = pools(connection)
    return tuple(replace(disk, on_shared_storage=is_shared(disk, found)) for disk in disks)
