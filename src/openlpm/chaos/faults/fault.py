"""What a row is, and what several of them use."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.moments import POSTCOPY, Moment
from openlpm.chaos.scene import Scene, until

Act = Callable[[Scene, Attempt], None]
HOLD_S = 4.0
"""How long a brief trouble lasts: long enough that everybody has met it."""
NOTICED_S = 12.0
EVERYWHERE = frozenset(Moment) - {*POSTCOPY}
AND_POSTCOPY = frozenset(Moment)
WITH_TARGET = EVERYWHERE - {Moment.VALIDATION, Moment.CAPTURE}


def nothing(_scene: Scene, _attempt: Attempt) -> None:
    """It heals by itself, or has nothing to heal."""


@dataclass(frozen=True)
class Death:
    """A known way in which libvirt or QEMU ends the partition by itself, and how it is recognized.

    `word` is libvirt's for the end, `said` what QEMU's log must have of it; empty if nothing.
    """

    moments: frozenset[Moment]
    word: str
    said: str = ""

    def seen(self, scene: Scene, moment: Moment) -> bool:
        """It may come at this moment, and QEMU's own words are there."""
        words = [scene.last_words(server.name) for server in scene.lab.servers]
        return moment in self.moments and any(self.said in each for each in words)


@dataclass(frozen=True)
class Fault:
    """A row. `shared`: it needs two consoles on one PostgreSQL.

    `may_kill`: the partition itself may die of it, and is then off; of `death`, only when it is
    recognized. `where` leaves out the moments at which there is nothing to strike. `after` is what
    comes when the move has ended.
    """

    name: str
    what: str
    strike: Act
    heal: Act = nothing
    after: Act = nothing
    may_kill: bool = False
    death: Death | None = None
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
