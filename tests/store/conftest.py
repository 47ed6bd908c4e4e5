"""A store in an empty folder, or an empty PostgreSQL database, with a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openlpm.adapters.store import Store, open_store
from openlpm.adapters.store.shared import open_shared
from openlpm.chaos.postgresql import Cluster, database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path, now=lambda: 1000.0) as store:
        yield store


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """A database whose tables are made already: copying it is faster."""
    url = cluster.create()
    open_shared(url, name="template").close()
    return database(url)


@pytest.fixture
def url(cluster: Cluster, template: str) -> str:
    """A database of the test's own."""
    return cluster.create(template)


def leading(url: str, name: str = "console") -> Store:
    """A store on PostgreSQL whose console leads."""
    store = open_shared(url, name=name, now=lambda: 1000.0)
    assert store.leadership.claim().name == name
    return store


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The same tests on both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    with leading(request.getfixturevalue("url")) as store:
        yield store
