"""All that validation looks at: gathered by the engine, judged by `checks`, touched by neither.

A value that could not be had is None, and a check that needs it stays silent: either the question
does not arise, or a server is out of reach and has its own finding, or `unanswered` names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from openlpm.decide.copy_plan import Copying
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.hardware import Hardware
from openlpm.model.migration import Kind, Reservation
from openlpm.model.partition import Partition
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight
from openlpm.model.storage import Pool
from openlpm.model.system import System, SystemFacts
from openlpm.model.verdict import CpuVerdict, PeerVerdict, TimeVerdict


@dataclass(frozen=True, slots=True)
class Side:
    """One end of the move. `facts` None: out of reach, `trouble` says why."""

    system: System
    facts: SystemFacts | None
    trouble: str = ""
    partitions: tuple[Partition, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    moves: int = 0

    @property
    def name(self) -> str:
        """The system's name."""
        return self.system.name


@dataclass(frozen=True, slots=True)
class Examination:
    """One partition, its source, a target, and what the hypervisors answered about the pair.

    `policy`: the limits of this move. `pools`: of the source and of the target, where a disk of it
    lies in one. `copying`: what becomes of disks that only the source can reach. `no_postcopy`: it
    allows post-copy, and why the target's QEMU does not. `time`: what the target makes of an
    entitlement; None for a partition that has none, or where that was not tried.
    """

    partition: Partition
    source: Side
    target: Side
    hardware: Hardware | None = None
    cpu: CpuVerdict | None = None
    peer: PeerVerdict | None = None
    failing_disks: Mapping[str, str] = field(default_factory=dict[str, str])
    pools: tuple[tuple[Pool, ...], tuple[Pool, ...]] | None = None
    copying: Copying | None = None
    policy: Policy = field(default_factory=Policy)
    no_postcopy: str = ""
    time: TimeVerdict | None = None
    move_under_way: str = ""
    job_under_way: bool = False
    unanswered: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind | None:
        """The kind of move that the partition's state asks for; None when none is possible."""
        return {
            Sight.RUNNING: Kind.ACTIVE,
            Sight.PAUSED: Kind.SUSPENDED,
            Sight.OFF: Kind.INACTIVE,
        }.get(self.partition.state)

    @property
    def copies(self) -> tuple[DiskCopy, ...]:
        """Its disks that are copied."""
        return self.copying.copies if self.copying else ()

    @property
    def is_live(self) -> bool:
        """Memory has to be moved."""
        return self.kind in (Kind.ACTIVE, Kind.SUSPENDED)
