"""The five steps of a move, by the phase that the console tells; every other phase is final."""

from typing import Any

STEPS = {
    "capture": "Capture",
    "duplicate": "Duplicate",
    "send": "Send",
    "switch-over": "Switch over",
    "cut-ties": "Cut ties",
}
PHASES = tuple(STEPS)


def is_final(view: dict[str, Any]) -> bool:
    """Nothing will happen to this move any more."""
    return view["migration"]["phase"] not in STEPS
