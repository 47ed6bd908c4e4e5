"""Activation: a profile and what is free become an assignment, or a refusal that says what lacks.

    desired amounts, or what is free down to the minimum

As far as its profile's maximum it may be given more while it runs (`resize`). Until its guest has
booted, it can take all of that memory: so it is started with no more of it than is free.

Memory and processing units are counted, in MiB and in steps of 0.05; virtual processors follow from
the units, as each needs 0.05 and can use 1. Dedicated processors are whole ones.
"""

from collections.abc import Collection, Iterable, Sequence

from openlpm.decide.reserve import Holder, left
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.profile import (
    STEPS_A_PROCESSOR,
    Profile,
    Sharing,
    Span,
    steps,
    units_of,
)
from openlpm.model.system import Resources

MOST_NAMED = 8
"""Holders in one message; a server may have hundreds."""


def assign(
    system: str,
    profile: Profile,
    total: Resources,
    held: Sequence[Holder],
    without: Collection[str] = (),
) -> Assignment:
    """What the partition gets. Raises `Refused` where not even the minimum is free.

    `without`: keys of adapters that it must not have.
    """
    free = left(total, held)
    memory = min(profile.memory_mib.desired, free.memory_mib)
    units = _units(profile, free)
    short = [
        *_memory_short(system, profile.memory_mib, free, held),
        *_units_short(system, profile, units, free, held),
    ]
    if short:
        raise Refused(
            "not-enough-free",
            f"{system} cannot give the minimum of profile {profile.name!r}.",
            short,
        )
    return Assignment(
        profile=profile.name,
        memory_mib=memory,
        processors=_processors(profile, units),
        units=units_of(units),
        sharing=profile.sharing,
        weight=profile.weight,
        most_memory_mib=max(memory, min(profile.memory_mib.maximum, free.memory_mib)),
        least_processors=profile.processors.minimum,
        most_processors=profile.processors.maximum,
        cpu_model=profile.cpu_model,
        adapters=tuple(one for one in profile.adapters if one.key not in without),
        without=frozenset(without),
        boot=profile.boot,
    )


def less_than_desired(
    system: str, profile: Profile, given: Assignment, held: Sequence[Holder]
) -> Iterable[Finding]:
    """A warning where it got less than its profile desires: how much, and who has the rest."""
    less: list[str] = []
    if given.memory_mib < profile.memory_mib.desired:
        figures = f"{given.memory_mib} of {profile.memory_mib.desired} MiB"
        less.append(f"{figures} desired. {memory_held(held)}")
    if steps(given.units) < steps(profile.units.desired):
        figures = f"{given.units:g} of {profile.units.desired:g} processing units"
        less.append(f"{figures} desired. {units_held(held)}")
    if less:
        yield Finding(
            "less-than-desired",
            Severity.WARNING,
            system,
            "what partitions and reservations leave free",
            f"It got {' It got '.join(less)}",
            "To give it all, free some and activate it again.",
        )


def memory_held(held: Sequence[Holder]) -> str:
    """Who holds how much memory, as a sentence."""
    return _named([(h.name, h.holds.memory_mib) for h in held if h.holds.memory_mib], " MiB")


def units_held(held: Sequence[Holder]) -> str:
    """Who holds how many processing units, as a sentence."""
    holding = [(h.name, h.holds.processing_units) for h in held if h.holds.processing_units]
    return _named(holding, "")


def out_of_reach(system: str, profile: Profile, given: Assignment) -> Iterable[Finding]:
    """A warning where too little is free for the profile's maximum to be reached while it runs.

    One that got less than is desired is warned of that already.
    """
    reach = given.memory_mib == profile.memory_mib.desired
    if reach and given.most_memory_mib < profile.memory_mib.maximum:
        yield Finding(
            "maximum-out-of-reach",
            Severity.WARNING,
            system,
            "what partitions and reservations leave free",
            f"While it runs it can be given {given.most_memory_mib} of the maximum of "
            f"{profile.memory_mib.maximum} MiB.",
            "To reach the maximum, free some and activate it again.",
        )


def _units(profile: Profile, free: Resources) -> int:
    """In steps; below the minimum where there is too little."""
    # A hair more than what is free would round up: a system's figure may have any fraction.
    available = int(free.processing_units * STEPS_A_PROCESSOR + 1e-6)
    if profile.sharing is Sharing.DEDICATED:
        available -= available % STEPS_A_PROCESSOR
    return min(steps(profile.units.desired), available)


def _processors(profile: Profile, units: int) -> int:
    """As many as the units suffice for; `units` are between the profile's minimum and desired."""
    if profile.sharing is Sharing.DEDICATED:
        return units // STEPS_A_PROCESSOR
    return min(profile.processors.desired, units)


def _memory_short(
    system: str, span: Span[int], free: Resources, held: Sequence[Holder]
) -> Iterable[Finding]:
    if free.memory_mib >= span.minimum:
        return
    yield Finding(
        "memory-short",
        Severity.ERROR,
        system,
        "memory not held by partitions or reservations",
        f"{span.minimum} MiB are the minimum, {max(0, free.memory_mib)} MiB are free: "
        f"{span.minimum - free.memory_mib} MiB are missing. "
        f"{memory_held(held)}",
        _remedy(system),
    )


def _units_short(
    system: str, profile: Profile, units: int, free: Resources, held: Sequence[Holder]
) -> Iterable[Finding]:
    minimum = profile.units.minimum
    if units >= steps(minimum):
        return
    whole = " whole" if profile.sharing is Sharing.DEDICATED else ""
    yield Finding(
        "processors-short",
        Severity.ERROR,
        system,
        "processing units not held by partitions or reservations",
        f"{minimum:g}{whole} processing units are the minimum, "
        f"{max(0.0, free.processing_units):g} are free: "
        f"{round(minimum - free.processing_units, 2):g} are missing. "
        f"{units_held(held)}",
        _remedy(system),
    )


def _named(holding: Sequence[tuple[str, float]], unit: str) -> str:
    """Who holds how much, the largest first."""
    if not holding:
        return "Nobody holds any."
    most = sorted(holding, key=lambda one: (-one[1], one[0]))
    told = [f"{name} {amount:g}{unit}" for name, amount in most[:MOST_NAMED]]
    rest = len(most) - len(told)
    return f"Held by {', '.join(told)}{f' and {rest} more' if rest else ''}."


def _remedy(system: str) -> str:
    return (
        f"Move or power off a partition on {system}, activate with a smaller profile (--profile), "
        "or move this one to another server."
    )
