"""A partition's stored definition: made, given to another host, marked, removed.

What fails half way leaves nothing: a lease file made for a definition that libvirt refuses is
removed again.
"""

from collections.abc import Sequence
from uuid import uuid4

import libvirt
from lxml import etree

from openlpm.adapters.libvirt import lease, lost_writes, profiles
from openlpm.adapters.libvirt.compose import Platform, compose
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.domain_xml import hardware
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.facts import Capabilities, switches
from openlpm.adapters.libvirt.metadata import NAMESPACE, PREFIX, mark_element, with_mark
from openlpm.adapters.libvirt.profiles import profiles_element, read_kept
from openlpm.adapters.libvirt.xml import Element, parse, to_text
from openlpm.model.errors import AlreadyExists, HypervisorRefused
from openlpm.model.partition import Mark, PartitionSpec
from openlpm.model.profile import Profiles

# With these, libvirt gives all of the definition (secrets too) in the form made for other hosts.
EXPORTED = libvirt.VIR_DOMAIN_XML_SECURE | libvirt.VIR_DOMAIN_XML_MIGRATABLE
_ALL_OF_IT = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)


def create(
    connection: Connection,
    capabilities: Capabilities,
    spec: PartitionSpec,
    mark: Mark,
    kept: Profiles | None,
) -> str:
    """Define a new partition; its UUID."""
    uuid = str(uuid4())
    platform = platform_of(connection, capabilities)
    definition = compose(uuid, spec, mark, platform, kept)
    _refuse_taken_name(connection, spec.name)
    if platform.lockspace is not None:
        lease.make(connection, uuid)
    try:
        define(connection, definition)
    except BaseException:
        if platform.lockspace is not None:
            lease.remove(connection, uuid)
        raise
    return uuid


def platform_of(connection: Connection, capabilities: Capabilities) -> Platform:
    """What this server gives to partitions."""
    accelerator = capabilities.accelerator
    version = connection.ask("tell its version", connection.raw.getVersion)
    return Platform(
        arch=capabilities.arch,
        hypervisor=accelerator.hypervisor,
        machine=capabilities.stable_machine(),
        cpu_model=accelerator.cpu_model,
        cpu_models=accelerator.cpu_models,
        switches=switches(connection),
        lockspace=lease.lockspace(connection),
        guards_memory=lost_writes.is_needed(accelerator.hypervisor, version),
    )


def _refuse_taken_name(connection: Connection, name: str) -> None:
    """libvirt would say so too, in words of UUIDs."""
    names = connection.ask(
        "list its partitions", lambda: {d.name() for d in connection.raw.listAllDomains()}
    )
    if name in names:
        raise AlreadyExists(
            "name-taken",
            f"{connection.name} has a partition named {name!r} already.",
            remedy="Choose another name.",
        )


def define(connection: Connection, definition: str) -> None:
    """Define, or define again: libvirt takes the same UUID and name as an update."""
    connection.ask("define the partition", lambda: connection.raw.defineXML(definition))


def exported(connection: Connection, uuid: str, mark: Mark) -> str:
    """The stored definition for another host."""
    flags = EXPORTED | libvirt.VIR_DOMAIN_XML_INACTIVE
    xml = connection.ask(
        "give the partition's definition", lambda: connection.domain(uuid).XMLDesc(flags)
    )
    return with_mark(xml, mark)


def write_mark(connection: Connection, uuid: str, mark: Mark) -> None:
    """Into the running and the stored definition, whichever there are."""
    _write(connection, uuid, mark_element(mark), PREFIX, NAMESPACE)


def write_profiles(connection: Connection, uuid: str, kept: Profiles) -> None:
    """The same, beside the mark."""
    _write(connection, uuid, profiles_element(kept), profiles.PREFIX, profiles.NAMESPACE)


def _write(
    connection: Connection, uuid: str, element: Element, prefix: str, namespace: str
) -> None:
    # libvirt adds prefix and namespace itself, and refuses an element that has them already.
    for part in element.iter():
        part.tag = etree.QName(part).localname
    etree.cleanup_namespaces(element)
    _put(connection, uuid, ((to_text(element), prefix, namespace),))


def remove_mark(connection: Connection, uuid: str) -> None:
    """And the profiles: nothing of ours stays in its metadata."""
    ours = ((PREFIX, NAMESPACE), (profiles.PREFIX, profiles.NAMESPACE))
    _put(connection, uuid, [(None, prefix, namespace) for prefix, namespace in ours])


def _put(
    connection: Connection, uuid: str, elements: Sequence[tuple[str | None, str, str]]
) -> None:
    """Each with its prefix and namespace; None removes what is there."""

    def write() -> None:
        domain = connection.domain(uuid)
        flags = libvirt.VIR_DOMAIN_AFFECT_LIVE if domain.isActive() else 0
        flags |= libvirt.VIR_DOMAIN_AFFECT_CONFIG if domain.isPersistent() else 0
        for text, prefix, namespace in elements:
            domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, prefix, namespace, flags)

    connection.ask("write the partition's metadata", write)


def kept_profiles(connection: Connection, uuid: str) -> Profiles | None:
    """Those of the definition that it runs with, or would. Raises `Conflict` where damaged."""
    xml = connection.ask(
        "give the partition's definition", lambda: connection.domain(uuid).XMLDesc()
    )
    return read_kept(parse(xml, "domain"))


def undefine(connection: Connection, uuid: str) -> None:
    """Remove the definition of a partition that is off; nothing to do when there is none."""

    def remove() -> bool:
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
            domain = connection.domain(uuid)
            if domain.isActive():
                return False  # libvirt would take its definition away while it runs
            domain.undefineFlags(_ALL_OF_IT)
        return True

    if not connection.ask("remove the partition's definition", remove):
        raise HypervisorRefused(
            "partition-not-off",
            f"The partition is not off on {connection.name}.",
            remedy="Shut it down first: lpm partition shutdown.",
        )


def delete(connection: Connection, uuid: str) -> None:
    """Undefine, and remove its leases from the server's lockspace."""
    xml = connection.ask(
        "give the partition's definition", lambda: connection.domain(uuid).XMLDesc()
    )
    space = lease.lockspace(connection)
    undefine(connection, uuid)
    for held in hardware(xml).leases:
        if space is not None and held.lockspace == space.name:
            lease.remove(connection, held.key)
