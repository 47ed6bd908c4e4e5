"""Will this transfer end, and at what price? Asked once an iteration of the memory copy.

QEMU switches over by itself as soon as what remains fits the allowed pause. So while an
iteration follows another, what remains does not fit. Then, in this order:

1. the remainder still shrinks by a tenth an iteration: wait;
2. widen the allowed pause, doubling it, up to the partition's limit, never beyond;
3. let the target run it and fetch the rest, if its policy allows post-copy; where that is refused
   again and again, the move's policy allows it no more;
4. throttle the partition, if its policy allows (auto-converge; libvirt takes it only at the
   start of a transfer, so the transfer begins again);
5. give up: the partition stays at the source, and the reason names the figures.

Disks are copied before, all at once; memory is sent when each has caught up with its guest. One
that has come no nearer to that for a minute never will: its guest writes faster than it is sent.

The shape of rule 1 is that of Clark et al., "Live Migration of Virtual Machines" (NSDI 2005),
section 3.3: stop sending rounds when the writable working set no longer shrinks.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from openlpm.model.migration import Progress
from openlpm.model.policy import Policy

FIRST_PAUSE_MS = 30
"""The allowed pause a transfer starts with: 60 ms measured against 83 to 109 ms at 300."""
SHRINKS = 0.9
PATIENCE = 3
THROTTLED_PATIENCE = 12
"""Iterations at the limit before the next rule. QEMU raises its throttle by 10 % every second
iteration, so a throttled transfer needs more of them."""
DISK_PATIENCE_MS = 60_000
"""Without coming nearer to a copy that has caught up."""


class Advice(StrEnum):
    """What to do about a transfer now."""

    KEEP = "keep"
    WIDEN = "widen"
    POSTCOPY = "post-copy"
    THROTTLE = "throttle"
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True)
class Course:
    """How a transfer has gone so far. `pause_ms` is the pause allowed at present.

    `disk_bytes`: the least that there was left of the disks, at `disk_ms` of the transfer's time.
    """

    pause_ms: int
    iteration: int = 0
    remaining_bytes: int = 0
    at_limit: int = 0
    disk_bytes: int | None = None
    disk_ms: int = 0


def first_course(policy: Policy) -> Course:
    """The course of a transfer that begins now."""
    return Course(pause_ms=min(FIRST_PAUSE_MS, policy.max_pause_ms))


def converge(
    course: Course, progress: Progress, policy: Policy, *, throttled: bool
) -> tuple[Course, Advice]:
    """Judge the iteration that has just begun. Within an iteration, the advice is to keep on."""
    if progress.iteration == 0 and progress.disk_total_bytes:
        return _catch_up(course, progress)
    if progress.iteration <= course.iteration:
        return course, Advice.KEEP
    remaining = progress.memory_remaining_bytes
    first = course.remaining_bytes == 0
    shrunk = remaining < SHRINKS * course.remaining_bytes
    now = replace(course, iteration=progress.iteration, remaining_bytes=max(1, remaining))
    if first or shrunk:
        return now, Advice.KEEP
    if now.pause_ms < policy.max_pause_ms:
        wider = min(policy.max_pause_ms, 2 * now.pause_ms)
        return replace(now, pause_ms=wider), Advice.WIDEN
    now = replace(now, at_limit=now.at_limit + 1)
    if now.at_limit < (THROTTLED_PATIENCE if throttled else PATIENCE):
        return now, Advice.KEEP
    if policy.postcopy:
        return now, Advice.POSTCOPY
    if policy.throttle and not throttled:
        return now, Advice.THROTTLE
    return now, Advice.GIVE_UP


def _catch_up(course: Course, progress: Progress) -> tuple[Course, Advice]:
    """The disks are being copied."""
    left = progress.disk_remaining_bytes
    if course.disk_bytes is None or left < course.disk_bytes:
        return replace(course, disk_bytes=left, disk_ms=progress.elapsed_ms), Advice.KEEP
    waited_ms = progress.elapsed_ms - course.disk_ms
    return course, Advice.KEEP if waited_ms < DISK_PATIENCE_MS else Advice.GIVE_UP


def why_given_up(progress: Progress, policy: Policy, *, throttled: bool) -> str:
    """The reason for the journal, with the figures that an operator needs."""
    if progress.iteration == 0 and progress.disk_total_bytes:
        return (
            f"The copy of its disks does not catch up: {progress.disk_remaining_bytes / 2**20:.0f} "
            f"MiB are left, and no less for {DISK_PATIENCE_MS // 1000} s, while "
            f"{progress.rate_bytes_s / 2**20:.0f} MiB/s are sent. Its guest writes faster."
        )
    needed = (
        f"{1000 * progress.memory_remaining_bytes / progress.rate_bytes_s:.0f} ms"
        if progress.rate_bytes_s > 0
        else "no end"
    )
    slowed = " even slowed down" if throttled else ""
    return (
        f"It does not converge{slowed}: it dirties {progress.dirty_bytes_s / 2**20:.0f} MiB/s, "
        f"the link carries {progress.rate_bytes_s / 2**20:.0f} MiB/s; the switch-over would pause "
        f"it for {needed}, {policy.max_pause_ms} ms are allowed."
    )
