"""A logical partition: one libvirt domain, seen on one system.

What is ours is marked in the domain's `<metadata>` (`Mark`), so that any console can read it:
the partition id, how long its moves may pause it, and the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from openlpm.model.policy import Policy
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Resources

DEFAULT_UNITS_PER_PROCESSOR = 0.5
"""Entitlement of a virtual processor where no profile says otherwise."""


class Rmc(StrEnum):
    """Whether the partition's agent answers (the HMC's RMC connection)."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    NONE = "none"  # it has no agent channel


@dataclass(frozen=True, slots=True)
class Mark:
    """What we keep in the domain's metadata. `came_from`: the system of the way back, or ''."""

    partition_id: int
    os_type: str = "linux"
    processing_units: float = DEFAULT_UNITS_PER_PROCESSOR
    came_from: str = ""
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Partition:
    """One domain on one system at one look. `mark` is None for domains that others made.

    `writes`: the network disks that it may write to and does not share, by URL.
    `macs`: its Ethernet adapters' addresses, in lower case.
    """

    uuid: str
    name: str
    system: str
    state: Sight
    why: Why
    processors: int
    memory_mib: int
    mark: Mark | None = None
    rmc: Rmc = Rmc.NONE
    seen_at: float = 0.0
    writes: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()

    @property
    def demand(self) -> Resources:
        """What it holds of its system while it is active."""
        units = (
            self.mark.processing_units
            if self.mark
            else self.processors * DEFAULT_UNITS_PER_PROCESSOR
        )
        return Resources(units, self.memory_mib)


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """A disk asked for at creation: a network volume's URL (nbd://host:port/export)."""

    url: str
    bus: str = "scsi"


@dataclass(frozen=True, slots=True)
class EthernetSpec:
    """A virtual Ethernet adapter asked for at creation. `mac` empty: libvirt chooses."""

    switch: str
    mac: str = ""


@dataclass(frozen=True, slots=True)
class PartitionSpec:
    """What `partition create` asks for. Empty `machine` or `cpu_model`: a stable default.

    `profile`: what its first profile says beyond these, as in `model/profile_document.py`.
    """

    name: str
    system: str
    memory_mib: int
    processors: int = 1
    processing_units: float | None = None
    disks: tuple[DiskSpec, ...] = ()
    ethernets: tuple[EthernetSpec, ...] = ()
    cpu_model: str = ""
    machine: str = ""
    policy: Policy = field(default_factory=Policy)
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
