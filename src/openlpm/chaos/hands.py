"""An operator's hands, where a move cannot go on by itself, and the console says so.

They do what `lpm migration show` asks for, and nothing else.
"""

import re
from contextlib import suppress

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.scene import FINAL, NAME, Scene, until
from openlpm.lab.errors import LabError

_ASKS = re.compile(r"power it off on (both servers|\S+) \(virsh destroy\)")
_PERHAPS = "If it then does not"
PATIENCE_S = 30.0
"""Where the console says that it may go on by itself yet."""


def lend(scene: Scene, attempt: Attempt, move: str) -> bool:
    """Wait for the move's end, or for the console to ask for hands; True when they were lent."""

    def ended_or_asks() -> bool:
        asks = scene.attention(move)
        surely = _ASKS.search(asks) is not None and _PERHAPS not in asks
        return surely or scene.move(move)["phase"] in FINAL

    with suppress(LabError):
        until(ended_or_asks, PATIENCE_S, "its end, or its call for hands")
    asked = _ASKS.search(scene.attention(move))
    if scene.move(move)["phase"] in FINAL or asked is None:
        return False
    both = [attempt.target, attempt.source]
    for server in both if asked[1] == "both servers" else [asked[1]]:
        before = scene.state(server)
        scene.virsh(server, "destroy", NAME, check=False)
        attempt.notes.append(f"kept on {server} ({before}), and powered off there as was asked")
    return True
