"""A quarter of the fault matrix; `make chaos` runs all of it (docs/fault-matrix.md)."""

from collections.abc import Iterator

import pytest

from openlpm.chaos.cli import make_scene
from openlpm.chaos.faults import FAULTS
from openlpm.chaos.moments import Moment
from openlpm.chaos.run import Case, all_cases, quarter, run_case
from openlpm.chaos.scene import Scene

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def broken_scene() -> Iterator[Scene]:
    """One for all: each case makes it whole first."""
    scene = make_scene()
    yield scene
    scene.stage.lab.down()


@pytest.mark.parametrize("case", quarter(), ids=lambda case: case.name)
def test_a_fault_costs_nothing(broken_scene: Scene, case: Case) -> None:
    result = run_case(broken_scene, case)
    assert result.held, result.evidence


def test_the_quarter_has_each_fault_and_each_moment() -> None:
    assert {case.fault for case in quarter()} == set(FAULTS)
    assert {case.moment for case in quarter()} == set(Moment)
    assert len(all_cases()) >= 80
