"""When a fault strikes: the columns of the matrix.

validation    the request has been sent, nothing is written yet
capture … cut-ties    the record of that step has just been written
stop          the operator's stop has just been written, in the midst of step 3
post-copy-switch    the source is paused for post-copy, the target does not run it yet
post-copy     the target runs it, and still fetches memory
post-copy-middle, -end    half of what it had to fetch has come, all but an eighth has
"""

from enum import StrEnum

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.scene import FINAL, Scene, until
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.errors import LabError

MIDST_BYTES = 4 * 2**20
SLOW = "400mbit"
"""Memory takes a second longer than by the full link: enough to be in the midst of it."""

BUSY_MB_S, BUSY_MIB = 60, 24
TRICKLE = "40mbit"
"""What is left then takes some seconds to fetch, and the device state most of one."""


class Moment(StrEnum):
    """A column."""

    VALIDATION = "validation"
    CAPTURE = "capture"
    DUPLICATE = "duplicate"
    SEND = "send"
    SWITCH_OVER = "switch-over"
    CUT_TIES = "cut-ties"
    STOP = "stop"
    POSTCOPY_SWITCH = "post-copy-switch"
    POSTCOPY = "post-copy"
    POSTCOPY_MIDDLE = "post-copy-middle"
    POSTCOPY_END = "post-copy-end"


AROUND_SWITCH = (Moment.POSTCOPY_SWITCH, Moment.POSTCOPY)
LATER = {Moment.POSTCOPY_MIDDLE: 1 / 2, Moment.POSTCOPY_END: 1 / 8}
"""How much of what is to be fetched is then still to come."""
POSTCOPY = (*AROUND_SWITCH, *LATER)


def reach(moment: Moment, scene: Scene, attempt: Attempt) -> bool:
    """Begin the move and come to the moment; False when the move ended before it was told.

    A step of post-copy that is not seen in time counts as missed too: the link is whole again then.
    """
    if moment in (Moment.SEND, Moment.STOP, *POSTCOPY):
        scene.link(SLOW)
    if moment in POSTCOPY:
        scene.dirty(BUSY_MB_S, BUSY_MIB)
        attempt.limits = {"max_pause_ms": 30, "postcopy": True}
    attempt.ask()
    match moment:
        case Moment.VALIDATION:
            return True
        case Moment.CAPTURE:
            return attempt.until_told("migration-begun")
        case moment if moment in POSTCOPY:
            return _fetches(moment, scene, attempt)
        case Moment.SEND | Moment.STOP:
            return _in_the_midst(moment, scene, attempt)
        case _:
            return attempt.until_told(f"migration-{moment}")


def _in_the_midst(moment: Moment, scene: Scene, attempt: Attempt) -> bool:
    if not attempt.until_told("migration-send"):
        return False
    move = attempt.answered()

    def seen() -> str:
        if scene.move(move)["phase"] in ("switch-over", "cut-ties", *FINAL):
            return "too late"
        return "seen" if scene.sent_bytes(move) >= MIDST_BYTES else ""

    if until(seen, 20, "memory to be on its way") != "seen":
        return False
    if moment is Moment.SEND:
        return True
    try:
        scene.client.post(path_of("migrations", move, "stop"))
    except Problem as problem:
        if problem.code != "switching-over":
            raise
        return False
    return attempt.until_told("migration-stop-asked")


def _fetches(moment: Moment, scene: Scene, attempt: Attempt) -> bool:
    if not attempt.until_told("migration-postcopy"):
        return False
    scene.link(TRICKLE)
    move = attempt.answered()

    def seen() -> str:
        if scene.move(move)["phase"] in FINAL:
            return "too late"
        if moment is Moment.POSTCOPY_SWITCH:
            return "seen" if scene.state(attempt.source) == "paused (post-copy)" else ""
        return "seen" if scene.is_fetching(attempt.target) else ""

    try:
        if until(seen, 30, "post-copy") != "seen":
            return False
        return moment not in LATER or _is_left(LATER[moment], scene, attempt)
    except LabError:
        scene.link()
        return False


def _is_left(share: float, scene: Scene, attempt: Attempt) -> bool:
    move = attempt.answered()
    first = until(lambda: scene.remaining_bytes(move), 10, "what there is to fetch")

    def seen() -> int:
        left = scene.remaining_bytes(move)
        return left if left <= first * share or scene.move(move)["phase"] in FINAL else 0

    left = until(seen, 30, "the rest of it")
    attempt.notes.append(f"{left / 2**20:.1f} of {first / 2**20:.1f} MiB left to fetch")
    return scene.is_fetching(attempt.target)
