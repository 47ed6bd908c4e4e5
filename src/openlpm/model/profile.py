"""Partition profiles: what a partition gets when it is activated.

    memory            512 .. 1024 .. 2048 MiB     minimum, desired, maximum
    processors        1 .. 2 .. 4                 virtual ones
    processing units  0.1 .. 0.5 .. 2.0           its entitlement, in steps of 0.05

Activation gives the desired amounts, or what is free down to the minimum; the maximum is as far as
a running partition may be given more. A partition has one or more profiles, and a current one.
They are checked where they are made: a `Profile` that exists can be activated.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

from openlpm.model.errors import BadRequest, Conflict, NotFound
from openlpm.model.names import checked_mac, checked_name, checked_range, checked_unlike
from openlpm.model.network_disk import BUSES, MOST_DISKS, checked_bus, network_disk

N = TypeVar("N", int, float)

USUAL_NAME = "default"
"""The profile that a partition is created with."""
USUAL_WEIGHT = 128
MOST_WEIGHT = 255
MOST_PROFILES = 32
MOST_ADAPTERS = 128
LEAST_MEMORY_MIB = 16
MOST_MEMORY_MIB = 2**32
MOST_PROCESSORS = 1024
STEPS_A_PROCESSOR = 20
"""Processing units come in steps of 0.05: so many make one processor."""


class Sharing(StrEnum):
    """How processors are given to a partition.

    DEDICATED: whole ones, none of them promised to others. CAPPED: its entitlement and not more.
    UNCAPPED: its entitlement, and a part of what others leave idle.
    """

    DEDICATED = "dedicated"
    CAPPED = "capped"
    UNCAPPED = "uncapped"


class BootDevice(StrEnum):
    """What a partition may boot from."""

    DISK = "disk"
    NETWORK = "network"
    CDROM = "cdrom"


@dataclass(frozen=True, slots=True)
class Span(Generic[N]):
    """Minimum, desired and maximum of one amount."""

    minimum: N
    desired: N
    maximum: N


def fixed(amount: N) -> Span[N]:
    """All three the same."""
    return Span(amount, amount, amount)


@dataclass(frozen=True, slots=True)
class DiskAdapter:
    """A virtual disk on a network volume, by its URL. `required`: no activation without it."""

    url: str
    bus: str = "scsi"
    required: bool = True

    @property
    def key(self) -> str:
        """What tells it from the partition's other adapters: its URL in one spelling."""
        return network_disk(self.url).url


@dataclass(frozen=True, slots=True)
class EthernetAdapter:
    """A virtual Ethernet adapter on a virtual switch; its MAC address is its identity."""

    switch: str
    mac: str
    port_group: str = ""
    required: bool = True

    @property
    def key(self) -> str:
        """What tells it from the partition's other adapters."""
        return self.mac.lower()


Adapter = DiskAdapter | EthernetAdapter


def steps(units: float) -> int:
    """Processing units as a number of steps of 0.05: exact where floats are not."""
    return round(units * STEPS_A_PROCESSOR)


def units_of(number: int) -> float:
    """So many steps of 0.05, as processing units."""
    return round(number / STEPS_A_PROCESSOR, 2)


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile; raises `BadRequest` where it could not be activated by any system.

    `cpu_model`: the processor compatibility mode, empty to leave the processor as it is.
    `boot`: what is tried, in that order; empty to leave that as it is.
    """

    name: str
    memory_mib: Span[int]
    processors: Span[int]
    units: Span[float]
    sharing: Sharing = Sharing.UNCAPPED
    weight: int = USUAL_WEIGHT
    cpu_model: str = ""
    adapters: tuple[Adapter, ...] = ()
    boot: tuple[BootDevice, ...] = ()

    def __post_init__(self) -> None:
        checked_name("profile", self.name)
        _checked_span("memory", self.memory_mib, LEAST_MEMORY_MIB, MOST_MEMORY_MIB)
        _checked_span("processors", self.processors, 1, MOST_PROCESSORS)
        _checked_span("processing_units", self.units, 0.05, MOST_PROCESSORS)
        for level in ("minimum", "desired", "maximum"):
            self._check_units(level, getattr(self.units, level), getattr(self.processors, level))
        checked_range("weight", self.weight, 0, MOST_WEIGHT)
        if self.cpu_model:
            checked_name("processor model", self.cpu_model)
        self._check_adapters()
        checked_unlike("boot: the device", self.boot)

    def _check_units(self, level: str, units: float, processors: int) -> None:
        what = f"processing_units.{level}"
        if abs(units * STEPS_A_PROCESSOR - steps(units)) > 1e-6:
            near = units_of(max(1, steps(units)))
            raise _unfit(f"{what} is {units:g}; units come in steps of 0.05.", f"Give {near}, say.")
        if self.sharing is Sharing.DEDICATED and units != processors:
            raise _unfit(
                f"{what} is {units:g} for {processors} dedicated processors.",
                "Dedicated processors are whole: leave processing_units out.",
            )
        if not processors <= steps(units) <= processors * STEPS_A_PROCESSOR:
            raise _unfit(
                f"{what} is {units:g} for {processors} virtual processors.",
                f"Give {units_of(processors):g} to {processors:g}: each virtual processor needs "
                "0.05 and can use 1.",
            )

    def _check_adapters(self) -> None:
        checked_range("The number of adapters", len(self.adapters), 0, MOST_ADAPTERS)
        for adapter in self.adapters:
            if isinstance(adapter, DiskAdapter):
                checked_bus(adapter.bus)
                continue
            checked_mac(adapter.mac)
            if not adapter.switch:
                raise _unfit(
                    f"The adapter {adapter.mac} names no virtual switch.",
                    "Say which network it is plugged into.",
                )
        checked_unlike("The adapter", keys(self.adapters))
        disks = Counter(BUSES[a.bus] for a in self.adapters if isinstance(a, DiskAdapter))
        for name, number in disks.items():
            checked_range(f"The number of disks {name}a, {name}b …", number, 0, MOST_DISKS)

    def needing(self, require: Collection[str], desire: Collection[str]) -> "Profile":
        """The same with some adapters required and some desired, each by its URL or MAC address.

        Raises `NotFound`, and `BadRequest` for one that is named as both.
        """
        wanted = [*((name, True) for name in require), *((name, False) for name in desire)]
        needs: dict[str, bool] = {}
        for name, required in wanted:
            key = _spelled(name)
            if key not in keys(self.adapters):
                raise NotFound(
                    "no-such-adapter",
                    f"Profile {self.name!r} has no adapter {name[:80]!r}.",
                    cause=f"It has: {', '.join(keys(self.adapters)) or 'none'}.",
                    remedy="lpm profile import adds some.",
                )
            if needs.setdefault(key, required) is not required:
                raise _unfit(f"The adapter {key} is to be required and desired.", "Choose one.")
        each = (replace(one, required=needs.get(one.key, one.required)) for one in self.adapters)
        return replace(self, adapters=tuple(each))


def _checked_span(what: str, span: Span[N], least: float, most: float) -> None:
    for level in ("minimum", "desired", "maximum"):
        value: float = getattr(span, level)
        checked_range(f"{what}.{level}", value, least, most)
    if not span.minimum <= span.desired <= span.maximum:
        raise _unfit(
            f"{what} has minimum {span.minimum:g}, desired {span.desired:g} and maximum "
            f"{span.maximum:g}.",
            "They must not fall: minimum, desired, maximum.",
        )


def _unfit(cause: str, remedy: str) -> BadRequest:
    return BadRequest("bad-profile", "These profiles cannot be used.", cause=cause, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of one partition. `current`: what it is activated with unless told otherwise.

    `implied`: none are kept; there is one, told from what the partition is. Raises `BadRequest`
    where there are none or too many, one twice, or no current one among them.
    """

    current: str
    each: tuple[Profile, ...]
    implied: bool = False

    def __post_init__(self) -> None:
        checked_range("The number of profiles", len(self.each), 1, MOST_PROFILES)
        checked_unlike("The profile", (profile.name for profile in self.each))
        if self.current not in {profile.name for profile in self.each}:
            raise _unfit(
                f"current is {self.current[:80]!r}, which is none of the profiles.",
                "Name one that is there.",
            )

    def named(self, name: str = "") -> Profile:
        """The profile of that name; the current one for ''. Raises `NotFound`."""
        for profile in self.each:
            if profile.name == (name or self.current):
                return profile
        raise NotFound(
            "no-such-profile",
            f"There is no profile {name[:80]!r}.",
            cause=f"There are: {', '.join(profile.name for profile in self.each)}.",
            remedy="lpm profile list shows those of a partition.",
        )

    def with_current(self, name: str) -> "Profiles":
        """The same with another current one. Raises `NotFound`."""
        return Profiles(self.named(name).name, self.each)

    def with_new(self, profile: Profile) -> "Profiles":
        """One more. Raises `Conflict` where the name is taken, also in another case."""
        if any(one.name.lower() == profile.name.lower() for one in self.each):
            raise Conflict(
                "profile-exists",
                f"There is a profile {profile.name!r} already.",
                remedy="Choose another name, or change that one: lpm profile set.",
            )
        return Profiles(self.current, (*self.each, profile))

    def with_changed(self, profile: Profile) -> "Profiles":
        """`profile` in place of the one of its name. Raises `NotFound`."""
        self.named(profile.name)
        each = tuple(profile if one.name == profile.name else one for one in self.each)
        return Profiles(self.current, each)

    def without(self, name: str) -> "Profiles":
        """One less. Raises `NotFound`, and `Conflict` for the current (so also for the last)."""
        gone = self.named(name)
        if gone.name == self.current:
            raise Conflict(
                "profile-current",
                f"{gone.name!r} is the current profile.",
                cause="The partition is activated with it.",
                remedy="Make another one current first: lpm profile set --current.",
            )
        return Profiles(self.current, tuple(one for one in self.each if one is not gone))

    def adapter_keys(self) -> frozenset[str]:
        """All adapters that some profile names: activation puts in and takes out these only."""
        return frozenset(keys(adapter for one in self.each for adapter in one.adapters))


def _spelled(adapter: str) -> str:
    """A disk's URL or a MAC address as an adapter's key."""
    try:
        return network_disk(adapter).url
    except BadRequest:
        return adapter.lower()


def keys(adapters: Iterable[Adapter]) -> list[str]:
    """What tells them from each other."""
    return [adapter.key for adapter in adapters]
