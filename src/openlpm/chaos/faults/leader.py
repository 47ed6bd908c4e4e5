"""What happens to the one that leads, of two consoles on one PostgreSQL.

It is lost in the middle; the other one takes over, which heals the move. When that has ended, the
lost one comes back: killed, it is started again; frozen, it goes on where it stood. It must follow.
"""

import signal
import time
from contextlib import suppress

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.faults.fault import AND_POSTCOPY, NOTICED_S, Act, Fault, hold
from openlpm.chaos.moments import TRICKLE
from openlpm.chaos.scene import NAME, Scene, until
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem

REPLACED_S = 10.0
"""What docs/database.md promises."""
FOLLOWS_S = 5.0
_LOST, _HEIR = "one", "two"


def _lose(number: int) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        pair = scene.pair
        pair.consoles[_LOST].send_signal(number)
        begun = time.monotonic()
        attempt.unheard = number == signal.SIGSTOP
        scene.link(TRICKLE)  # what is under way shall still be when the other one takes over
        until(lambda: pair.leads(_HEIR), REPLACED_S, "the other console to lead")
        attempt.notes.append(f"nobody led for {time.monotonic() - begun:.1f} s")
        scene.ask(_HEIR)

    return strike


def _start_again(scene: Scene, attempt: Attempt) -> None:
    pair = scene.pair
    pair.consoles[_LOST].wait(10)
    pair.start(_LOST)
    _must_follow(scene, attempt)
    _must_have_written_nothing(scene, attempt)


def _thaw(scene: Scene, attempt: Attempt) -> None:
    """The very first that it hears is a command."""
    pair = scene.pair
    pair.watch.news()
    pair.consoles[_LOST].send_signal(signal.SIGCONT)
    _must_refuse(scene, attempt)
    _must_follow(scene, attempt)
    _answers_at_last(scene, attempt)
    hold()  # whatever it was about to do, it has had its time
    _must_have_written_nothing(scene, attempt)
    touched = pair.watch.news()
    attempt.notes.append(f"{len(touched)} events on the servers since")
    if touched:
        attempt.wrong.append(f"Something was done to the servers after the thaw: {touched}.")


def _must_refuse(scene: Scene, attempt: Attempt) -> None:
    path = path_of("partitions", NAME, "migrate")
    try:
        scene.pair.client(_LOST).post(path, {"to": attempt.source})
        attempt.wrong.append("The thawed console has begun a move.")
    except Problem as problem:
        attempt.notes.append(f"thawed, it said {problem.code}")
        if problem.code != "not-leading":
            attempt.wrong.append(f"The thawed console refused for a strange reason: {problem}.")


def _answers_at_last(scene: Scene, attempt: Attempt) -> None:
    """Whoever asked it for the move before it was frozen: a move is promised only if there is."""
    attempt.unheard = False
    told = attempt.answered()
    said = told or (attempt.refusal.code if attempt.refusal else "nothing")
    attempt.notes.append(f"whoever had asked was told {said}")
    if told not in ("", scene.latest()):
        attempt.wrong.append(f"The thawed console promised {told}, which is not there.")


def _must_follow(scene: Scene, attempt: Attempt) -> None:
    pair = scene.pair
    until(lambda: pair.view(_LOST).get("leads") is False, FOLLOWS_S, "the lost one to follow")
    until(lambda: _show_the_same(scene), NOTICED_S, "both to show the same")
    epoch, told = pair.epoch(_HEIR), _leaders_told(scene)
    attempt.notes.append(f"it follows; the other one leads by epoch {epoch}")
    if not pair.leads(_HEIR) or epoch <= pair.first_epoch:
        attempt.wrong.append(f"Nobody leads by a higher epoch than {pair.first_epoch}: {epoch}.")
    if told != epoch:
        attempt.wrong.append(f"{told} leaders were told of in {epoch} epochs.")


def _must_have_written_nothing(scene: Scene, attempt: Attempt) -> None:
    all_of_it, late = scene.pair.written(_LOST), scene.pair.written_late(_LOST, _HEIR)
    attempt.notes.append(f"{len(late)} of its {len(all_of_it)} rows written since it was replaced")
    if late or not all_of_it:
        attempt.wrong.append(f"It has written {all_of_it}; after it was replaced: {late}.")


def _show_the_same(scene: Scene) -> bool:
    """One that has just begun may not know of the partition yet."""
    with suppress(Problem):
        return _shown(scene, _LOST) == _shown(scene, _HEIR)
    return False


def _shown(scene: Scene, name: str) -> tuple[str, str]:
    found = scene.pair.client(name).get(path_of("partitions", NAME))
    return found["system"], found["state"]


def _leaders_told(scene: Scene) -> int:
    events = scene.client.get(path_of("events"), last=1000)
    return [event["code"] for event in events].count("console-leads")


ROWS = (
    Fault(
        "leader-killed",
        "kill -9 of the leader of two consoles on PostgreSQL; the other one finishes",
        _lose(signal.SIGKILL),
        after=_start_again,
        shared=True,
        where=AND_POSTCOPY,
    ),
    Fault(
        "leader-frozen",
        "the leader of two is stopped, replaced, and goes on",
        _lose(signal.SIGSTOP),
        after=_thaw,
        shared=True,
        where=AND_POSTCOPY,
    ),
)
