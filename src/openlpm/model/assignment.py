"""What activation gives a partition: amounts, sharing, adapters."""

from dataclasses import dataclass

from openlpm.model.profile import Adapter, BootDevice, Sharing
from openlpm.model.system import Resources


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one activation gives, of one profile.

    `most_memory_mib`, `least_processors`, `most_processors`: as far as it can be resized while it
    runs; 0 for not at all.

    `adapters`: those that it gets; `without`: keys of those that it must not have (of other
    profiles, or desired ones whose backing is missing). Others that it has are left alone.
    """

    profile: str
    memory_mib: int
    processors: int
    units: float
    sharing: Sharing
    weight: int
    most_memory_mib: int = 0
    least_processors: int = 0
    most_processors: int = 0
    cpu_model: str = ""
    adapters: tuple[Adapter, ...] = ()
    without: frozenset[str] = frozenset()
    boot: tuple[BootDevice, ...] = ()

    @property
    def resources(self) -> Resources:
        """What it takes of its system at first: all memory, until its balloon takes some."""
        return Resources(self.units, max(self.memory_mib, self.most_memory_mib))
