"""Moves of a real partition between real servers by the real console, while outsiders use it."""

import json

import moving
import pytest
from moving import FINAL, NAME, Scene, until

from openlpm.faces.cli.client import path_of
from openlpm.lab.image import check_sequence

pytestmark = pytest.mark.lab
scene = moving.scene

SILENCE_MS = 1000
"""Others use this machine: the demo measures, this only notices a partition that stood still."""


def identity(scene: Scene) -> dict[str, object]:
    shown = scene.lpm("partition", "show", NAME)
    macs = scene.virsh(scene.here, "domiflist", NAME).split("\n")[2:]
    return {
        "name": shown["name"],
        "uuid": shown["uuid"],
        "partition_id": shown["mark"]["partition_id"],
        "macs": sorted(line.split()[-1] for line in macs if line.strip()),
        "inside": scene.fetch("/identity"),
    }


def assert_figures(scene: Scene, record: dict[str, object]) -> None:
    """What the record says is what libvirt measured."""
    figures = record["figures"]
    assert isinstance(figures, dict)
    assert figures["pause_ms"] == scene.pause_ms(str(record["target"])) > 0
    assert figures["bytes_sent"] > 20 * 2**20
    assert figures["total_s"] > 0
    assert next(step for step, _ in figures["phase_s"]) == "capture"


def test_running_partition_moves_and_returns_while_it_is_used(scene: Scene) -> None:
    here, there = scene.here, scene.there
    before, first = identity(scene), scene.fetch("/seq")["last"]
    with scene.stage.clients(scene.guest) as clients:
        clients.wait_until_served(20)
        for words, source, target in (
            (("migrate", NAME, "--to", there), here, there),
            (("return", NAME), there, here),
        ):
            with clients.window() as window:
                done = scene.run(*words, "--json")
            assert done.returncode == 0, done.stderr
            record = json.loads(done.stdout)["migration"]
            assert (record["source"], record["target"], record["kind"], record["phase"]) == (
                *(source, target),
                *("active", "done"),
            )
            scene.assert_only_at(target)
            assert_figures(scene, record)
            assert identity(scene) == before
            assert window.report.silence_ms < SILENCE_MS
            assert window.report.http_lost == 0
    assert record["is_return"]
    scene.assert_sequence(first)


def test_powered_off_partition_moves_and_returns_and_is_activated_there(scene: Scene) -> None:
    here, there = scene.here, scene.there
    last = scene.fetch("/seq")["last"]
    scene.lpm("partition", "shutdown", NAME)
    report = check_sequence(scene.guest.volume)
    assert report.intact
    assert report.last >= last
    for words, target in (
        (("migrate", NAME, "--to", there), there),
        (("return", NAME), here),
        (("migrate", NAME, "--to", there), there),
    ):
        record = scene.lpm(*words)["migration"]
        assert (record["kind"], record["phase"]) == ("inactive", "done")
        assert record["figures"]["pause_ms"] is None
        scene.assert_only_at(target, "shut")
    scene.lpm("partition", "activate", NAME)
    scene.assert_only_at(there)
    with scene.stage.clients(scene.guest) as clients:
        clients.wait_until_served(40)
    assert scene.fetch("/seq")["last"] > report.last
    scene.assert_sequence(report.last)


def test_partition_too_busy_for_the_link_stays_and_the_figures_say_why(scene: Scene) -> None:
    here = scene.here
    scene.dirty(60, 24)
    scene.link("200mbit")
    done = scene.run(
        "migrate", NAME, "--to", scene.there, "--max-pause", "100", "--no-throttle", "--json"
    )
    assert done.returncode == 1
    assert "does not converge" in done.stderr
    assert "100 ms are allowed" in done.stderr
    assert f"It is running on {here}" in done.stderr
    scene.assert_only_at(here)
    record = scene.lpm("migration", "list", "--limit", "1")[0]["migration"]
    assert not record["throttled"]
    codes = scene.events_of(record["id"])
    assert codes.count("migration-pause-widened") == 2  # 30, 60, 100 ms
    assert "migration-throttle" not in codes
    given_up = codes.index("migration-no-convergence")
    assert codes[given_up:] == [
        *("migration-no-convergence", "migration-abort-transfer", "migration-failed")
    ]


def test_pause_is_widened_first_and_then_the_partition_is_throttled(scene: Scene) -> None:
    here = scene.here
    scene.dirty(60, 24)
    scene.link("200mbit")
    move = scene.begin("--max-pause", "60")

    def slowed_down() -> bool:
        view = scene.client.get(path_of("migrations", move))
        assert view["migration"]["phase"] not in FINAL, view["migration"]
        return view["progress"] is not None and view["progress"]["throttle_percent"] > 0

    until(slowed_down, 40, "QEMU to slow the partition down")
    assert scene.move(move)["throttled"]
    scene.link("8mbit")  # slowed down, it may arrive before the stop does
    scene.lpm("migration", "stop", move)
    assert scene.ended(move)["phase"] == "stopped"
    codes = scene.events_of(move)
    assert codes.index("migration-pause-widened") < codes.index("migration-throttle")
    scene.assert_only_at(here)


def test_paused_partition_stays_paused_until_it_is_resumed(scene: Scene) -> None:
    here, there, first = scene.here, scene.there, scene.fetch("/seq")["last"]
    scene.lpm("partition", "pause", NAME)
    record = scene.lpm("migrate", NAME, "--to", there)["migration"]
    assert (record["kind"], record["phase"]) == ("suspended", "done")
    scene.assert_only_at(there, "paused")
    # QEMU 7.2 dies when it sends on what arrived paused and has not run: all would be lost.
    refused = scene.run("return", NAME)
    assert refused.returncode == 3
    assert "not-run-since-arrival" in refused.stderr
    scene.assert_only_at(there, "paused")
    scene.lpm("partition", "resume", NAME)
    scene.assert_only_at(there)
    at = scene.fetch("/seq")["last"]
    scene.lpm("partition", "pause", NAME)
    record = scene.lpm("return", NAME)["migration"]
    assert (record["kind"], record["phase"]) == ("suspended", "done")
    scene.assert_only_at(here, "paused")
    scene.lpm("partition", "resume", NAME)
    scene.assert_only_at(here)
    until(lambda: scene.fetch("/seq")["last"] > at, 10, "its clock and its disk to go on")
    scene.assert_sequence(first)
