"""A store with something of everything in it, and all that a store says.

`python tests/store/estate.py` writes tests/store/released/REVISION.sql, the dump of such a
database at the newest revision: run it once when a revision is added.
"""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from openlpm.adapters.store import Store, open_store
from openlpm.adapters.store.schema import REVISIONS
from openlpm.model.event import Event, Level
from openlpm.model.migration import Figures, Halt, Kind, Migration, Phase, Reservation
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Mover, Resources, System

RELEASED = Path(__file__).parent / "released"
NOW = 1000.0
POLICY = Policy(max_pause_ms=77, throttle=False, bandwidth_mib_s=9)
UUID = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"

SYSTEMS = (
    System("s1", "qemu+ssh://root@s1/system", "qemu+tls://s1/system", "rack1"),
    System(
        *("s2", "qemu+tls://s2/system", "qemu+tls://s2/system"),
        mover=Mover("10.0.0.2", 100, 2),
        processors=1.5,
        memory_mib=4096,
    ),
)
SEEN = (
    Partition(
        *(UUID, "web1", "s1", Sight.RUNNING, Why.NONE, 2, 512),
        mark=Mark(3, "linux", 0.25, "s2", POLICY),
        rmc=Rmc.ACTIVE,
        seen_at=5.5,
    ),
    Partition("uuid-2", "zäh – ü", "s1", Sight.OFF, Why.MIGRATED, 1, 256, seen_at=5.5),
)
DONE = Migration(
    *("m1", UUID, "web1", "s2", "s1", Kind.ACTIVE, Phase.DONE),
    asked=True,
    throttled=True,
    leased=True,
    demand=Resources(0.5, 512),
    policy=POLICY,
    is_return=True,
    reason="because – ü",
    created_at=1.5,
    finished_at=2.5,
    phase_at=(("send", 1.75), ("done", 2.5)),
    figures=Figures(42, 1.0, 3, 4, (("send", 0.75),)),
)
UNFINISHED = Migration(
    *("m2", UUID, "web1", "s1", "s2", Kind.ACTIVE, Phase.SEND),
    asked=True,
    demand=Resources(0.5, 512),
    created_at=3.0,
    phase_at=(("send", 3.5),),
)
ROOM = Reservation("m2", "s2", UUID, "web1", Resources(0.5, 512))
TOLD = Event("told", "What – ü", Level.ERROR, "s1", "web1", "m1", at=9.0)

Contents = dict[str, object]
EXPECTED: Contents = {
    "systems": list(SYSTEMS),
    "seen": {"s1": list(SEEN), "s2": []},
    "migrations": [UNFINISHED, DONE],
    "reservations": [ROOM],
    "events": [
        (1, "migration-begun", NOW),
        (2, "told", 9.0),
        (3, "migration-begun", NOW),
    ],
}


def fill(store: Store) -> None:
    for system in SYSTEMS:
        store.inventory.add(system)
    store.inventory.seen("s1", SEEN)
    begun = replace(DONE, phase=Phase.CAPTURE, halt=Halt.NONE)
    store.journal.begin(begun, lambda *_: replace(ROOM, migration_id="m1", system="s1"))
    store.journal.turn(DONE, release=True, events=[TOLD])
    store.journal.begin(UNFINISHED, lambda *_: ROOM)


def contents(store: Store) -> Contents:
    journal, inventory = store.journal, store.inventory
    systems = list(inventory.systems())
    return {
        "systems": systems,
        "seen": {s.name: list(inventory.last_seen(s.name)) for s in systems},
        "migrations": list(journal.migrations(limit=10_000)),
        "reservations": list(journal.reservations()),
        "events": [(e.seq, e.code, e.at) for e in journal.events(limit=200_000)],
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        with open_store(path, now=lambda: NOW) as store:
            fill(store)
        with closing(sqlite3.connect(path)) as raw:
            dump = "\n".join(raw.iterdump()) + "\n"
    (RELEASED / f"{REVISIONS[-1]}.sql").write_text(dump)


if __name__ == "__main__":
    main()
