"""Use cases on single partitions: create, power, adopt, delete. Moves are `console`'s.

Each refuses while the partition moves: a definition must not change under a transfer.
"""

from collections.abc import Generator
from contextlib import contextmanager

from openlpm.engine.activation import Activation
from openlpm.engine.claims import Claim
from openlpm.engine.creation import check, first_profile, with_addresses
from openlpm.engine.effects import free_id
from openlpm.engine.estate import Estate
from openlpm.engine.states import must_be, must_be_ours
from openlpm.engine.views import Activated
from openlpm.model.errors import AlreadyExists, Busy
from openlpm.model.partition import DEFAULT_UNITS_PER_PROCESSOR, Mark, Partition, PartitionSpec
from openlpm.model.profile import Profiles
from openlpm.model.sight import Sight
from openlpm.ports import Journal, Stream


class Partitions:
    """The partitions' own use cases. Raises as `Console` says."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal
        self._activation = Activation(estate, journal)

    def show(self, name: str) -> Partition:
        """One partition as it is now."""
        return self._estate.partition_now(name)

    def create(self, spec: PartitionSpec) -> Partition:
        """Define a new partition with the lowest free partition id of its system."""
        check(spec)
        spec = with_addresses(spec)
        profile = first_profile(spec)
        if any(p.name == spec.name for p in self._estate.partitions()):
            raise AlreadyExists(
                "partition-exists",
                f"There is a partition {spec.name!r} already.",
                remedy="Choose another name; lpm partition list shows all.",
            )
        host = self._estate.host(spec.system)
        taken = {p.mark.partition_id for p in host.partitions() if p.mark}
        mark = Mark(
            partition_id=free_id(1, taken),
            processing_units=profile.units.desired,
            policy=spec.policy,
        )
        partition = host.create(spec, mark, Profiles(profile.name, (profile,)))
        self._estate.watch(spec.system).refresh(partition.uuid)
        return partition

    def activate(self, name: str, profile: str = "") -> Activated:
        """Power on a partition that is off, with a profile: the current one, or the one named."""
        with self._claimed(name, "being activated") as claim:
            partition = self.idle(claim.uuid)
            must_be(partition, Sight.OFF)
            return self._activation.activate(partition, profile, claim)

    def shutdown(self, name: str, *, force: bool) -> Partition:
        """Ask the guest to power off, or pull the plug."""
        partition = self.idle(name)
        must_be(partition, Sight.RUNNING, *([Sight.PAUSED] if force else []))
        host = self._estate.host(partition.system)
        if force:
            host.destroy(partition.uuid)
        else:
            host.shutdown(partition.uuid)
        return self._after(partition)

    def pause(self, name: str) -> Partition:
        """Suspend a running partition."""
        partition = self.idle(name)
        must_be(partition, Sight.RUNNING)
        self._estate.host(partition.system).pause(partition.uuid)
        return self._after(partition)

    def resume(self, name: str) -> Partition:
        """Resume a paused one."""
        partition = self.idle(name)
        must_be(partition, Sight.PAUSED)
        self._estate.host(partition.system).resume(partition.uuid)
        return self._after(partition)

    def delete(self, name: str) -> None:
        """Remove the definition of a partition of ours that is off."""
        with self._claimed(name, "being deleted") as claim:
            partition = self.idle(claim.uuid)
            must_be_ours(partition)
            must_be(partition, Sight.OFF)
            self._estate.host(partition.system).delete(partition.uuid)
            self._estate.watch(partition.system).refresh(partition.uuid)

    def adopt(self, name: str) -> Partition:
        """Mark a partition that others made as ours."""
        with self._claimed(name, "being adopted") as claim:
            partition = self.idle(claim.uuid)
            if partition.mark is not None:
                return partition
            host = self._estate.host(partition.system)
            taken = {p.mark.partition_id for p in host.partitions() if p.mark}
            units = partition.processors * DEFAULT_UNITS_PER_PROCESSOR
            mark = Mark(partition_id=free_id(1, taken), processing_units=units)
            host.write_mark(partition.uuid, mark)
            return self._after(partition)

    def release(self, name: str) -> Partition:
        """Take our mark and its profiles from a partition of ours, which goes on as it is."""
        with self._claimed(name, "being released") as claim:
            partition = self.idle(claim.uuid)
            must_be_ours(partition)
            self._estate.host(partition.system).remove_mark(partition.uuid)
            return self._after(partition)

    def open_console(self, name: str) -> Stream:
        """The serial console of an active partition."""
        partition = self.show(name)
        must_be(partition, Sight.RUNNING, Sight.PAUSED)
        return self._estate.host(partition.system).open_console(partition.uuid)

    def idle(self, name: str) -> Partition:
        """One that does not move. Raises `Busy`."""
        partition = self.show(name)
        for record in self._journal.unfinished():
            if record.partition_uuid == partition.uuid:
                raise Busy(
                    "move-under-way",
                    f"{partition.name!r} is moving from {record.source} to {record.target}.",
                    remedy=f"Wait for it: lpm migration watch {record.id}.",
                )
        return partition

    @contextmanager
    def _claimed(self, name: str, doing: str) -> Generator[Claim]:
        partition = self._estate.partition(name)
        with self._estate.claims.partition(partition.uuid, partition.name, doing) as claim:
            yield claim

    def _after(self, partition: Partition) -> Partition:
        self._estate.watch(partition.system).refresh(partition.uuid)
        return self.show(partition.uuid)
