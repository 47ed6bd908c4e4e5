"""The Virtual I/O Server of a managed system: what its partitions' virtual adapters hang on."""

from dataclasses import dataclass

from openlpm.model.hardware import VirtualEthernet
from openlpm.model.sight import Sight
from openlpm.model.storage import KnownPool
from openlpm.model.system import Mover, VirtualSwitch


@dataclass(frozen=True, slots=True)
class Plug:
    """A virtual Ethernet adapter in a switch. `vlans`: its own tags, if it has any."""

    partition: str
    uuid: str
    mac: str
    port_group: str = ""
    vlans: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SwitchElsewhere:
    """A switch of the same kind and name. `differs`: why an adapter could not go there; "" if it
    could."""

    system: str
    differs: str = ""


@dataclass(frozen=True, slots=True)
class KnownSwitch:
    """A virtual switch of a system, what is plugged in, and where else it is."""

    system: str
    switch: VirtualSwitch
    adapters: tuple[Plug, ...] = ()
    elsewhere: tuple[SwitchElsewhere, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskMapping:
    """A virtual disk and its backing. `pool`, `volume`: where it is one of this system's pools;
    `shared`: other systems can reach it, as far as can be proved."""

    target: str
    bus: str
    device: str
    kind: str
    source: str
    pool: str = ""
    volume: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Mapping:
    """The virtual adapters of one partition, each with what is behind it."""

    partition: str
    uuid: str
    state: Sight
    disks: tuple[DiskMapping, ...] = ()
    ethernets: tuple[VirtualEthernet, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Vios:
    """All of it. `moves`: those that use the mover now; `unseen`: systems out of reach, so that
    nobody knows whether they have the same storage, and why."""

    system: str
    mover: Mover
    moves: int
    pools: tuple[KnownPool, ...] = ()
    switches: tuple[KnownSwitch, ...] = ()
    partitions: tuple[Mapping, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
