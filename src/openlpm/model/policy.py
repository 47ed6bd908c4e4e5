"""How a partition may be moved: the limits that the operator set for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of a move.

    `max_pause_ms`: the pause is widened step by step up to this, never beyond.
    `throttle`: slow the partition down (auto-converge) where widening the pause is not enough.
    `bandwidth_mib_s`: 0 for what the movers allow.
    `postcopy`: a move that does not converge may let the target run it before all of its memory is
    there (docs/postcopy.md: what that risks).
    """

    max_pause_ms: int = 2000
    throttle: bool = True
    bandwidth_mib_s: int = 0
    postcopy: bool = False
