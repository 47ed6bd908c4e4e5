"""Processors by libvirt's names: what a partition has, what a system offers, what several share.

GuestCpu      what one definition asks for: opaque XML, with what decides who can give it
NamedCpu      one spelled out: a model, what it has beyond that model, what it lacks of it
OfferedCpu    the most that a system gives to a partition
PartitionCpu  one partition's: what it runs with, and what it gets when it is activated
"""

from dataclasses import dataclass

from openlpm.model.sight import Sight

X86_64 = "x86_64"

COMPARABLE = ("", "custom")
"""The modes whose processor the definition itself names, so that systems can be asked for it."""
HOST_MODEL = "host-model"
"""The mode that becomes, at each activation, what the system there offers by name."""


@dataclass(frozen=True, slots=True)
class GuestCpu:
    """The processor of one definition. `xml` is opaque outside the adapter, empty for the machine
    type's own; `mode` and `model` are libvirt's words for people to read."""

    arch: str
    machine: str
    hypervisor: str
    xml: str = ""
    mode: str = ""
    model: str = ""

    @property
    def spoken(self) -> str:
        """What to call it: its model, or how it is chosen where no model is named.

        >>> GuestCpu("x86_64", "q35", "kvm", mode="host-passthrough").spoken
        'host-passthrough'
        """
        return self.model or (self.mode if self.mode not in COMPARABLE else "default")


@dataclass(frozen=True, slots=True)
class NamedCpu:
    """A processor by names. `features` it has beyond its model, `without` it lacks of it; `xml`:
    the `<cpu>` element to put into a definition, where libvirt computed it."""

    model: str
    vendor: str = ""
    features: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    xml: str = ""


@dataclass(frozen=True, slots=True)
class OfferedCpu:
    """The most that a partition run by `hypervisor` ("kvm", "qemu") can have on a system, and the
    `models` that it can have there as they are."""

    hypervisor: str
    cpu: NamedCpu
    models: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PartitionCpu:
    """One partition's processors. `present`: what it runs with, None while it is off; `stored`:
    what it gets at its next activation, None where nothing is stored (it vanishes when it is off).
    `trouble`: why its definition cannot be read; then there are neither."""

    uuid: str
    name: str
    system: str
    state: Sight
    present: GuestCpu | None = None
    stored: GuestCpu | None = None
    trouble: str = ""
