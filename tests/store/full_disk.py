"""Run by test_disk_full.py in a mount namespace of its own: argv[1] is a tiny file system.

Prints what happened as JSON; judges nothing.
"""

import json
import sys
from pathlib import Path

from records import Room, migration

from openlpm.adapters.store import Store, open_store
from openlpm.model.errors import StoreFailed
from openlpm.model.event import Event


def fill(ballast: Path) -> None:
    """Take the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def write_until_refused(store: Store) -> tuple[StoreFailed, int]:
    """Begin moves until the store refuses; returns how, and how many were accepted."""
    for number in range(1, 100_000):
        move = migration(number)
        try:
            store.journal.begin(move, Room(move))
        except StoreFailed as error:
            return error, number - 1
    raise AssertionError("it never filled up")


def counts(store: Store) -> list[int]:
    journal = store.journal
    moves = journal.migrations(limit=1_000_000)
    return [len(moves), len(journal.reservations()), len(journal.events(limit=1_000_000))]


def main(folder: Path) -> None:
    told: dict[str, object] = {}
    ballast = folder / "ballast"
    with open_store(folder / "state.db") as store:
        fill(ballast)
        error, accepted = write_until_refused(store)
        told["code"], told["accepted"], told["after"] = error.code, accepted, counts(store)
        again, _ = write_until_refused(store)
        told["again"] = again.code
        ballast.unlink()
        told["recovered"] = store.journal.tell(Event("fine", "")).seq
    with open_store(folder / "state.db") as store:
        told["reopened"] = counts(store)
    fill(ballast)
    try:
        open_store(folder / "new.db").close()
    except StoreFailed as error:
        told["opening"] = error.code
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
