"""A managed system: one libvirt host that we may use.

`System` is what the operator told us (kept in the store), `SystemFacts` what the host says
of itself (asked anew at each connection), `Capacity` what partitions may use of it.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Mover:
    """The migration side of a system: where memory is sent to, how fast, how many at once.

    `address`: empty for the host of the connection URI; `bandwidth_mib_s`: 0 for no limit.
    """

    address: str = ""
    bandwidth_mib_s: int = 0
    concurrent: int = 4


@dataclass(frozen=True, slots=True)
class System:
    """One managed system, as the operator described it.

    `uri` is how the console reaches it, `peer_uri` how other servers' daemons do (they may
    sit on another network or use another transport). `processors` and `memory_mib` override
    libvirt's figures where the operator wants partitions to use less, or a lab other ones.
    `insecure`: the operator allows that what goes to and from it goes in the clear.
    """

    name: str
    uri: str
    peer_uri: str
    chassis: str = ""
    mover: Mover = field(default_factory=Mover)
    processors: float | None = None
    memory_mib: int | None = None
    insecure: bool = False


class Link(StrEnum):
    """The console's own connection to a system."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class VirtualSwitch:
    """A virtual switch that adapters can be plugged into: a libvirt network or a bridge.

    `mtu` 0: the host does not say. `vlans` maps a port group ("" for the default) to its tags.
    """

    name: str
    kind: str
    active: bool = True
    bridge: str = ""
    mtu: int = 0
    vlans: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Lockspace:
    """The shared folder whose leases keep a partition from running twice.

    `path` is its parent DIR, `name` the SPACE, `keys` the leases in it: see docs/locking.md.
    """

    name: str
    path: str
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What a host says of itself. `cpu_xml` is libvirt's host CPU, opaque outside the adapter.

    `archs` are the guests' architectures it can run, `hypervisors` how ("kvm", "qemu"),
    `machines` the machine types of all of them, aliases and canonical names alike.
    `huge_pages_free` maps a page size in KiB to the number of free pages.
    """

    host_uuid: str
    hostname: str
    hypervisor: str
    hypervisor_version: int
    libvirt_version: int
    arch: str
    processors: int
    memory_mib: int
    archs: frozenset[str] = frozenset()
    hypervisors: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()
    cpu_xml: str = ""
    cpu_model: str = ""
    switches: tuple[VirtualSwitch, ...] = ()
    lockspace: Lockspace | None = None
    huge_pages_free: tuple[tuple[int, int], ...] = ()

    def switch(self, kind: str, name: str) -> VirtualSwitch | None:
        """The virtual switch of that kind ("network", "bridge") and name, if it exists."""
        return next((s for s in self.switches if (s.kind, s.name) == (kind, name)), None)


@dataclass(frozen=True, slots=True)
class Resources:
    """Processing units (1.0 is one physical processor) and memory, needed or available."""

    processing_units: float
    memory_mib: int

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            round(self.processing_units + other.processing_units, 2),
            self.memory_mib + other.memory_mib,
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            round(self.processing_units - other.processing_units, 2),
            self.memory_mib - other.memory_mib,
        )


NOTHING = Resources(0.0, 0)


def configurable(system: System, facts: SystemFacts) -> Resources:
    """What partitions may use: libvirt's figures unless the operator set others."""
    return Resources(
        float(facts.processors) if system.processors is None else system.processors,
        facts.memory_mib if system.memory_mib is None else system.memory_mib,
    )
