"""Post-copy on real servers: a partition too busy for its link arrives all the same."""

import moving
import pytest
from moving import FINAL, Scene, until

pytestmark = pytest.mark.lab
scene = moving.scene

BUSY = (60, 40)
"""MB/s over so many MiB: more than the link carries, and some seconds' worth of it to fetch."""
LINK = "200mbit"


def begin(scene: Scene, *options: str) -> str:
    scene.dirty(*BUSY)
    scene.link(LINK)
    return scene.begin("--max-pause", "60", "--postcopy", "allowed", *options)


def fetching(scene: Scene, move: str, target: str) -> None:
    """Wait until the target runs it, and fetches."""

    def seen() -> bool:
        record = scene.move(move)
        assert record["phase"] not in FINAL, record
        return scene.state(target) == "running (post-copy)"

    until(seen, 60, "post-copy to begin")


def assert_arrived(scene: Scene, move: str, target: str, first: int) -> None:
    record = scene.ended(move)
    assert record["phase"] == "done", record
    scene.dirty(0, 0)
    scene.assert_only_at(target)
    scene.assert_sequence(first)


def test_what_does_not_converge_arrives_by_post_copy(scene: Scene) -> None:
    there, first = scene.there, scene.fetch("/seq")["last"]
    move = begin(scene)
    fetching(scene, move, there)
    late = scene.run("migration", "stop", move)
    assert late.returncode == 6, late
    assert_arrived(scene, move, there, first)
    codes = scene.events_of(move)
    story = ["migration-pause-widened", "migration-postcopy", "migration-start-postcopy"]
    assert [c for c in codes if c in story] == story
    assert "migration-throttle" not in codes
