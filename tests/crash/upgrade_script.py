"""As store_script.py: killed at each write of the upgrade from the first released schema."""

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from store_script import armed, count, die_once, picture

from openlpm.adapters.store import Store, open_store

DUMP = Path(__file__).parents[1] / "store" / "released" / "lpm0001.sql"


def prepare(path: Path) -> Path:
    """As that release left it."""
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.executescript(DUMP.read_text())
    raw.close()
    return path


def upgrade(path: Path, done: Callable[[Store], object]) -> None:
    with open_store(path, now=lambda: 1.0) as store:
        done(store)


def main(folder: Path) -> None:
    rehearsal = prepare(folder / "rehearsal.db")
    upgrade(rehearsal, lambda store: print(json.dumps([picture(store)])))
    counted = prepare(folder / "counted.db")
    armed.value = 1
    upgrade(counted, lambda _: None)
    armed.value = 0
    for at in range(count.value):
        print(json.dumps(die_once(prepare(folder / f"{at}.db"), at, upgrade)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
