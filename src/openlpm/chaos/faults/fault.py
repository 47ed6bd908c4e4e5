"""What a row is, and what several of them use."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.judge import Death
from openlpm.chaos.moments import LATER, POSTCOPY, Moment
from openlpm.chaos.scene import Scene, until

Act = Callable[[Scene, Attempt], None]
HOLD_S = 4.0
"""How long a brief trouble lasts: long enough that everybody has met it."""
NOTICED_S = 12.0
EVERYWHERE = frozenset(Moment) - {*POSTCOPY}
AND_POSTCOPY = frozenset(Moment) - {*LATER}
WITH_TARGET = EVERYWHERE - {Moment.VALIDATION, Moment.CAPTURE}


def nothing(_scene: Scene, _attempt: Attempt) -> None:
    """It heals by itself, or has nothing to heal."""


@dataclass(frozen=True)
class Fault:
    """A row. `shared`: it needs two consoles on one PostgreSQL.

    `may_kill`: the partition itself may die of it, and is then off; `deaths`: at that moment, by
    that known death only. `where` leaves out the moments at which there is nothing to strike.
    `after` is what comes when the move has ended.
    """

    name: str
    what: str
    strike: Act
    heal: Act = nothing
    after: Act = nothing
    may_kill: bool = False
    deaths: Mapping[Moment, Death] = field(default_factory=dict[Moment, Death], hash=False)
    shared: bool = False
    where: frozenset[Moment] = EVERYWHERE


def hold() -> None:
    """A trouble of a certain length: its length is the fault."""
    time.sleep(HOLD_S)


def sides(attempt: Attempt, side: str) -> list[str]:
    """The servers that a side names."""
    return {
        "source": [attempt.source],
        "target": [attempt.target],
        "both": [attempt.source, attempt.target],
    }[side]


def until_unreachable(scene: Scene, attempt: Attempt, side: str) -> None:
    """An operator sees within ten seconds that a server cannot be seen."""
    for server in sides(attempt, side):
        begun = time.monotonic()
        until(lambda server=server: scene.link_of(server) == "unreachable", NOTICED_S, "its loss")
        attempt.notes.append(f"{server} shown unreachable after {time.monotonic() - begun:.1f} s")
