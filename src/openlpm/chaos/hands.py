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
_RESTART = re.compile(r"^(\S+) refused to .* restart libvirtd there", re.DOTALL)
PATIENCE_S = 30.0
"""Where the console says that it may go on by itself yet."""
LIBVIRTS_PATIENCE_S = 60.0
"""libvirt waits 30 s for another job of the same partition, and then says whose it is."""


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
    _restart(scene, attempt, move)
    return True


def _restart(scene: Scene, attempt: Attempt, move: str) -> None:
    """libvirtd may have kept a job that is over, says the console, and wait for its end in vain."""

    def ended_or_asks() -> bool:
        return bool(_RESTART.search(scene.attention(move))) or scene.move(move)["phase"] in FINAL

    until(ended_or_asks, LIBVIRTS_PATIENCE_S, "its end, or its call for a restart of libvirtd")
    asked = _RESTART.search(scene.attention(move))
    if scene.move(move)["phase"] not in FINAL and asked is not None:
        scene.lab.kill_libvirtd(asked[1])
        scene.lab.start_libvirtd(asked[1])
        attempt.notes.append(f"libvirtd on {asked[1]} restarted, as was asked")
