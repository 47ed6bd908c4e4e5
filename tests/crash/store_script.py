"""The writes that test_store_crash.py kills: argv[1] is an empty folder to work in.

With `die.so` preloaded. The first run counts the calls that change a file, and notes what a
reader sees after each step. Then, for each of these calls, a forked child runs the same script
and is killed there. What it had got back from the store, it has told through a pipe. Prints
one JSON line for each death, for the parent to judge.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from openlpm.adapters.store import Store, open_store
from openlpm.model.backup import Backup
from openlpm.model.event import Event
from openlpm.model.migration import Halt, Kind, Migration, Phase, Reservation
from openlpm.model.partition import Partition
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Resources, System

die = ctypes.CDLL(None)
armed, die_at, count = (
    ctypes.c_int.in_dll(die, "die_armed"),
    ctypes.c_long.in_dll(die, "die_at"),
    ctypes.c_long.in_dll(die, "die_count"),
)


def begin(store: Store, number: int) -> None:
    move = Migration(f"m{number}", f"u{number}", "web", "s1", "s2", Kind.ACTIVE)
    room = Reservation(move.id, "s2", move.partition_uuid, "web", Resources(0.5, 512))
    store.journal.begin(move, lambda *_: room)


def turn(store: Store, number: int, phase: Phase) -> None:
    move = replace(store.journal.migration(f"m{number}"), phase=phase)
    events = [Event("turned", f"{phase} {n}") for n in (1, 2)]
    store.journal.turn(move, release=phase is Phase.CUT_TIES, events=events)


OLD = Migration("m0", "u0", "web", "s7", "s8", Kind.ACTIVE, Phase.SEND)
ROOM = Reservation("m0", "s8", "u0", "web", Resources(0.5, 512))
BACKUP = Backup(
    file="/backup",
    systems=(System("s7", "c", "d"), System("s8", "e", "f")),
    migrations=(OLD, replace(OLD, id="m00", phase=Phase.DONE)),
    reservations=(ROOM,),
    events=(),
    epoch=99,
)
SEEN = [Partition(f"u{n}", "web", "s1", Sight.RUNNING, Why.NONE, 1, 512) for n in range(3)]
STEPS: list[Callable[[Store], object]] = [
    lambda store: store.inventory.add(System("s1", "a", "b")),
    lambda store: store.inventory.seen("s1", SEEN),
    lambda store: begin(store, 1),
    lambda store: turn(store, 1, Phase.SEND),
    lambda store: begin(store, 2),
    lambda store: store.journal.halt("m2", Event("stop-asked", "Stop it.")),
    lambda store: turn(store, 2, Phase.STOPPED),
    lambda store: turn(store, 1, Phase.CUT_TIES),
    lambda store: store.inventory.seen("s1", SEEN[:1]),
    lambda store: turn(store, 1, Phase.DONE),
    lambda store: store.inventory.remove("s1"),
    lambda store: store.archive.restore(BACKUP),
]


def run(path: Path, done: Callable[[Store], object]) -> None:
    """The script; `done` is called after the opening and after each step."""
    with open_store(path, now=lambda: 1.0) as store:
        done(store)
        for step in STEPS:
            step(store)
            done(store)


def picture(store: Store) -> dict[str, object]:
    """All that the store says, in a form to compare."""
    journal, inventory = store.journal, store.inventory
    return {
        "migrations": [repr(m) for m in journal.migrations()],
        "unfinished": sorted(m.id for m in journal.unfinished()),
        "cutting": sorted(m.id for m in journal.unfinished() if m.phase is Phase.CUT_TIES),
        "halted": sorted(m.id for m in journal.migrations() if m.halt is Halt.OPERATOR),
        "reserved": sorted(r.migration_id for r in journal.reservations()),
        "events": [repr(e) for e in journal.events()],
        "seqs": [e.seq for e in journal.events()],
        "systems": [repr(s) for s in inventory.systems()],
        "seen": [repr(p) for p in inventory.last_seen("s1")],
    }


def rehearse(folder: Path) -> tuple[list[dict[str, object]], int]:
    """The pictures after each step of an undisturbed run, and the number of places to die at."""
    pictures: list[dict[str, object]] = []
    run(folder / "rehearsal.db", lambda store: pictures.append(picture(store)))
    armed.value = 1
    run(folder / "counted.db", lambda _: None)
    armed.value = 0
    return pictures, count.value


Script = Callable[[Path, Callable[[Store], object]], None]


def die_once(path: Path, at: int, script: Script) -> dict[str, object]:
    """Fork, run, be killed; then open what is left, and say what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count.value, die_at.value, armed.value = 0, at, 1
        script(path, lambda _: _acknowledge(writer))
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        acknowledged = len(pipe.read())
    with open_store(path, now=lambda: 1.0) as store:
        left = picture(store)
    return {"at": at, "signal": os.WTERMSIG(status), "done": acknowledged, "left": left}


def _acknowledge(writer: int) -> None:
    armed.value = 0  # the harness's own write is no place to die at
    os.write(writer, b".")
    armed.value = 1


def main(folder: Path) -> None:
    pictures, places = rehearse(folder)
    print(json.dumps(pictures))
    for at in range(places):
        print(json.dumps(die_once(folder / f"{at}.db", at, run)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
