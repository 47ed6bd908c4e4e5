"""Resizing: what is asked of a running partition becomes steps in order, or a refusal.

    memory less · processors less · entitlement · memory more · adapters · processors more

What its guest may refuse to give comes first: then the least is to be taken back. The entitlement
stands between the processors, as a cap is divided among them: it is never more than was promised.
More processors are last: under emulation they cannot be taken back at all (`keeps_processors`).
"""

from collections.abc import Iterator, Sequence

from openlpm.decide.activate import memory_held, units_held
from openlpm.decide.reserve import Holder, left
from openlpm.model.errors import BadRequest, Conflict, NotFound, Refused
from openlpm.model.finding import Finding, Severity
from openlpm.model.partition import Partition
from openlpm.model.profile import (
    STEPS_A_PROCESSOR,
    Adapter,
    Profile,
    Sharing,
    keys,
    steps,
    units_of,
)
from openlpm.model.profile_document import adapter_document
from openlpm.model.resize import (
    Amounts,
    Change,
    Entitlement,
    Memory,
    Plug,
    Processors,
    Resize,
    Running,
    Unplug,
)
from openlpm.model.spoken import spoken
from openlpm.model.system import Resources


def wanted(partition: Partition, running: Running, profile: Profile, asked: Resize) -> Amounts:
    """The amounts that it shall have. Raises `BadRequest` where they do not go together."""
    processors = running.processors if asked.processors is None else asked.processors
    memory = running.memory_mib if asked.memory_mib is None else asked.memory_mib
    if profile.sharing is Sharing.DEDICATED:
        if asked.units not in (None, processors):
            raise _unfit(
                f"{asked.units:g} processing units for {processors} dedicated processors.",
                "Dedicated processors are whole: ask for processors only.",
            )
        units = partition.demand.processing_units if asked.processors is None else float(processors)
        return Amounts(memory, processors, units)
    if not asks_time(asked):
        return Amounts(memory, processors, partition.demand.processing_units)
    units = partition.demand.processing_units if asked.units is None else asked.units
    if abs(units * STEPS_A_PROCESSOR - steps(units)) > 1e-6:
        raise _unfit(f"{units:g} processing units; they come in steps of 0.05.", "Give 0.5, say.")
    if not processors <= steps(units) <= processors * STEPS_A_PROCESSOR:
        raise _unfit(
            f"{units:g} processing units for {processors} virtual processors.",
            f"Give {units_of(processors):g} to {processors:g}: each virtual processor needs 0.05 "
            "and can use 1.",
        )
    return Amounts(memory, processors, units_of(steps(units)))


def asks_time(asked: Resize) -> bool:
    """Processors or their units are to be changed."""
    return asked.processors is not None or asked.units is not None


def _unfit(cause: str, remedy: str) -> BadRequest:
    return BadRequest("bad-size", "No partition can have this size.", cause=cause, remedy=remedy)


def require_limits(
    partition: Partition, running: Running, profile: Profile, asked: Resize, after: Amounts
) -> None:
    """Raises `Refused` where an amount that is asked for lies beyond the profile's, is more than
    the partition can get until it is activated anew, or is less than its guest needs."""
    findings = [
        *_beyond_profile(partition, profile, asked),
        *_beyond_activation(partition, running, profile, after),
        *_not_to_spare(partition, running, after),
    ]
    if findings:
        raise Refused(
            "beyond-limits",
            f"{partition.name!r} cannot be resized so while it runs.",
            findings,
        )


def _beyond_profile(partition: Partition, profile: Profile, asked: Resize) -> Iterator[Finding]:
    # Dedicated units follow from the processors, and are not told twice.
    units = None if profile.sharing is Sharing.DEDICATED else asked.units
    for what, option, amount, unit, span in (
        ("memory", "memory", asked.memory_mib, " MiB", profile.memory_mib),
        ("virtual processors", "processors", asked.processors, "", profile.processors),
        ("processing units", "units", units, "", profile.units),
    ):
        if amount is None or span.minimum <= amount <= span.maximum:
            continue
        side, limit = (
            ("minimum", span.minimum) if amount < span.minimum else ("maximum", span.maximum)
        )
        word = spoken(partition.name, partition.uuid)
        yield Finding(
            "beyond-profile",
            Severity.ERROR,
            partition.system,
            f"profile {profile.name!r}: {what}",
            f"{amount:g}{unit} are asked for, the {side} of profile {profile.name!r} is "
            f"{limit:g}{unit}.",
            f"Change the profile (lpm profile set {word} {profile.name} --{side}-{option} "
            f"{amount:g}), and activate it anew.",
        )


def _beyond_activation(
    partition: Partition, running: Running, profile: Profile, after: Amounts
) -> Iterator[Finding]:
    for what, amount, most, span, unit in (
        ("memory", after.memory_mib, running.most_memory_mib, profile.memory_mib, " MiB"),
        ("processors", after.processors, running.most_processors, profile.processors, ""),
    ):
        if most < amount <= span.maximum:
            yield Finding(
                "beyond-activation",
                Severity.ERROR,
                partition.system,
                f"the {what} that it was activated with",
                f"{amount}{unit} are asked for; it was started to have {most}{unit} at most.",
                "Power it off and activate it anew, with a profile whose maximum is as much.",
            )


def _not_to_spare(partition: Partition, running: Running, after: Amounts) -> Iterator[Finding]:
    less = running.memory_mib - after.memory_mib
    if running.spare_mib is not None and less > max(0, running.spare_mib):
        yield Finding(
            "memory-in-use",
            Severity.ERROR,
            partition.system,
            "the memory that its guest could do without (virtio-balloon's statistics)",
            f"It would have {less} MiB less, and its guest can spare {running.spare_mib} MiB: "
            "it would end programs, or crash.",
            "Ask for more, or end something inside first.",
        )
    if running.keeps_processors and after.processors < running.processors:
        yield Finding(
            "processors-stay",
            Severity.ERROR,
            partition.system,
            "whether it is emulated",
            f"It has {running.processors} virtual processors, and QEMU's emulation may not "
            "survive that one is taken away.",
            "Power it off and activate it anew with a smaller profile, or give it fewer processing "
            "units.",
        )


def require_room(
    partition: Partition, running: Running, after: Amounts, total: Resources, held: Sequence[Holder]
) -> None:
    """Raises `Refused` where its system has not so much more for it. Less always fits.

    `held`: who holds what, but for the partition itself.
    """
    free = left(total, held)
    findings = list(_memory_short(partition, running, after, free, held))
    findings += _units_short(partition, after, free, held)
    if findings:
        raise Refused(
            "not-enough-free",
            f"{partition.system} cannot give {partition.name!r} so much.",
            findings,
        )


def _memory_short(
    partition: Partition, running: Running, after: Amounts, free: Resources, held: Sequence[Holder]
) -> Iterator[Finding]:
    if running.memory_mib < after.memory_mib and free.memory_mib < after.memory_mib:
        yield Finding(
            "memory-short",
            Severity.ERROR,
            partition.system,
            "memory not held by other partitions or reservations",
            f"{after.memory_mib} MiB are asked for, {max(0, free.memory_mib)} MiB are free for it: "
            f"{after.memory_mib - free.memory_mib} MiB are missing. {memory_held(held)}",
            _remedy(partition.system),
        )


def _units_short(
    partition: Partition, after: Amounts, free: Resources, held: Sequence[Holder]
) -> Iterator[Finding]:
    # A hair more than what is free is no shortage: a system's figure may have any fraction.
    if (
        partition.demand.processing_units < after.units
        and free.processing_units + 1e-6 < after.units
    ):
        yield Finding(
            "processors-short",
            Severity.ERROR,
            partition.system,
            "processing units not held by other partitions or reservations",
            f"{after.units:g} processing units are asked for, "
            f"{max(0.0, free.processing_units):g} are free for it: "
            f"{round(after.units - free.processing_units, 2):g} are missing. {units_held(held)}",
            _remedy(partition.system),
        )


def _remedy(system: str) -> str:
    return f"Move or power off a partition on {system}, make one smaller, or ask for less."


def plan(
    partition: Partition, running: Running, profile: Profile, after: Amounts, asked: Resize
) -> list[Change]:
    """The steps, each with the one that takes it back. Raises `NotFound`, `Conflict`."""
    capped = running.capped
    before = Entitlement(partition.demand.processing_units, running.processors, capped)
    entitlement = Entitlement(after.units, after.processors, capped)
    divided = before.units != after.units or (capped and before != entitlement)
    # Somebody may have given it other shares meanwhile, or a console died before it had.
    differs = asks_time(asked) and running.units not in (None, after.units)
    memory = Change(Memory(after.memory_mib), Memory(running.memory_mib))
    processors = Change(Processors(after.processors), Processors(running.processors))
    ordered = [
        (memory, after.memory_mib < running.memory_mib),
        (processors, after.processors < running.processors),
        (Change(entitlement, before), divided or differs),
        (memory, after.memory_mib > running.memory_mib),
    ]
    first = [change for change, is_one in ordered if is_one]
    last = [processors] if after.processors > running.processors else []
    plugs, unplugs = _plugs(running, asked.add), _unplugs(running, profile, asked.remove)
    return [*first, *plugs, *unplugs, *last]


def _plugs(running: Running, adapters: Sequence[Adapter]) -> Iterator[Change]:
    there = set(keys(running.adapters))
    for adapter in adapters:
        if adapter.key in there:
            raise Conflict(
                "adapter-there",
                f"The partition has the adapter {adapter.key} already.",
                remedy="lpm partition show names its adapters.",
            )
        yield Change(Plug(adapter), Unplug(adapter))


def _unplugs(running: Running, profile: Profile, removed: Sequence[str]) -> Iterator[Change]:
    there = {adapter.key: adapter for adapter in running.adapters}
    required = {adapter.key for adapter in profile.adapters if adapter.required}
    for key in removed:
        adapter = there.get(key)
        if adapter is None:
            raise NotFound(
                "no-such-adapter",
                f"The partition has no adapter {key[:80]!r} that a profile can name.",
                remedy="lpm partition show names its adapters.",
            )
        if key in required:
            raise Conflict(
                "adapter-required",
                f"Profile {profile.name!r} requires the adapter {key}.",
                cause="What a partition requires is not taken from it while it runs.",
                remedy=f"Let it be desired first: lpm profile set --desire {key}.",
            )
        yield Change(Unplug(adapter), Plug(adapter))


def saved(profile: Profile, asked: Resize, after: Amounts) -> dict[str, object]:
    """What of a profile is another one from now on: a change of its document."""
    change: dict[str, object] = {}
    if asked.memory_mib is not None:
        change["memory"] = {"desired": after.memory_mib}
    if asked.processors is not None:
        change["processors"] = {"desired": after.processors}
    if profile.sharing is not Sharing.DEDICATED and asks_time(asked):
        change["processing_units"] = {"desired": after.units}
    if asked.add or asked.remove:
        gone = set(asked.remove)
        added = set(keys(asked.add))
        kept = [one for one in profile.adapters if one.key not in gone | added]
        change["adapters"] = [adapter_document(one) for one in (*kept, *asked.add)]
    return change
