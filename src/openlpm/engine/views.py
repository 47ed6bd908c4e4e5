"""What the console answers: values for the faces to show, with nothing left to decide."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from openlpm.model.disk_copy import DiskCopy
from openlpm.model.estimate import Estimate
from openlpm.model.finding import Finding, Validation
from openlpm.model.leadership import Leader
from openlpm.model.migration import Migration, Progress
from openlpm.model.partition import Partition
from openlpm.model.profile import Profiles
from openlpm.model.profile_document import adapter_document, profile_document
from openlpm.model.resize import Running
from openlpm.model.sight import Sight, Sighting
from openlpm.model.storage import KnownPool, Use, Volume
from openlpm.model.system import Link, Resources, System, SystemFacts
from openlpm.model.vios import KnownSwitch


@dataclass(frozen=True, slots=True)
class SystemView:
    """A managed system: what we were told, what it says, what is free.

    `facts`, `total` and `free` are those of the last connection; None if there was none since
    the console started. `trouble` says why it is not connected, `remedy` what to do.
    """

    system: System
    link: Link
    since: float
    trouble: str = ""
    facts: SystemFacts | None = None
    total: Resources | None = None
    free: Resources | None = None
    partitions: int = 0
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MigrationView:
    """A migration with its live figures. `remaining_s`: estimate from measured rates, or None.

    `attention`: what an operator should know while it waits.
    `findings`: the warnings of the validation that let it begin; only in the answer to the request.
    """

    migration: Migration
    progress: Progress | None = None
    remaining_s: float | None = None
    attention: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Activated(Partition):
    """A partition that was just powered on.

    `profile`: which one it was activated with, '' for none; `warnings`: what it lacks of it.
    """

    profile: str = ""
    warnings: tuple[Finding, ...] = ()


def activated(partition: Partition, profile: str, warnings: Sequence[Finding]) -> Activated:
    """The same partition, and what its activation came to."""
    seen = {each.name: getattr(partition, each.name) for each in fields(partition)}
    return Activated(**seen, profile=profile, warnings=tuple(warnings))


@dataclass(frozen=True, slots=True)
class ProfilesView:
    """A partition's profiles, each as a document (`model/profile_document.py`).

    `implied`: it keeps none; this is what it is.
    """

    partition: str
    uuid: str
    system: str
    current: str
    implied: bool
    profiles: tuple[dict[str, Any], ...]


def profiles_view(partition: Partition, profiles: Profiles) -> ProfilesView:
    """What is shown of them."""
    return ProfilesView(
        partition=partition.name,
        uuid=partition.uuid,
        system=partition.system,
        current=profiles.current,
        implied=profiles.implied,
        profiles=tuple(profile_document(each) for each in profiles.each),
    )


@dataclass(frozen=True, slots=True)
class SizeView:
    """What a running partition has, how far it can be resized, and its current profile.

    `running` None: it is off, or does not say. `adapters` and `profile` are documents
    (`model/profile_document.py`); `implied`: it keeps no profile, this is what it is.
    """

    partition: str
    uuid: str
    system: str
    state: Sight
    running: Running | None
    adapters: tuple[dict[str, Any], ...]
    implied: bool
    profile: dict[str, Any]


def size_view(partition: Partition, running: Running | None, profiles: Profiles) -> SizeView:
    """What is shown of it."""
    return SizeView(
        partition=partition.name,
        uuid=partition.uuid,
        system=partition.system,
        state=partition.state,
        running=running and replace(running, adapters=()),
        adapters=tuple(map(adapter_document, running.adapters if running else ())),
        implied=profiles.implied,
        profile=profile_document(profiles.named()),
    )


@dataclass(frozen=True, slots=True)
class Resized(Partition):
    """A partition that was just resized.

    `done`: each step; `saved`: its current profile says so too; `warnings`: what to see to.
    """

    done: tuple[str, ...] = ()
    saved: bool = False
    warnings: tuple[Finding, ...] = ()


def resized(
    partition: Partition, done: Sequence[str], warnings: Sequence[Finding], *, saved: bool
) -> Resized:
    """The same partition, and what its resizing came to."""
    seen = {each.name: getattr(partition, each.name) for each in fields(partition)}
    return Resized(**seen, done=tuple(done), saved=saved, warnings=tuple(warnings))


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """The console that answers, and who leads; None: nobody, or the database does not say so.

    `trouble` is why it does not.
    """

    name: str
    database: str
    leads: bool
    leader: Leader | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A validation with the estimate for the move it allows (None when it is refused).

    `copies`: its disks that would be copied; not named yet (`to_volume`).
    """

    validation: Validation
    estimate: Estimate | None = None
    copies: tuple[DiskCopy, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was seen of an unfinished migration, and what the reconciler does about it."""

    view: MigrationView
    seen: Sighting | None
    explanation: str


@dataclass(frozen=True, slots=True)
class PoolsView:
    """Storage pools. `unseen`: systems out of reach, and why; theirs may be the same as well."""

    pools: tuple[KnownPool, ...]
    unseen: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeView:
    """A volume and who uses it, on whichever system."""

    volume: Volume
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumesView:
    """The volumes of a pool, which is told as the system that was asked has it."""

    pool: KnownPool
    volumes: tuple[VolumeView, ...]
    unseen: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworksView:
    """Virtual switches. `unseen`: as of pools."""

    switches: tuple[KnownSwitch, ...]
    unseen: tuple[tuple[str, str], ...] = ()
