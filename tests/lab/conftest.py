"""What lab tests share: one lab for the session, and a console beside another one."""

import os
from collections.abc import Iterator

import pytest
from console_fixtures import Site

from openlpm.faces.cli.client import Client
from openlpm.lab import Lab
from openlpm.lab.stage import Stage


@pytest.fixture(scope="session")
def lab(run_id: str) -> Iterator[Lab]:
    """Two servers. Leave it whole: heal what you cut, remove what you define."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Lab.up(run_id, servers=2) as made:
        yield made


@pytest.fixture(scope="session")
def site(run_id: str) -> Iterator[Site]:
    """A console that manages two servers. Leave them whole."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Stage.up(f"{run_id}v") as stage:
        yield Site(stage, Client(str(stage.socket)))
