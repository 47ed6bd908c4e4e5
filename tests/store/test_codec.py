"""Every field of every class comes back; what cannot be understood is refused, never guessed."""

import json
import sqlite3
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from records import Room, migration

from openlpm.adapters.store import codec, inventory_codec, open_store, seals, sqlite
from openlpm.adapters.store import engine as database
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.errors import StoreFailed
from openlpm.model.event import Event, Level
from openlpm.model.migration import Figures, Halt, Kind, Migration, Phase, Reservation
from openlpm.model.partition import Mark, Partition, Rmc
from openlpm.model.policy import Policy
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Mover, Resources, System

POLICY = Policy(max_pause_ms=77, throttle=False, bandwidth_mib_s=9, postcopy=True)
MARK = Mark(7, os_type="aix", processing_units=0.25, came_from="s9", policy=POLICY)
FULL = {
    "migration": Migration(
        *("m1", "u1", "web1", "s1", "s2", Kind.SUSPENDED, Phase.SEND),
        asked=True,
        halt=Halt.THROTTLE,
        throttled=True,
        leased=True,
        retaking=True,
        gone="server2",
        switched=True,
        demand=Resources(0.05, 3),
        policy=POLICY,
        is_return=True,
        reason="because – ü",
        created_at=1.5,
        finished_at=2.5,
        phase_at=(("capture", 1.0), ("send", 2.0)),
        figures=Figures(1, 2.5, 3, 4, (("send", 1.25),)),
        copies=(DiskCopy("vda", "own", "v.raw", "fast", "/fast", "raw", 64, 8, "v-m1.raw"),),
        keep_disks=True,
    ),
    "reservation": Reservation("m1", "s2", "u1", "web1", Resources(0.05, 3)),
    "event": Event("c", "m", Level.ERROR, "s1", "web1", "m1", 1.5, 9),
    "system": System("s1", "uri", "peer", "rack", Mover("10.0.0.1", 5, 6), 1.5, 8, insecure=True),
    "partition": Partition(
        *("u1", "web1", "s1", Sight.PAUSED, Why.FAULT, 2, 512, MARK, Rmc.INACTIVE, 5.5)
    ),
}
MODULES = {"system": inventory_codec, "partition": inventory_codec}


NOT_STORED = {"writes", "macs"}  # they matter while the server is seen, and are seen with it


@pytest.mark.parametrize("noun", FULL)
def test_every_field_comes_back(noun: str):
    value = FULL[noun]
    told = [field for field in fields(value) if field.name not in NOT_STORED]
    for field in told:  # the example itself must leave no field at its default
        default = field.default_factory() if callable(field.default_factory) else field.default
        assert field.default is MISSING or getattr(value, field.name) != default, field.name
    module = MODULES.get(noun, codec)
    row = getattr(module, f"{noun}_row")(value)
    stored = json.loads(json.dumps(row)) | ({"seq": 9} if noun == "event" else {})
    assert getattr(module, noun)(stored) == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("phase", "teleport"),
        ("halt", ""),
        ("reason", b"x"),
        ("created_at", "yesterday"),
        ("demand", "[]"),
        ("demand", '{"processing_units": 1}'),
        ("demand", '{"processing_units": true, "memory_mib": 1}'),
        ("demand", '{"processing_units": 1, "memory_mib": 1.5}'),
        ("policy", '{"max_pause_ms": 1, "throttle": 1, "bandwidth_mib_s": 0}'),
        ("phase_at", "{}"),
        ("phase_at", "[[1, 2]]"),
        ("figures", "no JSON"),
        ("copies", "{}"),
        ("copies", "[1]"),
        ("copies", '[{"disk": "vda"}]'),
    ],
)
def test_what_it_cannot_understand_it_refuses(path: Path, column: str, value: object):
    move = migration()
    with open_store(path) as store:
        store.journal.begin(move, Room(move))
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE migrations SET {column} = ?", (value,))
    raw.close()
    with database.writing(sqlite.open_engine(path)) as connection:
        seals.reseal(connection)  # no damage: as a program would write it that knows other words
    with pytest.raises(StoreFailed) as caught:
        open_store(path)
    assert caught.value.code in ("store-unreadable", "store-corrupt")
    assert caught.value.remedy


def test_an_event_without_its_fields_is_refused():
    with pytest.raises(StoreFailed, match="event 1"):
        codec.event({"seq": 1})
