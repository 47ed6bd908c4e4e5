"""The stages of a transfer, and what a test lets go wrong in one of them."""

from dataclasses import dataclass
from enum import Enum, auto


class Stage(Enum):
    """What is under way."""

    PREPARE = auto()
    SEND = auto()
    PAUSE = auto()
    SWITCH = auto()  # to post-copy: the target does not run it yet
    FETCH = auto()  # post-copy: the target runs it
    BROKEN = auto()  # post-copy whose connection is broken; libvirt keeps the job
    FINISH = auto()
    CONFIRM = auto()
    OVER = auto()


@dataclass
class Fault:
    """What goes wrong with the next transfer (or the next that is resumed), `after_s` into a stage.

    `source_stays_paused`: libvirt could not let the source run on.
    """

    stage: Stage
    message: str = "operation failed: it was made to fail"
    after_s: float = 0.0
    source_stays_paused: bool = False
