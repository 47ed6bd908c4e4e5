"""Use cases on single partitions: create, power, adopt, delete. Moves are `console`'s.

Each refuses while the partition moves: a definition must not change under a transfer.
"""

from openlpm.engine.effects import free_id
from openlpm.engine.estate import Estate
from openlpm.model.errors import (
    AlreadyExists,
    BadRequest,
    Busy,
    Conflict,
    ServerUnreachable,
)
from openlpm.model.names import checked_mac, checked_name, checked_range, checked_unlike
from openlpm.model.partition import DEFAULT_UNITS_PER_PROCESSOR, Mark, Partition, PartitionSpec
from openlpm.model.sight import Sight
from openlpm.model.spoken import spoken
from openlpm.ports import Journal, Stream

MOST_ADAPTERS = 64
"""Virtual Ethernet adapters of one partition: more than the slots of any machine type's bus."""


class Partitions:
    """The partitions' own use cases. Raises as `Console` says."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal

    def show(self, name: str) -> Partition:
        """One partition as it is now."""
        return self._estate.partition_now(name)

    def create(self, spec: PartitionSpec) -> Partition:
        """Define a new partition with the lowest free partition id of its system."""
        _check(spec)
        if any(p.name == spec.name for p in self._estate.partitions()):
            raise AlreadyExists(
                "partition-exists",
                f"There is a partition {spec.name!r} already.",
                remedy="Choose another name; lpm partition list shows all.",
            )
        host = self._estate.host(spec.system)
        taken = {p.mark.partition_id for p in host.partitions() if p.mark}
        units = spec.processing_units
        if units is None:
            units = spec.processors * DEFAULT_UNITS_PER_PROCESSOR
        mark = Mark(partition_id=free_id(1, taken), processing_units=units, policy=spec.policy)
        partition = host.create(spec, mark)
        self._estate.watch(spec.system).refresh(partition.uuid)
        return partition

    def activate(self, name: str) -> Partition:
        """Power on a partition that is off."""
        partition = self._idle(name)
        self._must_be(partition, Sight.OFF)
        self._estate.host(partition.system).start(partition.uuid)
        return self._after(partition)

    def shutdown(self, name: str, *, force: bool) -> Partition:
        """Ask the guest to power off, or pull the plug."""
        partition = self._idle(name)
        self._must_be(partition, Sight.RUNNING, *([Sight.PAUSED] if force else []))
        host = self._estate.host(partition.system)
        if force:
            host.destroy(partition.uuid)
        else:
            host.shutdown(partition.uuid)
        return self._after(partition)

    def pause(self, name: str) -> Partition:
        """Suspend a running partition."""
        partition = self._idle(name)
        self._must_be(partition, Sight.RUNNING)
        self._estate.host(partition.system).pause(partition.uuid)
        return self._after(partition)

    def resume(self, name: str) -> Partition:
        """Resume a paused one."""
        partition = self._idle(name)
        self._must_be(partition, Sight.PAUSED)
        self._estate.host(partition.system).resume(partition.uuid)
        return self._after(partition)

    def delete(self, name: str) -> None:
        """Remove the definition of a partition of ours that is off."""
        partition = self._idle(name)
        self._must_be_ours(partition)
        self._must_be(partition, Sight.OFF)
        self._estate.host(partition.system).delete(partition.uuid)
        self._estate.watch(partition.system).refresh(partition.uuid)

    def adopt(self, name: str) -> Partition:
        """Mark a partition that others made as ours."""
        partition = self._idle(name)
        if partition.mark is not None:
            return partition
        host = self._estate.host(partition.system)
        taken = {p.mark.partition_id for p in host.partitions() if p.mark}
        units = partition.processors * DEFAULT_UNITS_PER_PROCESSOR
        host.write_mark(
            partition.uuid, Mark(partition_id=free_id(1, taken), processing_units=units)
        )
        return self._after(partition)

    def open_console(self, name: str) -> Stream:
        """The serial console of an active partition."""
        partition = self.show(name)
        self._must_be(partition, Sight.RUNNING, Sight.PAUSED)
        return self._estate.host(partition.system).open_console(partition.uuid)

    def _idle(self, name: str) -> Partition:
        partition = self.show(name)
        for record in self._journal.unfinished():
            if record.partition_uuid == partition.uuid:
                raise Busy(
                    "move-under-way",
                    f"{partition.name!r} is moving from {record.source} to {record.target}.",
                    remedy=f"Wait for it: lpm migration watch {record.id}.",
                )
        return partition

    def _after(self, partition: Partition) -> Partition:
        self._estate.watch(partition.system).refresh(partition.uuid)
        return self.show(partition.uuid)

    @staticmethod
    def _must_be(partition: Partition, *states: Sight) -> None:
        if partition.state is Sight.UNKNOWN:
            raise ServerUnreachable(
                "server-unreachable",
                f"{partition.system} does not answer, so nothing is known of {partition.name!r}.",
                remedy=f"lpm system show {partition.system} tells more.",
            )
        if partition.state not in states:
            raise Conflict(
                "wrong-state",
                f"{partition.name!r} is {partition.state} on {partition.system}.",
                cause=f"It must be {' or '.join(states)} for this.",
                remedy="lpm partition show tells its state.",
            )

    @staticmethod
    def _must_be_ours(partition: Partition) -> None:
        if partition.mark is None:
            word = spoken(partition.name, partition.uuid)
            raise Conflict(
                "not-adopted",
                f"{partition.name!r} was made by others.",
                remedy=f"Adopt it first: lpm partition adopt {word}.",
            )


def _check(spec: PartitionSpec) -> None:
    checked_name("partition", spec.name)
    checked_range("Memory in MiB", spec.memory_mib, 16, 2**32)
    checked_range("The number of virtual processors", spec.processors, 1, 1024)
    checked_range("The longest pause allowed in ms", spec.policy.max_pause_ms, 1, 60_000)
    checked_range("The bandwidth in MiB/s", spec.policy.bandwidth_mib_s, 0, 1_000_000)
    checked_range("The number of virtual Ethernet adapters", len(spec.ethernets), 0, MOST_ADAPTERS)
    if spec.machine:
        checked_name("machine type", spec.machine)
    checked_unlike("The disk", (disk.url for disk in spec.disks))
    macs = [ethernet.mac for ethernet in spec.ethernets if ethernet.mac]
    checked_unlike("The MAC address", map(checked_mac, macs))
    units = spec.processing_units
    if units is None:
        return
    checked_range("Processing units", units, 0.05 * spec.processors, float(spec.processors))
    if abs(units / 0.05 - round(units / 0.05)) > 1e-6:
        raise BadRequest(
            "bad-units",
            f"{units:g} processing units cannot be given.",
            cause="They come in steps of 0.05.",
            remedy=f"Give {round(units / 0.05) * 0.05:.2f}, say.",
        )
