"""A quarter of the fault matrix; `make chaos` runs all of it (docs/fault-matrix.md)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from openlpm.chaos.cli import make_scene
from openlpm.chaos.faults import FAULTS
from openlpm.chaos.moments import POSTCOPY, Moment
from openlpm.chaos.run import Case, all_cases, quarter, run_case, run_or_explain
from openlpm.chaos.scene import Scene
from openlpm.chaos.traces import Traces

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def broken_scene(run_id: str) -> Iterator[Scene]:
    """One for all: each case makes it whole first."""
    scene = make_scene(f"{run_id}x")
    yield scene
    scene.close()


@pytest.mark.parametrize("case", quarter(), ids=lambda case: case.name)
def test_a_fault_costs_nothing(broken_scene: Scene, case: Case) -> None:
    result = run_case(broken_scene, case)
    assert result.held, result.evidence


def test_a_case_leaves_what_everybody_wrote_down(broken_scene: Scene, tmp_path: Path) -> None:
    broken_scene.restore()
    traces, to = Traces(broken_scene), broken_scene.there
    move = broken_scene.ask_to_move(to)
    broken_scene.ended(move)
    traces.keep(tmp_path / "case")
    assert json.loads((tmp_path / "case/moves.json").read_text())[0]["migration"]["id"] == move
    said = (tmp_path / f"case/{to}-qemu-web1.log").read_text()
    assert said.count("starting up") == 1
    assert "openlpm/engine/watch.py" in (tmp_path / "case/console.log").read_text()
    assert all(trace.stat().st_size for trace in (tmp_path / "case").iterdir())


def test_the_quarter_has_each_fault_and_each_moment() -> None:
    assert {case.fault for case in quarter()} == set(FAULTS)
    assert {case.moment for case in quarter()} == set(Moment)
    assert len(all_cases()) >= 190


def test_a_connection_breaks_all_through_postcopy() -> None:
    names = {case.name for case in all_cases()}
    for fault in ("migration-cut", "migration-reset"):
        assert {f"{fault}@{moment}" for moment in POSTCOPY} <= names
    assert "migration-reset-twice@post-copy" in names


def test_a_case_that_needs_postgresql_says_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openlpm.chaos.run.programs", lambda: None)
    case = next(case for case in all_cases() if case.fault.shared)
    result = run_or_explain(cast("Scene", None), case)
    assert not result.held
    assert "There is no PostgreSQL" in result.evidence
    assert "apt-get install postgresql" in result.evidence
    assert not result.broke_the_scene


def test_a_lost_leader_is_in_the_quarter_at_several_moments() -> None:
    moments = {case.moment for case in quarter() if case.fault.shared}
    assert len(moments) >= 2
