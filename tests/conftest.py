"""For all tests. That this file lies here puts tests/ on the path: hence `from fakes.world …`."""

from collections.abc import Iterator

import pytest

from fakes.world import World
from postgres_server import Cluster, programs


@pytest.fixture
def world() -> Iterator[World]:
    """Two servers, and the one thing that must never happen looked for at the end."""
    world = World(servers=2)
    yield world
    world.close()
    assert not world.ran_twice


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL for the run, started when first asked for."""
    if programs() is None:
        pytest.skip("no PostgreSQL: Debian's package `postgresql` is missing (make env)")
    with Cluster.started() as started:
        yield started
