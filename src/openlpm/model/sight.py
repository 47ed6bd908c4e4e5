"""Where a partition was seen: the only truth that the engine acts on.

"Cannot see" is a value (`Sight.UNKNOWN`), and it only ever waits: nobody may conclude from
it that a partition is off, absent or lost.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sight(StrEnum):
    """What one server says of one partition."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """Why it is in that state, as far as the engine must know."""

    NONE = "none"
    RESUMED = "resumed"  # runs since it was resumed: by somebody, or by QEMU when a transfer failed
    USER = "user"  # paused or shut off by somebody's wish, the guest's own included
    POSTCOPY = "post-copy"  # the target runs it, and fetches memory from the source, paused
    POSTCOPY_FAILED = "post-copy-failed"  # the same, and the connection for it is broken
    MIGRATION = "migration"  # paused by a transfer: at the target, it has not run there yet
    MIGRATED = "migrated"  # off because it went to another server
    FAULT = "fault"  # crashed, killed, an I/O error, a failed start


@dataclass(frozen=True, slots=True)
class Place:
    """One partition on one server, at one look."""

    state: Sight
    why: Why = Why.NONE

    @property
    def alive(self) -> bool:
        """It has a QEMU process there."""
        return self.state in (Sight.RUNNING, Sight.PAUSED)

    @property
    def fetching(self) -> bool:
        """Post-copy has begun: only both ends together hold the partition's memory."""
        return self.why in (Why.POSTCOPY, Why.POSTCOPY_FAILED)


class Job(StrEnum):
    """The transfer as the source sees it; `RUNNING` also while our own request is under way."""

    NONE = "none"
    RUNNING = "running"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sighting:
    """Both servers at one turn of the state machine.

    `settled`: the same was seen for long enough that no request of an earlier console can
    still be on its way, or our own request has come back. Only a settled sighting may be
    read as an end. `refusal`: what the hypervisor said when it refused the last effect.
    `retaken`: this mover has resumed the source through the hypervisor, which takes its lease.
    `declined`: the switch to post-copy was refused again and again, and never accepted.
    `cleared`: the disks' copies that the move leaves were removed by this mover, or cannot be.
    """

    source: Place
    target: Place
    job: Job = Job.NONE
    settled: bool = True
    refusal: str = ""
    retaken: bool = False
    declined: bool = False
    cleared: bool = False


CANNOT_SEE = Place(Sight.UNKNOWN)
ABSENT = Place(Sight.ABSENT)
