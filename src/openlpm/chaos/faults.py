"""What goes wrong: the rows of the matrix.

A fault strikes and heals; in between it waits for what an operator would notice, or for `HOLD_S`.
`may_kill`: the partition itself may die of it, and is then off. `where` leaves out the moments at
which there is nothing to strike.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.moments import POSTCOPY, Moment
from openlpm.chaos.scene import FINAL, Scene, until
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.errors import LabError

Act = Callable[[Scene, Attempt], None]
HOLD_S = 4.0
"""How long a brief trouble lasts: long enough that everybody has met it."""
NOTICED_S = 12.0
GIVEN_UP_S = 60.0
_DAEMONS_BYTES = 1 << 30
EVERYWHERE = frozenset(Moment) - {*POSTCOPY}
_AND_POSTCOPY = frozenset(Moment)
_WITH_TARGET = EVERYWHERE - {Moment.VALIDATION, Moment.CAPTURE}


@dataclass(frozen=True)
class Fault:
    """A row."""

    name: str
    what: str
    strike: Act
    heal: Act
    may_kill: bool = False
    where: frozenset[Moment] = EVERYWHERE


def _nothing(_scene: Scene, _attempt: Attempt) -> None:
    """It heals by itself, or has nothing to heal."""


def _hold() -> None:
    """A trouble of a certain length: its length is the fault."""
    time.sleep(HOLD_S)


def _sides(attempt: Attempt, side: str) -> list[str]:
    return {
        "source": [attempt.source],
        "target": [attempt.target],
        "both": [attempt.source, attempt.target],
    }[side]


# The console


def _kill_console(scene: Scene, _attempt: Attempt) -> None:
    scene.kill_console()


def _start_console(scene: Scene, _attempt: Attempt) -> None:
    scene.stage.start_console()


def _signal_console(scene: Scene, number: int) -> None:
    console = scene.stage.console
    if console:
        console.send_signal(number)


def _freeze_console(scene: Scene, _attempt: Attempt) -> None:
    _signal_console(scene, signal.SIGSTOP)
    _hold()


def _thaw_console(scene: Scene, _attempt: Attempt) -> None:
    _signal_console(scene, signal.SIGCONT)


def _fill_disk(scene: Scene, attempt: Attempt) -> None:
    disk = scene.stage.disk
    if disk is None:
        attempt.wrong.append("The console's disk cannot be filled: it has none of its own.")
        return
    disk.fill()
    _hold()


def _free_disk(scene: Scene, _attempt: Attempt) -> None:
    if scene.stage.disk:
        scene.stage.disk.free()


def _second_console(scene: Scene, attempt: Attempt) -> None:
    """Another console on the same database: it must not start."""
    argv = scene.stage.console_argv(scene.lab.folder.run / "second.sock")
    done = scene.lab.run(argv, check=False, timeout=30)
    said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
    attempt.notes.append(f"the second console said: {said[-1]}")
    if done.returncode == 0 or "Another console has" not in said[-1]:
        attempt.wrong.append(f"A second console was not refused: exit {done.returncode}.")


# Operators


def _second_operator(scene: Scene, attempt: Attempt) -> None:
    """Somebody else asks for the same move: two must never be promised."""
    try:
        move = scene.ask_to_move(attempt.target)
    except Problem as problem:
        attempt.notes.append(f"the second operator was told {problem.code}")
        return
    first = attempt.answered()
    if first not in ("", move) and scene.move(first)["phase"] not in FINAL:
        attempt.wrong.append(f"Two moves were promised at once: {first} and {move}.")
    attempt.move_id = move


def _stop(scene: Scene, attempt: Attempt) -> None:
    """The operator wants it to stay; refused only once it goes over."""
    move = attempt.answered()
    if not move:
        return
    try:
        scene.client.post(path_of("migrations", move, "stop"))
        attempt.notes.append("the stop was accepted")
    except Problem as problem:
        attempt.notes.append(f"the stop was refused: {problem.code}")
        if problem.code not in ("switching-over", "migration-over"):
            attempt.wrong.append(f"The stop was refused for a strange reason: {problem.code}.")


# libvirt's daemons


def _kill_libvirtd(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
            scene.lab.kill_libvirtd(server)

    return strike


def _start_libvirtd(side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
            scene.lab.start_libvirtd(server)

    return heal


def _freeze_libvirtd(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
            os.kill(scene.libvirtd(server), signal.SIGSTOP)
        _until_unreachable(scene, attempt, side)

    return strike


def _thaw_libvirtd(side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
            os.kill(scene.libvirtd(server), signal.SIGCONT)

    return heal


def _until_unreachable(scene: Scene, attempt: Attempt, side: str) -> None:
    """An operator sees within ten seconds that a server cannot be seen."""
    for server in _sides(attempt, side):
        begun = time.monotonic()
        until(lambda server=server: scene.link_of(server) == "unreachable", NOTICED_S, "its loss")
        attempt.notes.append(f"{server} shown unreachable after {time.monotonic() - begun:.1f} s")


# QEMUs


def _kill_qemu(side: str) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        killed = sum(scene.signal_qemu(s, signal.SIGKILL) for s in _sides(attempt, side))
        attempt.notes.append(f"{killed} QEMU killed")

    return strike


def _freeze_target_qemu(scene: Scene, attempt: Attempt) -> None:
    stopped = scene.signal_qemu(attempt.target, signal.SIGSTOP)
    attempt.notes.append(f"{stopped} QEMU frozen")
    _hold()


def _thaw_target_qemu(scene: Scene, attempt: Attempt) -> None:
    scene.signal_qemu(attempt.target, signal.SIGCONT)


def _starve_target(scene: Scene, attempt: Attempt) -> None:
    """The target's QEMU gets no more memory than it has; one that starts now, next to none."""
    for pid in scene.qemus(attempt.target):
        _limit(pid, int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize())
    # libvirtd itself has what it needs; what it starts inherits the limit.
    _limit(scene.libvirtd(attempt.target), _DAEMONS_BYTES)
    _hold()


def _feed_target(scene: Scene, attempt: Attempt) -> None:
    for pid in (scene.libvirtd(attempt.target), *scene.qemus(attempt.target)):
        _limit(pid, resource.RLIM_INFINITY)


def _limit(pid: int, size: int) -> None:
    """The soft limit only: not everybody may raise a hard one again."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (size, hard))


# Cables and power


def _cut(link: str, side: str, *, noticed: bool = False) -> Act:
    def strike(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
            scene.lab.cut(server, link)
        if noticed:
            _until_unreachable(scene, attempt, side)
        else:
            _hold()

    return strike


def _plug(link: str, side: str) -> Act:
    def heal(scene: Scene, attempt: Attempt) -> None:
        for server in _sides(attempt, side):
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
        for server in _sides(attempt, side):
            scene.lab.kill_server(server)
        _until_unreachable(scene, attempt, side)

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


FAULTS = (
    Fault(
        "console-killed",
        "kill -9 of the console",
        _kill_console,
        _start_console,
        where=_AND_POSTCOPY,
    ),
    Fault("console-frozen", "the console is stopped and goes on", _freeze_console, _thaw_console),
    Fault(
        "console-disk-full",
        "the disk under the console's database is full",
        _fill_disk,
        _free_disk,
    ),
    Fault(
        "two-consoles",
        "a second console is started on the same database",
        _second_console,
        _nothing,
    ),
    Fault("two-operators", "somebody else asks for the same move", _second_operator, _nothing),
    Fault("operator-stop", "the operator stops the move", _stop, _nothing, where=_AND_POSTCOPY),
    Fault(
        "source-libvirtd-killed",
        "kill -9 of the source's libvirtd",
        _kill_libvirtd("source"),
        _start_libvirtd("source"),
        where=_AND_POSTCOPY,
    ),
    Fault(
        "target-libvirtd-killed",
        "kill -9 of the target's libvirtd",
        _kill_libvirtd("target"),
        _start_libvirtd("target"),
        where=_AND_POSTCOPY,
    ),
    Fault(
        "source-libvirtd-frozen",
        "the source's libvirtd is stopped and goes on",
        _freeze_libvirtd("source"),
        _thaw_libvirtd("source"),
    ),
    Fault(
        "target-libvirtd-frozen",
        "the target's libvirtd is stopped and goes on",
        _freeze_libvirtd("target"),
        _thaw_libvirtd("target"),
    ),
    Fault(
        "source-qemu-killed",
        "kill -9 of the source's QEMU",
        _kill_qemu("source"),
        _nothing,
        may_kill=True,
        where=_AND_POSTCOPY,
    ),
    Fault(
        "target-qemu-killed",
        "kill -9 of the target's QEMU",
        _kill_qemu("target"),
        _nothing,
        may_kill=True,
        where=_WITH_TARGET | {*POSTCOPY},
    ),
    Fault(
        "target-qemu-frozen",
        "the target's QEMU is stopped and goes on",
        _freeze_target_qemu,
        _thaw_target_qemu,
        where=_WITH_TARGET,
    ),
    Fault(
        "target-out-of-memory",
        "the target's QEMU is given no more memory",
        _starve_target,
        _feed_target,
        may_kill=True,
    ),
    Fault(
        "migration-cut",
        "the migration link is cut and healed",
        _cut("migration", "target"),
        _plug("migration", "target"),
        where=_AND_POSTCOPY,
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
        _nothing,
        where=frozenset({Moment.SEND, *POSTCOPY}),
    ),
    Fault(
        "migration-reset-twice",
        "it is reset, resumed, and reset again",
        _reset_twice,
        _nothing,
        where=frozenset({Moment.POSTCOPY}),
    ),
)
