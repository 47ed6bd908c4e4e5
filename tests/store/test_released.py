"""Each schema that was ever released becomes the newest one, with every row.

`released/REVISION.sql` is the dump of a database that the program of that time wrote. They are
never changed; a new revision needs a new one (see estate.py).
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from estate import EXPECTED, RELEASED, SYSTEMS, contents

from openlpm.adapters.store import open_store
from openlpm.adapters.store.archive import read
from openlpm.adapters.store.schema import REVISIONS
from openlpm.model.event import Event


def test_each_revision_has_a_dump() -> None:
    dumps = {file.stem for file in RELEASED.glob("*.sql")}
    assert dumps == set(REVISIONS), "python tests/store/estate.py writes the newest one"


def released(revision: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((RELEASED / f"{revision}.sql").read_text())
        found = raw.execute("SELECT version_num FROM alembic_version").fetchall()
        assert found == [(revision,)]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_released_database_is_upgraded_with_every_row(revision: str, path: Path) -> None:
    released(revision, path)
    with open_store(path) as store:
        assert contents(store) == EXPECTED
        assert store._transactions.epoch == 2
        assert store.journal.tell(Event("next", "")).seq == 4
    with open_store(path) as store:  # what the upgrade has sealed is as it was written
        assert contents(store)["systems"] == list(SYSTEMS)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_backup_of_a_released_schema_is_read(revision: str, path: Path) -> None:
    released(revision, path)
    before = path.read_bytes()
    backup = read(str(path))
    assert backup.systems == SYSTEMS
    assert [move.id for move in backup.migrations] == ["m1", "m2"]
    assert len(backup.events) == 3
    assert path.read_bytes() == before
