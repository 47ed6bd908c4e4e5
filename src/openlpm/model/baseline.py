"""The processor baseline of some systems: what all of them can give, and which partitions fit."""

from dataclasses import dataclass
from enum import StrEnum

from openlpm.model.processor import NamedCpu
from openlpm.model.sight import Sight


class Fit(StrEnum):
    """What a partition would need, to be moved among all of the systems."""

    FITS = "fits"  # nothing: each of them can give it its processor
    RESTART = "restart"  # only to be activated anew: what is stored for that fits
    CHANGE = "change"  # another processor in its definition, then to be activated anew
    OTHER = "other"  # this baseline is not for it: another architecture or hypervisor
    UNKNOWN = "unknown"  # its definition cannot be read


@dataclass(frozen=True, slots=True)
class PartitionFit:
    """One partition against the baseline. `reason`: why it does not fit, or will not for long;
    `remedy`: what to do about it. Both are empty where there is nothing to say."""

    uuid: str
    partition: str
    system: str
    state: Sight
    processor: str
    fit: Fit
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The answer. `hypervisor`: how the partitions that it is for are run ("kvm", "qemu").

    `models`: those that each of the systems can give as they are, for new partitions.
    """

    systems: tuple[str, ...]
    hypervisor: str
    cpu: NamedCpu
    models: tuple[str, ...]
    partitions: tuple[PartitionFit, ...] = ()
