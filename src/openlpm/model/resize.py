"""Resizing: what a running partition has, how far it can go, and what is asked to be changed."""

from dataclasses import dataclass

from openlpm.model.profile import Adapter
from openlpm.model.system import Resources


@dataclass(frozen=True, slots=True)
class Running:
    """What a running partition has, by its server's word.

    `memory_mib`: what its guest holds now; `most_memory_mib`, `most_processors`: as far as it can
    go until it is activated anew. `units`: its shares as processing units, None where its server
    does not divide processor time. `keeps_processors`: none can be taken from it. `spare_mib`: what
    its guest could do without, None where it does not tell. `adapters`: what a profile can name.
    """

    memory_mib: int
    most_memory_mib: int
    processors: int
    most_processors: int
    units: float | None = None
    capped: bool = False
    keeps_processors: bool = False
    spare_mib: int | None = None
    adapters: tuple[Adapter, ...] = ()


@dataclass(frozen=True, slots=True)
class Resize:
    """What to change of a running partition; None: as it is.

    `remove`: adapters by their keys. `save`: in its current profile, too.
    """

    memory_mib: int | None = None
    processors: int | None = None
    units: float | None = None
    add: tuple[Adapter, ...] = ()
    remove: tuple[str, ...] = ()
    save: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing is asked for."""
        amounts = (self.memory_mib, self.processors, self.units)
        return all(amount is None for amount in amounts) and not (self.add or self.remove)


@dataclass(frozen=True, slots=True)
class Amounts:
    """The amounts of one partition."""

    memory_mib: int
    processors: int
    units: float

    @property
    def resources(self) -> Resources:
        """What it takes of its system."""
        return Resources(self.units, self.memory_mib)


@dataclass(frozen=True, slots=True)
class Memory:
    """A step: so much memory."""

    mib: int

    def __str__(self) -> str:
        return f"memory {self.mib} MiB"


@dataclass(frozen=True, slots=True)
class Processors:
    """A step: so many virtual processors."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} virtual processors"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A step: so many processing units for so many virtual processors."""

    units: float
    processors: int
    capped: bool

    def __str__(self) -> str:
        return f"{self.units:g} processing units"


@dataclass(frozen=True, slots=True)
class Plug:
    """A step: one adapter more."""

    adapter: Adapter

    def __str__(self) -> str:
        return f"adapter {self.adapter.key} added"


@dataclass(frozen=True, slots=True)
class Unplug:
    """A step: one adapter less."""

    adapter: Adapter

    def __str__(self) -> str:
        return f"adapter {self.adapter.key} removed"


Step = Memory | Processors | Entitlement | Plug | Unplug


@dataclass(frozen=True, slots=True)
class Change:
    """One step, and the one that takes it back."""

    step: Step
    back: Step
