"""What happens to cables, to connections and to power."""

from contextlib import suppress

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.faults.fault import (
    NOTICED_S,
    Act,
    Fault,
    hold,
    sides,
    until_unreachable,
)
from openlpm.chaos.moments import POSTCOPY, Moment
from openlpm.chaos.scene import Scene, until
from openlpm.lab.errors import LabError

GIVEN_UP_S = 60.0


def _cut(link: str, side: str, *, noticed: bool = False) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            scene.lab.cut(server, link)
        if noticed:
            until_unreachable(scene, attempt, side)
        else:
            hold()

    return strike


def _plug(link: str, side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            scene.lab.heal(server, link)

    return heal


def _reset(scene: Scene, attempt: Attempt) -> None:
    attempt.notes.append(f"{scene.reset_transfer(attempt.source)} connections reset")


def _reset_twice(scene: Scene, attempt: Attempt) -> None:
    """Again, when it goes on; not where it does not."""
    move = attempt.answered()
    _reset(scene, attempt)
    with suppress(LabError):
        told = "migration-resume-postcopy"
        until(lambda: told in scene.events_of(move) or None, NOTICED_S, "the console to resume it")
        until(lambda: scene.is_fetching(attempt.target) or None, NOTICED_S, "it to go on")
        _reset(scene, attempt)


def _lose_power(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in sides(attempt, side):
            scene.lab.kill_server(server)
        until_unreachable(scene, attempt, side)

    return strike


def _lose_for_good(side: str) -> Act:
    """It does not come back. The operator says so, and the move must end without it."""
    lose = _lose_power(side)

    def strike(scene: Scene, attempt: Attempt) -> None:
        lose(scene, attempt)
        move = attempt.answered()
        if move:
            attempt.notes.append(until(lambda: scene.forced(move), GIVEN_UP_S, "its end by force"))

    return strike


def _found_again(scene: Scene, attempt: Attempt) -> None:
    """Long after, somebody repairs it: what it still has of the partition must be looked after."""
    scene.heal_servers()
    move = attempt.answered()
    if move:
        until(lambda: not scene.move(move)["gone"], NOTICED_S, "the server to be looked after")


def _power_back(scene: Scene, _attempt: Attempt) -> None:
    scene.heal_servers()


ROWS = (
    Fault(
        "migration-cut",
        "the migration link is cut and healed",
        _cut("migration", "target"),
        _plug("migration", "target"),
        where=frozenset(Moment),
    ),
    Fault(
        "management-cut-source",
        "the console cannot reach the source",
        _cut("management", "source", noticed=True),
        _plug("management", "source"),
    ),
    Fault(
        "management-cut-target",
        "the console cannot reach the target",
        _cut("management", "target", noticed=True),
        _plug("management", "target"),
    ),
    Fault(
        "management-cut-both",
        "the console can reach neither",
        _cut("management", "both", noticed=True),
        _plug("management", "both"),
    ),
    Fault(
        "storage-cut",
        "both servers lose their storage, and have it again",
        _cut("storage", "both"),
        _plug("storage", "both"),
    ),
    Fault(
        "source-power-lost",
        "the source loses its power, and boots again",
        _lose_power("source"),
        _power_back,
        may_kill=True,
    ),
    Fault(
        "target-power-lost",
        "the target loses its power, and boots again",
        _lose_power("target"),
        _power_back,
        may_kill=True,
    ),
    Fault(
        "source-gone",
        "the source is lost for good, given up by the operator, and found again later",
        _lose_for_good("source"),
        _found_again,
        may_kill=True,
    ),
    Fault(
        "target-gone",
        "the target is lost for good, given up by the operator, and found again later",
        _lose_for_good("target"),
        _found_again,
        may_kill=True,
    ),
    Fault(
        "migration-reset",
        "the connection that carries memory is reset",
        _reset,
        where=frozenset({Moment.SEND, *POSTCOPY}),
    ),
    Fault(
        "migration-reset-twice",
        "it is reset, resumed, and reset again",
        _reset_twice,
        where=frozenset({Moment.POSTCOPY}),
    ),
)
