"""What no fence has stopped: one partition on two servers, two partitions that write to one disk.

A lease keeps a partition from running twice, and the lock daemons guard files and block devices.
Nothing guards a network disk from a copy of the definition without the lease, so it is looked for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from openlpm.model.partition import Partition
from openlpm.model.sight import Sight


@dataclass(frozen=True, slots=True)
class Clash:
    """Two that must not both be at work. `disk`: the URL that both write to; empty: one runs twice.

    Each is named as NAME on SYSTEM.
    """

    one: str
    other: str
    disk: str = ""

    @property
    def message(self) -> str:
        """What an operator is told."""
        if self.disk:
            return f"{self.one} and {self.other} both write to disk {self.disk}."
        return f"{self.one} and {self.other} are the same partition, running twice."


def clashes(partitions: Iterable[Partition], moving: Collection[str] = ()) -> frozenset[Clash]:
    """All that clash now. Those that are `moving`, by UUID, their movers look after."""
    seen = sorted(partitions, key=lambda p: (p.name, p.system, p.uuid))
    running = defaultdict[str, list[Partition]](list)
    writers = defaultdict[str, list[Partition]](list)
    for partition in seen:
        if partition.state is Sight.RUNNING and partition.uuid not in moving:
            running[partition.uuid].append(partition)
        if partition.state in (Sight.RUNNING, Sight.PAUSED):
            for disk in partition.writes:
                writers[disk].append(partition)
    doubled = {
        Clash(_named(one), _named(other))
        for same in running.values()
        for one, other in combinations(same, 2)
    }
    shared = {
        Clash(_named(one), _named(other), disk)
        for disk, both in writers.items()
        for one, other in combinations(both, 2)
        if one.uuid != other.uuid
    }
    return frozenset(doubled | shared)


def in_use(disks: Collection[str], uuid: str, partitions: Iterable[Partition]) -> dict[str, str]:
    """Of these disks, by URL, those that another than the partition `uuid` writes to, and who does.

    One that is out of sight may well be at work.
    """
    others = [p for p in partitions if p.uuid != uuid and p.state not in (Sight.OFF, Sight.ABSENT)]
    return {
        disk: f"{_named(p)} is out of sight and may write to it."
        if p.state is Sight.UNKNOWN
        else f"{_named(p)} writes to it."
        for p in others
        for disk in p.writes
        if disk in disks
    }


def over(
    told: frozenset[Clash], partitions: Iterable[Partition], moving: Collection[str] = ()
) -> frozenset[Clash]:
    """Those of `told` that are seen to be over: one that is out of sight may well be at work."""
    possible = (
        replace(p, state=Sight.RUNNING) if p.state is Sight.UNKNOWN else p for p in partitions
    )
    return told - clashes(possible, moving)


def _named(partition: Partition) -> str:
    return f"{partition.name!r} on {partition.system}"
