"""An operator's hands, where a move cannot go on by itself, and the console says so.

They do what `lpm migration show` asks for, and nothing else.
"""

import re

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.scene import FINAL, NAME, Scene, until
from openlpm.lab.errors import LabError

_ASKS = re.compile(r"power it off on (both servers|\S+) \(virsh destroy\)")


def lend(scene: Scene, attempt: Attempt, move: str, seconds: float) -> bool:
    """Wait so long for the move's end; then do what the console asks for. True when it was done."""
    try:
        until(lambda: scene.move(move)["phase"] in FINAL or None, seconds, "its end without hands")
    except LabError:
        asked = _ASKS.search(scene.attention(move))
        if asked is None:
            raise
    else:
        return False
    both = [attempt.target, attempt.source]
    for server in both if asked[1] == "both servers" else [asked[1]]:
        before = scene.state(server)
        scene.virsh(server, "destroy", NAME, check=False)
        attempt.notes.append(f"kept on {server} ({before}), and powered off there as was asked")
    return True
