"""An assignment in the definition of a partition that is off, and its start.

What activation does not decide stays as it is: the definition is changed in place, not made anew.
A partition that does not start has the definition again that it had.
"""

from collections.abc import Sequence

import libvirt
from lxml import etree

from openlpm.adapters.libvirt import cputune, profiles, sizes, undone
from openlpm.adapters.libvirt.compose import Platform, processor
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.division import NO_CONTROLLER, divides
from openlpm.adapters.libvirt.metadata import put_mark
from openlpm.adapters.libvirt.plug import plug
from openlpm.adapters.libvirt.xml import Element, parse, to_text
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Conflict, HypervisorRefused, OpenLpmError
from openlpm.model.partition import Mark
from openlpm.model.profile import BootDevice, Profiles

_STORED = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_INACTIVE
_BOOT = {BootDevice.DISK: "hd", BootDevice.NETWORK: "network", BootDevice.CDROM: "cdrom"}


def activate(
    connection: Connection,
    uuid: str,
    platform: Platform,
    *,
    wanted: Assignment,
    mark: Mark,
    kept: Profiles,
) -> bool:
    """Define and start. False: it runs, but this server cannot divide processor time.

    Raises `Conflict` where its definition cannot take it, `HypervisorRefused` where it does not
    start; then its definition is as it was.
    """
    before, has_saved_memory = connection.ask(
        "give the partition's definition",
        lambda: _stored(connection.domain(uuid), connection.name),
    )
    if has_saved_memory:
        raise _saved(connection.name, uuid)
    domain = parse(before, "domain")
    apply(domain, platform, wanted)
    put_mark(domain, mark)
    profiles.put(domain, kept)
    try:
        return _started(connection, uuid, domain)
    except BaseException:
        _restore(connection, uuid, before)
        raise


def _stored(domain: libvirt.virDomain, system: str) -> tuple[str, bool]:
    """Of one that is off: libvirt would take a new definition of a running one, too."""
    if domain.isActive():
        raise Conflict(
            "wrong-state",
            f"The partition is active on {system}.",
            cause="It must be off for this.",
            remedy="lpm partition show tells its state.",
        )
    return domain.XMLDesc(_STORED), bool(domain.hasManagedSaveImage())


def _saved(system: str, uuid: str) -> Conflict:
    return Conflict(
        "memory-saved",
        f"The partition's memory was saved on {system}: it would go on with what it had then.",
        cause="`virsh managedsave` did that.",
        remedy=f"Let it go on there (virsh start {uuid}), or throw that memory away "
        f"(virsh managedsave-remove {uuid}).",
    )


def _started(connection: Connection, uuid: str, domain: Element) -> bool:
    """libvirt refuses where its control groups lack the controller; without any, it is silent."""
    try:
        _define_and_start(connection, uuid, domain)
    except HypervisorRefused as error:
        if NO_CONTROLLER not in error.cause or not cputune.remove(domain):
            raise
        _define_and_start(connection, uuid, domain)
        return False
    return connection.ask("tell how it divides time", lambda: divides(connection.domain(uuid)))


def _define_and_start(connection: Connection, uuid: str, domain: Element) -> None:
    definition = to_text(domain)

    def define() -> None:
        connection.domain(uuid)  # raises `Gone`: what has moved away is not defined here again
        connection.raw.defineXML(definition)

    connection.ask("define the partition", define)
    connection.ask("activate the partition", lambda: connection.domain(uuid).create())


def _restore(connection: Connection, uuid: str, before: str) -> None:
    """Unless it runs after all: then what was written is what it runs with."""

    def restore() -> None:
        if not connection.domain(uuid).isActive():
            connection.raw.defineXML(before)

    try:
        connection.ask("define the partition", restore)
    except OpenLpmError:
        return  # the first error tells more; what is defined is whole, and can be activated


def apply(domain: Element, platform: Platform, wanted: Assignment) -> None:
    """Change a definition. Raises `Conflict` where it cannot be changed so."""
    sizes.put(domain, wanted)
    cputune.put(domain, wanted)
    if wanted.cpu_model:
        undone.keep_processor(domain)
        processor(domain, wanted.cpu_model, platform)
    else:
        undone.give_back_processor(domain)
    plug(domain, wanted, platform.switches)
    sizes.put_spare_slots(domain)
    if wanted.boot:
        undone.keep_order(domain)
        _boot(domain, wanted.boot)
    else:
        undone.give_back_order(domain)


def _boot(domain: Element, devices: Sequence[BootDevice]) -> None:
    undone.remove_order(domain)
    os = domain.find("os")
    if os is not None:
        for device in devices:
            etree.SubElement(os, "boot", dev=_BOOT[device])
