"""For all tests. That this file lies here puts tests/ on the path: hence `from fakes.world …`."""

import os
import secrets
from collections.abc import Iterator

import pytest
from xdist.remote import Producer

from fakes.world import World
from openlpm.chaos.postgresql import Cluster, programs
from openlpm.lab import Lab
from openlpm.lab.state import lab_names
from side_by_side import SideBySide, give_way

_WITH_PASSWORD = "local all secret scram-sha-256"
"""Whoever connects as `secret` must know the password."""

# Workers inherit it: whoever began the run knows the names of all labs in it.
RUN = f"t{os.environ.setdefault('OPENLPM_TEST_RUN', secrets.token_hex(2))}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SideBySide:
    """Whole files, so that what a module shares is made once."""
    return SideBySide(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        give_way()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ctrl-C ends the workers wherever they are: the labs that they leave go now."""
    if hasattr(session.config, "workerinput"):
        return
    for name in lab_names():
        if name.startswith(RUN):
            Lab.remove(name)


@pytest.fixture(scope="session")
def run_id(worker_id: str) -> str:
    """Starts the names of this process's labs: several runs may share the machine."""
    return f"{RUN}{worker_id.removeprefix('gw').removeprefix('master')}"


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
    with Cluster.started(rules=[_WITH_PASSWORD]) as started:
        yield started
