"""One connected managed system: fills `ports.Host`, each method by the module of that noun."""

from collections.abc import Callable, Sequence

import libvirt

from openlpm.adapters.libvirt import (
    agent,
    assign,
    channel,
    definition,
    division,
    events,
    free_lease,
    listing,
    live_plug,
    load,
    migrate,
    partition_cpus,
    partition_io,
    peer,
    pools,
    postcopy,
    probe,
    processor,
    resize,
    volumes,
)
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.console import ConsoleStream, open_console
from openlpm.adapters.libvirt.door import open_connection
from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.facts import Capabilities, system_facts
from openlpm.adapters.libvirt.look import look
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Gone
from openlpm.model.estimate import Load
from openlpm.model.hardware import Hardware, VirtualDisk
from openlpm.model.migration import Progress
from openlpm.model.partition import Mark, Partition, PartitionSpec, Rmc
from openlpm.model.processor import GuestCpu, NamedCpu, OfferedCpu, PartitionCpu
from openlpm.model.profile import Adapter, Profiles
from openlpm.model.resize import Running
from openlpm.model.sight import Place
from openlpm.model.storage import PartitionIo, Pool, Volume
from openlpm.model.system import System, SystemFacts
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict
from openlpm.ports import Transfer


class LibvirtHypervisors:
    """Fills `ports.Hypervisors`."""

    def connect(self, system: System) -> "LibvirtHost":
        """A new connection. Raises `ServerUnreachable` within a few seconds."""
        return LibvirtHost(open_connection(system.name, system.uri))


class LibvirtHost:
    """Safe from any thread; every call ends (see `connection.py`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._capabilities = Capabilities(connection)

    @property
    def alive(self) -> bool:
        return self._connection.alive

    def close(self) -> None:
        self._connection.close()

    # What is here

    def facts(self) -> SystemFacts:
        return system_facts(self._connection, self._capabilities)

    def partitions(self) -> Sequence[Partition]:
        return listing.partitions(self._connection)

    def partition(self, uuid: str) -> Partition | None:
        return listing.partition(self._connection, uuid)

    def describe(self, uuid: str) -> Hardware:
        return listing.describe(self._connection, uuid)

    def look(self, uuid: str) -> Place:
        return look(self._connection, uuid)

    def rmc(self, uuid: str) -> Rmc:
        return agent.rmc(self._connection, uuid)

    def load(self, uuid: str, seconds: int) -> Load:
        return load.load(self._connection, uuid, seconds)

    def watch(self, changed: Callable[[str], None]) -> Callable[[], None]:
        return events.watch(self._connection, changed)

    # Its Virtual I/O Server

    def pools(self) -> Sequence[Pool]:
        return pools.pools(self._connection)

    def volumes(self, pool: str) -> Sequence[Volume]:
        return pools.volumes(self._connection, pool)

    def partition_io(self) -> Sequence[PartitionIo]:
        return partition_io.partition_io(self._connection)

    def refresh_pool(self, pool: str) -> None:
        volumes.refresh(self._connection, pool)

    def create_volume(self, pool: str, volume: Volume) -> Volume:
        return volumes.create(self._connection, pool, volume)

    def grow_volume(self, pool: str, volume: str, capacity_bytes: int) -> None:
        volumes.grow(self._connection, pool, volume, capacity_bytes)

    def grow_disk(self, uuid: str, target: str, capacity_bytes: int) -> None:
        volumes.grow_disk(self._connection, uuid, target, capacity_bytes)

    def delete_volume(self, pool: str, volume: str) -> None:
        volumes.delete(self._connection, pool, volume)

    # Its definition

    def create(
        self, spec: PartitionSpec, mark: Mark, profiles: Profiles | None = None
    ) -> Partition:
        uuid = definition.create(self._connection, self._capabilities, spec, mark, profiles)
        made = self.partition(uuid)
        if made is None:
            raise Gone("partition-gone", f"{spec.name!r} was deleted as soon as it was made.")
        return made

    def remove_mark(self, uuid: str) -> None:
        definition.remove_mark(self._connection, uuid)

    def write_mark(self, uuid: str, mark: Mark) -> None:
        definition.write_mark(self._connection, uuid, mark)

    def profiles(self, uuid: str) -> Profiles | None:
        return definition.kept_profiles(self._connection, uuid)

    def write_profiles(self, uuid: str, profiles: Profiles) -> None:
        definition.write_profiles(self._connection, uuid, profiles)

    def delete(self, uuid: str) -> None:
        definition.delete(self._connection, uuid)

    def exported(self, uuid: str, mark: Mark) -> str:
        return definition.exported(self._connection, uuid, mark)

    def define(self, definition_xml: str) -> None:
        definition.define(self._connection, definition_xml)

    def undefine(self, uuid: str) -> None:
        definition.undefine(self._connection, uuid)

    # Its power

    def activate(self, uuid: str, wanted: Assignment, mark: Mark, profiles: Profiles) -> bool:
        platform = definition.platform_of(self._connection, self._capabilities)
        return assign.activate(
            self._connection, uuid, platform, wanted=wanted, mark=mark, kept=profiles
        )

    def start(self, uuid: str) -> None:
        self._do("activate the partition", uuid, lambda domain: domain.create())

    def shutdown(self, uuid: str) -> None:
        # libvirt asks the agent where one is connected, else (or when it fails) ACPI.
        self._do("shut down the partition", uuid, lambda domain: domain.shutdown())

    def destroy(self, uuid: str) -> None:
        def pull(domain: libvirt.virDomain) -> None:
            if domain.isActive():
                with ignoring(libvirt.VIR_ERR_OPERATION_INVALID):
                    domain.destroy()

        try:
            self._do("power off the partition", uuid, pull)
        except Gone:
            return

    def pause(self, uuid: str) -> None:
        self._do("pause the partition", uuid, lambda domain: domain.suspend())

    def resume(self, uuid: str) -> None:
        self._do("resume the partition", uuid, lambda domain: domain.resume())

    def open_console(self, uuid: str) -> ConsoleStream:
        return open_console(self._connection, uuid)

    # Its size while it runs

    def running(self, uuid: str) -> Running:
        return resize.running(self._connection, uuid)

    def set_memory(self, uuid: str, mib: int) -> None:
        resize.set_memory(self._connection, uuid, mib)

    def set_processors(self, uuid: str, count: int) -> str:
        return resize.set_processors(self._connection, uuid, count)

    def set_entitlement(self, uuid: str, units: float, processors: int, *, capped: bool) -> bool:
        return resize.set_entitlement(self._connection, uuid, units, processors, capped=capped)

    def plug(self, uuid: str, adapter: Adapter, *, stored: bool) -> None:
        live_plug.plug(self._connection, uuid, adapter, stored=stored)

    def unplug(self, uuid: str, key: str, *, stored: bool) -> None:
        live_plug.unplug(self._connection, uuid, key, stored=stored)

    # Its moves

    def compare_cpu(self, cpu: GuestCpu) -> CpuVerdict:
        return processor.compare(self._connection, cpu)

    def offered_cpus(self) -> Sequence[OfferedCpu]:
        return processor.offered(self._connection, self._capabilities)

    def baseline_cpu(self, hypervisor: str, cpus: Sequence[NamedCpu]) -> NamedCpu:
        return processor.baseline(self._connection, self._capabilities.arch, hypervisor, cpus)

    def partition_cpus(self) -> Sequence[PartitionCpu]:
        return partition_cpus.partition_cpus(self._connection)

    def call_peer(self, uuid: str, target: System, copied: Sequence[str] = ()) -> PeerVerdict:
        return peer.call(self._connection, self._capabilities.arch, uuid, target, copied)

    def try_encryption(self, target: System) -> PeerVerdict:
        return channel.try_encryption(self._connection, self._capabilities.arch, target)

    def lease_is_free(self, uuid: str) -> bool:
        return free_lease.is_free(self._connection, self._capabilities.arch, uuid)

    def open_disks(self, disks: Sequence[VirtualDisk]) -> dict[str, str]:
        return probe.open_disks(self._connection, self._capabilities.arch, disks)

    def try_postcopy(self) -> str:
        return postcopy.try_postcopy(self._connection, self._capabilities.arch)

    def try_division(self) -> TimeVerdict:
        return division.try_division(self._connection, self._capabilities.arch)

    def start_transfer(self, transfer: Transfer) -> None:
        migrate.transfer(self._connection, transfer)

    def progress(self, uuid: str) -> Progress | None:
        return migrate.progress(self._connection, uuid)

    def completed(self, uuid: str) -> Progress | None:
        return migrate.completed(self._connection, uuid)

    def busy(self, uuid: str) -> bool:
        return migrate.busy(self._connection, uuid)

    def set_pause_limit(self, uuid: str, pause_ms: int) -> None:
        migrate.set_pause_limit(self._connection, uuid, pause_ms)

    def start_postcopy(self, uuid: str) -> None:
        migrate.start_postcopy(self._connection, uuid)

    def abort_transfer(self, uuid: str) -> None:
        migrate.abort(self._connection, uuid)

    def _do(self, doing: str, uuid: str, action: Callable[[libvirt.virDomain], object]) -> None:
        """Ask libvirt for something that answers nothing."""
        self._connection.ask(doing, lambda: action(self._connection.domain(uuid)))
