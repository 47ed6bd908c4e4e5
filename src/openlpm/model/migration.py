"""The record of one move, as the journal keeps it.

The five steps are the only phases besides the final ones. The record says what was
*intended*; where the partition is, is always looked up anew (see `sight`).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from openlpm.model.disk_copy import DiskCopy
from openlpm.model.policy import Policy
from openlpm.model.system import NOTHING, Resources


class Kind(StrEnum):
    """By the partition's state when the move was asked for."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class Phase(StrEnum):
    """The five steps and the three ends."""

    CAPTURE = "capture"
    DUPLICATE = "duplicate"
    SEND = "send"
    SWITCH_OVER = "switch-over"
    CUT_TIES = "cut-ties"
    DONE = "done"  # the partition is at the target
    FAILED = "failed"  # it is where it was, or went off by itself; nothing is left at the target
    STOPPED = "stopped"  # as FAILED, by the operator's wish

    @property
    def final(self) -> bool:
        """Nothing will happen any more."""
        return self in (Phase.DONE, Phase.FAILED, Phase.STOPPED)


STEPS = (Phase.CAPTURE, Phase.DUPLICATE, Phase.SEND, Phase.SWITCH_OVER, Phase.CUT_TIES)


class Halt(StrEnum):
    """Why the transfer under way must end before its switch-over."""

    NONE = "none"
    OPERATOR = "operator"
    NO_CONVERGENCE = "no-convergence"
    THROTTLE = "throttle"  # to begin again with auto-converge


@dataclass(frozen=True, slots=True)
class Progress:
    """A transfer's figures at one moment, as QEMU reports them. Rates in bytes/s.

    `total_bytes` and `remaining_bytes` are memory and disks together, `disk_…` of them the disks
    that are copied. `memory_done` and `disks_done`: shares from 0 to 1 that never run backwards.
    """

    elapsed_ms: int = 0
    total_bytes: int = 0
    sent_bytes: int = 0
    remaining_bytes: int = 0
    rate_bytes_s: float = 0.0
    dirty_bytes_s: float = 0.0
    iteration: int = 0
    throttle_percent: int = 0
    pause_ms: int = 0  # of a finished transfer: QEMU's own downtime
    disk_total_bytes: int = 0
    disk_remaining_bytes: int = 0
    memory_done: float = 0.0
    disks_done: float = 0.0

    @property
    def memory_bytes(self) -> int:
        """All of the memory; 0 while that is not sent yet."""
        return max(0, self.total_bytes - self.disk_total_bytes)

    @property
    def memory_remaining_bytes(self) -> int:
        """What is to be sent of it, as it is now."""
        return max(0, self.remaining_bytes - self.disk_remaining_bytes)

    def after(self, before: "Progress | None") -> "Progress":
        """The same, with the shares done: what is written anew takes nothing back of them."""
        memory = _share(self.memory_bytes, self.memory_remaining_bytes)
        # Memory is sent once the copies have caught up; what is written since follows at once.
        caught_up = self.memory_bytes > 0 and self.disk_total_bytes > 0
        left = 0 if caught_up else self.disk_remaining_bytes
        disks = _share(self.disk_total_bytes, left)
        return replace(
            self,
            memory_done=max(memory, before.memory_done if before else 0.0),
            disks_done=max(disks, before.disks_done if before else 0.0),
        )


def _share(total: int, remaining: int) -> float:
    return min(1.0, max(0.0, 1 - remaining / total)) if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What a finished move took. None: not measured (an inactive move has no pause)."""

    pause_ms: int | None = None
    total_s: float | None = None
    bytes_sent: int | None = None
    iterations: int | None = None
    phase_s: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Migration:
    """One move. Times are seconds since the epoch.

    `asked`: the transfer (or definition at the target) has been requested; written before the
    request, so that after a crash True means "perhaps". `leased`: the partition has a lease.
    `retaking`: the source was to be paused and resumed, written before; it may be paused by us.
    `gone`: the end that an operator gave up, until it is seen again and was looked after.
    `switched`: post-copy was to begin, written before.
    `copies`: its disks that are copied, for the servers do not share them; `keep_disks`: those at
    the source stay there when it has arrived.
    """

    id: str
    partition_uuid: str
    partition: str
    source: str
    target: str
    kind: Kind
    phase: Phase = Phase.CAPTURE
    asked: bool = False
    halt: Halt = Halt.NONE
    throttled: bool = False
    leased: bool = False
    retaking: bool = False
    gone: str = ""
    switched: bool = False
    demand: Resources = NOTHING
    policy: Policy = field(default_factory=Policy)
    is_return: bool = False
    reason: str = ""
    created_at: float = 0.0
    finished_at: float | None = None
    phase_at: tuple[tuple[str, float], ...] = ()
    figures: Figures = field(default_factory=Figures)
    copies: tuple[DiskCopy, ...] = ()
    keep_disks: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room held on `system` for a partition that may arrive there."""

    migration_id: str
    system: str
    partition_uuid: str
    partition: str
    resources: Resources
