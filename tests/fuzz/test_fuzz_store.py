"""The store: whatever somebody wrote into a column, what is read is a noun or an error of ours."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bounds import fuzzed, outcome
from hostile import JSON, NUMBERS, texts
from hypothesis import strategies as st

from openlpm.adapters.store import Store, codec, inventory_codec, open_store
from openlpm.adapters.store.fields import Fields
from openlpm.model.errors import OpenLpmError, StoreFailed
from openlpm.model.event import Event
from openlpm.model.partition import Mark, Partition
from openlpm.model.sight import Sight, Why
from openlpm.model.system import System
from store.records import Room, migration

TABLES = ("migrations", "reservations", "events", "systems", "seen_partitions")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "state.db"


@pytest.fixture(scope="module")
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as store:
        move = migration()
        store.journal.begin(move, Room(move))
        store.journal.tell(Event("c", "m"))
        store.inventory.add(System("s1", "qemu:///system", "qemu:///system"))
        seen = Partition("u1", "web1", "s1", Sight.OFF, Why.USER, 1, 512, Mark(1))
        store.inventory.seen("s1", (seen,))
        yield store


@pytest.fixture(scope="module")
def raw(path: Path, store: Store) -> Iterator[sqlite3.Connection]:
    """Somebody else with the same file open, who keeps no rule."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = bytes
    yield connection
    connection.close()


def read_all(store: Store) -> list[Any]:
    """Through each codec."""
    return [
        *store.journal.unfinished(),
        *store.journal.reservations(""),
        *store.journal.events(after=0, limit=10),
        *store.inventory.systems(),
        *store.inventory.last_seen("s1"),
    ]


_CELL = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    texts().map(lambda text: text.encode(errors="surrogatepass").decode(errors="replace")),
    st.binary(max_size=20),
    JSON.map(json.dumps),
    st.sampled_from(("[" * 100_000, f"[{'9' * 5000}]", "NaN", '{"processing_units": 1e999}')),
)


@fuzzed(300, data=st.data(), table=st.sampled_from(TABLES), value=_CELL, as_text=st.booleans())
def test_any_value_of_any_column_is_read_or_refused(
    store: Store,
    raw: sqlite3.Connection,
    data: st.DataObject,
    table: str,
    value: Any,
    as_text: bool,
) -> None:
    columns = [row[1].decode() for row in raw.execute(f"PRAGMA table_info({table})")]
    column = data.draw(st.sampled_from(columns))
    # A text that is no UTF-8 can only be put there as such.
    cell = "CAST(? AS TEXT)" if as_text and isinstance(value, bytes) else "?"
    raw.execute("BEGIN")
    before = raw.execute(f"SELECT {column} FROM {table}").fetchone()
    _, refused = outcome(
        sqlite3.Error, raw.execute, f"UPDATE {table} SET {column} = {cell}", (value,)
    )
    raw.execute("ROLLBACK" if refused else "COMMIT")
    if refused:  # one of the database's own rules
        return
    try:
        nouns, error = outcome(OpenLpmError, read_all, store)
    finally:
        text = before[0].decode() if isinstance(before[0], bytes) else before[0]
        raw.execute(f"UPDATE {table} SET {column} = ?", (text,))
    if error:
        assert isinstance(error, StoreFailed)
        assert len(str(error)) < 5000
    else:
        json.dumps([asdict(noun) for noun in nouns], allow_nan=False)


_ROW_KEYS = {
    codec.migration: codec.migration_row(migration()),
    codec.event: codec.event_row(Event("c", "m")) | {"seq": 1},
    inventory_codec.system: inventory_codec.system_row(System("s", "u", "p")),
    inventory_codec.partition: inventory_codec.partition_row(
        Partition("u1", "web1", "s1", Sight.OFF, Why.USER, 1, 512, Mark(1))
    ),
}


@fuzzed(
    data=st.data(),
    codec_of=st.sampled_from(tuple(_ROW_KEYS)),
    value=st.one_of(JSON, NUMBERS, st.binary(max_size=9)),
)
def test_any_value_of_any_field(data: st.DataObject, codec_of: Any, value: Any) -> None:
    """Values that no column can hold today, but JSON or another database could."""
    row = json.loads(json.dumps(_ROW_KEYS[codec_of]))
    inner = row
    key = data.draw(st.sampled_from(sorted(row)))
    if isinstance(row[key], dict) and row[key] and data.draw(st.booleans()):
        inner = row[key]
        key = data.draw(st.sampled_from(sorted(inner)))
    inner[key] = value
    noun, _ = outcome(StoreFailed, codec_of, row)
    if noun:
        json.dumps(asdict(noun), allow_nan=False)


# What the fuzzing found


@pytest.mark.parametrize("value", [10**400, float("nan"), float("inf"), -float("inf")])
def test_a_number_that_no_client_could_be_told_is_refused(value: float) -> None:
    with pytest.raises(StoreFailed):
        Fields("it", {"n": value}).number("n")
    with pytest.raises(StoreFailed):
        Fields("it", {"n": [["send", value]]}).pairs("n")


@pytest.mark.parametrize(
    "json_text", ["[" * 100_000, f"[{'9' * 5000}]", '{"processing_units": NaN}']
)
def test_json_that_python_gives_up_on_is_refused(
    store: Store, raw: sqlite3.Connection, json_text: str
) -> None:
    (before,) = raw.execute("SELECT demand FROM migrations").fetchone()
    raw.execute("UPDATE migrations SET demand = ?", (json_text,))
    _, error = outcome(StoreFailed, store.journal.unfinished)
    raw.execute("UPDATE migrations SET demand = ?", (before.decode(),))
    assert error.code == "store-corrupt"
