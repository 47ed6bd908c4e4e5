"""What happens to the console, and what several operators ask of it."""

import signal

from openlpm.chaos.attempt import Attempt
from openlpm.chaos.faults.fault import AND_POSTCOPY, Fault, hold
from openlpm.chaos.scene import FINAL, Scene
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem


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
    hold()


def _thaw_console(scene: Scene, _attempt: Attempt) -> None:
    _signal_console(scene, signal.SIGCONT)


def _fill_disk(scene: Scene, attempt: Attempt) -> None:
    disk = scene.stage.disk
    if disk is None:
        attempt.wrong.append("The console's disk cannot be filled: it has none of its own.")
        return
    disk.fill()
    hold()


def _free_disk(scene: Scene, _attempt: Attempt) -> None:
    if scene.stage.disk:
        scene.stage.disk.free()


def _second_console(scene: Scene, attempt: Attempt) -> None:
    """Another console on the same file: it must not start."""
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


ROWS = (
    Fault(
        "console-killed",
        "kill -9 of the console",
        _kill_console,
        _start_console,
        where=AND_POSTCOPY,
    ),
    Fault("console-frozen", "the console is stopped and goes on", _freeze_console, _thaw_console),
    Fault(
        "console-disk-full",
        "the disk under the console's database is full",
        _fill_disk,
        _free_disk,
    ),
    Fault("two-consoles", "a second console is started on the same file", _second_console),
    Fault("two-operators", "somebody else asks for the same move", _second_operator),
    Fault("operator-stop", "the operator stops the move", _stop, where=AND_POSTCOPY),
)
