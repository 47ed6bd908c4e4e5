"""Activation: what a profile asks for, and what its system has, become what the partition gets.

A partition without profiles of its own is powered on as it is defined.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from openlpm.decide.activate import assign, less_than_desired, out_of_reach
from openlpm.decide.checks.entitlement import LET_DIVIDE
from openlpm.engine.claims import Claim
from openlpm.engine.done import tell_done
from openlpm.engine.estate import Estate
from openlpm.engine.taking import held_by_others, room, take_disks
from openlpm.engine.views import Activated, activated
from openlpm.model.errors import Conflict, Refused
from openlpm.model.event import Event, Level
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import DiskKind, VirtualDisk
from openlpm.model.partition import Mark, Partition
from openlpm.model.profile import Adapter, DiskAdapter, EthernetAdapter, Profile, Profiles, keys
from openlpm.model.spoken import spoken
from openlpm.model.system import configurable
from openlpm.ports import Host, Journal

T = TypeVar("T")


class Activation:
    """Powers partitions on. What a start will hold is claimed before (`claims`)."""

    def __init__(self, estate: Estate, journal: Journal) -> None:
        self._estate = estate
        self._journal = journal

    def activate(self, partition: Partition, profile: str, claim: Claim) -> Activated:
        """Power on one that is off, with the profile of that name, '' for the current one.

        `claim` is on that partition. Raises `Refused` where less than the minimum is free or a
        required adapter is missing.
        """
        host = self._estate.host(partition.system)
        kept = host.profiles(partition.uuid)
        if kept is None or partition.mark is None:
            _refuse_unknown(partition, profile)
            _require_alone(partition, take_disks(self._estate, partition.writes, claim))
            claim.room = room(partition, partition.demand)
            self._started(partition, lambda: host.start(partition.uuid))
            return self._seen(partition, "", ())
        kept = kept.with_current(profile or kept.current)
        chosen = kept.named()
        unnamed = set(partition.writes) - kept.adapter_keys()
        taken = take_disks(self._estate, unnamed.union(keys(chosen.adapters)), claim)
        _require_alone(partition, {disk: why for disk, why in taken.items() if disk in unnamed})
        missing = missing_backing(host, chosen.adapters, taken)
        _require(partition.system, chosen, missing)
        warnings = self._give(host, partition, kept, missing, claim)
        for warning in warnings:
            self._tell(partition, warning)
        return self._seen(partition, chosen.name, warnings)

    def _give(
        self,
        host: Host,
        partition: Partition,
        kept: Profiles,
        missing: dict[str, str],
        claim: Claim,
    ) -> Sequence[Finding]:
        """Start it; the warnings. Nobody else is promised the same room meanwhile."""
        watch = self._estate.watch(partition.system)
        chosen = kept.named()
        others = kept.adapter_keys() - set(keys(chosen.adapters))
        total = configurable(watch.system, host.facts())
        with self._estate.claims.counting():
            held = held_by_others(self._estate, self._journal, partition)
            wanted = assign(partition.system, chosen, total, held, others | missing.keys())
            claim.room = room(partition, wanted.resources)
        mark = replace(partition.mark or Mark(0), processing_units=wanted.units)
        divides = self._started(
            partition, lambda: host.activate(partition.uuid, wanted, mark, kept)
        )
        warnings = [
            *(_dropped(partition.system, key, why) for key, why in missing.items()),
            *less_than_desired(partition.system, chosen, wanted, held),
            *out_of_reach(partition.system, chosen, wanted),
        ]
        return warnings if divides else [*warnings, not_divided(partition.system)]

    def _started(self, partition: Partition, start: Callable[[], T]) -> T:
        """What `start` says; it is looked at then, also after a start whose end was not seen."""
        try:
            return start()
        finally:
            self._estate.watch(partition.system).refresh(partition.uuid)

    def _tell(self, partition: Partition, warning: Finding) -> None:
        event = Event(
            warning.code,
            f"{partition.name}: {warning.message}",
            level=Level.WARNING,
            system=partition.system,
            partition=partition.name,
        )
        tell_done(self._journal, event)

    def _seen(self, partition: Partition, profile: str, warnings: Sequence[Finding]) -> Activated:
        return activated(self._estate.partition_now(partition.uuid), profile, warnings)


def _refuse_unknown(partition: Partition, profile: str) -> None:
    if profile:
        word = spoken(partition.name, partition.uuid)
        raise Conflict(
            "no-profiles",
            f"{partition.name!r} has no profiles of its own.",
            cause="It is activated as it is defined.",
            remedy=f"Make one: lpm profile create {word} NAME.",
        )


def _require_alone(partition: Partition, taken: Mapping[str, str]) -> None:
    """Two that write to one disk destroy it, and no lease of theirs would stop them."""
    if taken:
        raise Refused(
            "disk-in-use",
            f"{partition.name!r} would write to a disk that another partition writes to.",
            [
                Finding(
                    "disk-in-use",
                    Severity.ERROR,
                    partition.system,
                    "the network disks that active partitions write to",
                    f"{disk}: {why}",
                    "Power that one off first, or give one of them another disk. Where that "
                    "one's server is gone for good: lpm system remove (docs/locking.md).",
                )
                for disk, why in taken.items()
            ],
        )


def missing_backing(
    host: Host, adapters: Iterable[Adapter], taken: Mapping[str, str]
) -> dict[str, str]:
    """Keys of adapters whose backing this system does not have, or others have, and why."""
    every = list(adapters)
    disks = [
        VirtualDisk(one.key, one.bus, DiskKind.NETWORK, one.url, protocol="nbd")
        for one in every
        if isinstance(one, DiskAdapter) and one.key not in taken
    ]
    missing = {one.key: taken[one.key] for one in every if one.key in taken}
    missing |= host.open_disks(disks) if disks else {}
    there = {switch.name for switch in host.facts().switches if switch.active}
    return missing | {
        one.key: f"There is no active virtual switch {one.switch!r}."
        for one in every
        if isinstance(one, EthernetAdapter) and one.switch not in there
    }


def _require(system: str, profile: Profile, missing: dict[str, str]) -> None:
    lacking = [one for one in profile.adapters if one.required and one.key in missing]
    if not lacking:
        return
    raise Refused(
        "adapter-missing",
        f"{system} lacks what profile {profile.name!r} requires.",
        [
            Finding(
                "adapter-missing",
                Severity.ERROR,
                system,
                "the backing of the adapters that the profile requires",
                f"{one.key}: {missing[one.key]}",
                "Bring it back, power off who uses it, or let it be desired only: "
                "lpm profile set --desire.",
            )
            for one in lacking
        ],
    )


def _dropped(system: str, key: str, why: str) -> Finding:
    return Finding(
        "adapter-dropped",
        Severity.WARNING,
        system,
        "the backing of the adapters that the profile desires",
        f"It runs without {key}: {why}",
        "It has it again after the next activation that finds it.",
    )


def not_divided(system: str) -> Finding:
    """A warning that a system does not keep entitlement and cap."""
    return Finding(
        "time-not-divided",
        Severity.WARNING,
        system,
        "libvirt's control groups there",
        f"{system} does not divide processor time: entitlement and cap are not kept.",
        LET_DIVIDE,
    )
