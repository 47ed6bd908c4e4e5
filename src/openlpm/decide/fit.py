"""Which partitions fit a processor baseline, which need only be activated anew, and the others.

    found = once(partitions_of_all_systems)
    questions = {q for p in found for q in asked(p, chosen)}
    ... libvirt compares: verdicts[system, processor] ...
    fits = [judged(p, chosen, verdicts) for p in found]

A partition fits when libvirt says of each system that it can give the processor that the partition
has. That is the same as lying within the baseline, and the same question as validation asks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from openlpm.decide.baseline import Chosen
from openlpm.model.baseline import Fit, PartitionFit
from openlpm.model.processor import COMPARABLE, HOST_MODEL, X86_64, GuestCpu, PartitionCpu
from openlpm.model.sight import Sight
from openlpm.model.spoken import spoken
from openlpm.model.verdict import CpuVerdict

Question = tuple[str, GuestCpu]
"""Can the system of this name give this processor?"""
Verdicts = Mapping[Question, CpuVerdict]

_BY_LIKELINESS = (Sight.RUNNING, Sight.PAUSED)
_TRANSIENT = "It is not stored on its system: whoever made it must make it anew, with the baseline."


def once(found: Iterable[PartitionCpu]) -> list[PartitionCpu]:
    """Each partition once, by name. One that moves is on two systems: where it runs counts."""
    best: dict[str, PartitionCpu] = {}
    for each in sorted(found, key=_likeliness):
        best.setdefault(each.uuid, each)
    return sorted(best.values(), key=lambda each: (each.name, each.uuid))


def _likeliness(cpu: PartitionCpu) -> int:
    return _BY_LIKELINESS.index(cpu.state) if cpu.state in _BY_LIKELINESS else len(_BY_LIKELINESS)


def asked(partition: PartitionCpu, chosen: Chosen) -> Iterator[Question]:
    """What has to be known to judge it. Of its own system nothing, for what it runs with."""
    for cpu, systems in _both(partition, chosen):
        if _is_comparable(cpu) and cpu.arch == X86_64:
            yield from ((name, cpu) for name in systems)


def _both(partition: PartitionCpu, chosen: Chosen) -> Iterator[tuple[GuestCpu, tuple[str, ...]]]:
    """What it runs with and what is stored for it, each with the systems that must have it."""
    if partition.present is not None:
        yield partition.present, tuple(n for n in chosen.names if n != partition.system)
    if partition.stored is not None:
        yield _activated(partition.stored, partition.system, chosen), chosen.names


def _activated(cpu: GuestCpu, system: str, chosen: Chosen) -> GuestCpu:
    """What a stored processor becomes at an activation where the partition is now."""
    if cpu.mode != HOST_MODEL or cpu.hypervisor != chosen.hypervisor:
        return cpu
    offered = chosen.offers[system].cpu
    return replace(cpu, mode="custom", xml=offered.xml, model=offered.model)


def _is_comparable(cpu: GuestCpu) -> bool:
    return cpu.mode in COMPARABLE


def judged(partition: PartitionCpu, chosen: Chosen, verdicts: Verdicts) -> PartitionFit:
    """Whether it fits, and if not, what it takes. `verdicts` answer all that `asked` asks."""
    has = partition.present or partition.stored
    begun = PartitionFit(
        partition.uuid,
        partition.name,
        partition.system,
        partition.state,
        has.spoken if has else "",
        Fit.FITS,
    )
    if has is None:
        return _unreadable(begun, partition, chosen)
    if has.arch != X86_64:
        return replace(begun, fit=Fit.OTHER, reason=f"It is a {has.arch} partition.")
    obstacles = [_obstacles(cpu, at, partition, verdicts) for cpu, at in _both(partition, chosen)]
    now, then = obstacles[0], obstacles[-1]  # the same one where it is off, or nothing is stored
    remedy = _change(partition, chosen)
    if not now:
        soon = f"Only until it is activated anew, by what is stored for that: {then}"
        return replace(begun, reason=soon, remedy=remedy) if then else begun
    if not then:
        return replace(begun, fit=Fit.RESTART, reason=now, remedy=_anew(partition))
    will = partition.stored or has
    if will.hypervisor != chosen.hypervisor:
        reason = f"It is run by {will.hypervisor}, the baseline is for {chosen.hypervisor}. {now}"
        return replace(begun, fit=Fit.OTHER, reason=reason)
    return replace(begun, fit=Fit.CHANGE, reason=now, remedy=remedy)


def _unreadable(begun: PartitionFit, partition: PartitionCpu, chosen: Chosen) -> PartitionFit:
    return replace(
        begun,
        fit=Fit.UNKNOWN,
        reason=partition.trouble,
        remedy=f"See what libvirt says of it: virsh -c '{chosen.system(partition.system).uri}' "
        f"dumpxml {partition.uuid}",
    )


def _obstacles(
    cpu: GuestCpu, systems: Sequence[str], partition: PartitionCpu, verdicts: Verdicts
) -> str:
    """Which systems cannot give it, and why; nothing where all can."""
    if not _is_comparable(cpu):
        elsewhere = any(name != partition.system for name in systems)
        whole = f"In mode {cpu.mode} it has all that its system's processor has"
        return f"{whole}, which libvirt cannot compare with others." if elsewhere else ""
    lacking: dict[str, list[str]] = {}
    for name in systems:
        if not (verdict := verdicts[name, cpu]).compatible:
            lacking.setdefault(verdict.missing, []).append(name)
    return " ".join(f"{', '.join(names)}: {missing}" for missing, names in lacking.items())


def _anew(partition: PartitionCpu) -> str:
    word = spoken(partition.name, partition.uuid)
    return f"lpm partition shutdown {word} && lpm partition activate {word}"


def _change(partition: PartitionCpu, chosen: Chosen) -> str:
    """The commands that give it the baseline. URIs are plain words but for '?' and '&'."""
    if partition.stored is None:
        return _TRANSIENT
    if partition.stored.hypervisor != chosen.hypervisor:
        return ""
    uri = chosen.system(partition.system).uri
    steps = (
        f"Put what lpm system baseline {' '.join(chosen.names)} --xml prints in the place of its "
        f"<cpu>: virsh -c '{uri}' edit {spoken(partition.name, partition.uuid)}"
    )
    if partition.present is None:
        return f"{steps}; it takes effect at its next activation."
    return f"{steps}; then {_anew(partition)}"
