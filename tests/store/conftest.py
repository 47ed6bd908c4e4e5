"""A store in an empty folder, with a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openlpm.adapters.store import Store, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path, now=lambda: 1000.0) as store:
        yield store
