"""The processor baseline of some systems: may they have one, and under which hypervisor?

    require_x86(facts)
    offers = shared(offers_of_each_system)      one hypervisor that all of them have
    chosen = Chosen(systems, offers)            libvirt computes the baseline from these
    ... `fit` judges the partitions

No feature is compared here: that is libvirt's part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openlpm.model.errors import BadRequest, Conflict
from openlpm.model.processor import X86_64, GuestCpu, NamedCpu, OfferedCpu
from openlpm.model.system import System, SystemFacts


@dataclass(frozen=True, slots=True)
class Chosen:
    """The systems that are to have a baseline, and what each offers under one hypervisor."""

    systems: tuple[System, ...]
    offers: Mapping[str, OfferedCpu]

    @property
    def hypervisor(self) -> str:
        """How the partitions are run that the baseline is for; the same on each system."""
        return next(iter(self.offers.values())).hypervisor

    @property
    def names(self) -> tuple[str, ...]:
        """The systems' names, as they were given."""
        return tuple(system.name for system in self.systems)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that each of them can give as they are, by name."""
        first, *others = (offer.models for offer in self.offers.values())
        return tuple(sorted(first.intersection(*others)))

    def system(self, name: str) -> System:
        """One of them."""
        return next(system for system in self.systems if system.name == name)


def require_x86(facts: Mapping[str, SystemFacts]) -> None:
    """Raise `BadRequest` for a system of another architecture, by its name."""
    for name, told in facts.items():
        if told.arch != X86_64:
            raise BadRequest(
                "not-x86-64",
                f"{name} has no baseline: it is a {told.arch} system.",
                cause="libvirt computes processor baselines of x86-64 systems only.",
                remedy=f"Leave {name} out; lpm system show tells a system's architecture.",
            )


def shared(offers: Mapping[str, Sequence[OfferedCpu]]) -> dict[str, OfferedCpu]:
    """What each system offers under the first hypervisor that all of them have.

    Raises `Conflict` where there is none: a system without KVM beside one without emulation.
    """
    for first in next(iter(offers.values())):
        same = {
            name: offer
            for name, each in offers.items()
            for offer in each
            if offer.hypervisor == first.hypervisor
        }
        if len(same) == len(offers):
            return same
    told = (f"{n}: {', '.join(o.hypervisor for o in each) or 'none'}" for n, each in offers.items())
    raise Conflict(
        "no-common-hypervisor",
        f"{', '.join(offers)} cannot run the same partitions.",
        cause=f"What QEMU runs partitions by there is {'; '.join(told)}.",
        remedy="Enable hardware virtualization on all of them, or leave out those without.",
    )


def no_baseline(chosen: Chosen, causes: Sequence[str]) -> Conflict:
    """The error for systems that have none, in libvirt's words."""
    return Conflict(
        "no-common-baseline",
        f"{', '.join(chosen.names)} have no processor baseline in common.",
        cause=" ".join(causes),
        remedy="Ask for those of one maker together: partitions do not move between processors of "
        "different makers.",
    )


def as_guest(cpu: NamedCpu, hypervisor: str) -> GuestCpu:
    """A processor by names, as a partition's definition would ask for it."""
    return GuestCpu(X86_64, "", hypervisor, cpu.xml, "custom", cpu.model)
