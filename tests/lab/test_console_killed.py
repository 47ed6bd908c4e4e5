"""What may die or vanish during a move: the console, a libvirtd, a QEMU, the way to a server.

Each time the partition runs once, or went off where it died; nothing is left elsewhere, and what
the record says in the end is true.
"""

import time
from collections.abc import Iterator

import moving
import pytest
from moving import NAME, Scene, until

from openlpm.faces.cli.client import Message, path_of

pytestmark = pytest.mark.lab
scene = moving.scene

SILENCE_MS = 1000
SLOW = "200mbit"
"""Memory takes some five seconds: enough to be in the midst of it."""


def assert_failed_at(scene: Scene, record: dict[str, object], here: str) -> None:
    """It did not move, and goes on where it was."""
    assert record["phase"] == "failed"
    assert here in str(record["reason"])
    scene.assert_only_at(here)


def test_console_killed_in_step_3_follows_the_move_to_its_end(scene: Scene) -> None:
    there, first = scene.there, scene.fetch("/seq")["last"]
    scene.link("40mbit")  # the next console is there before the end
    with scene.stage.clients(scene.guest) as clients:
        clients.wait_until_served(20)
        with clients.window() as window:
            move = scene.begin()
            scene.in_step(move)
            scene.kill_console()
            scene.stage.start_console()
            assert scene.move(move)["phase"] not in moving.FINAL
            scene.link()
            assert scene.run("migration", "watch", move).returncode == 0
        assert window.report.silence_ms < SILENCE_MS
        assert window.report.http_lost == 0
    record = scene.move(move)
    assert record["phase"] == "done"
    assert record["figures"]["pause_ms"] == scene.pause_ms(there) > 0
    assert record["figures"]["bytes_sent"] > 20 * 2**20
    scene.assert_only_at(there)
    scene.assert_sequence(first)


def kill_at(scene: Scene, messages: Iterator[Message], code: str) -> str | None:
    """kill -9 the console when this is told of the move; its id, or None if it never was."""
    for message in messages:
        event = message.data
        if event is None or not event["migration_id"]:
            continue
        if event["code"] == code:
            scene.kill_console()
            return event["migration_id"]
        if event["code"] in {f"migration-{end}" for end in moving.FINAL}:
            return None
    return None


@pytest.mark.parametrize(
    "written", ["begun", "duplicate", "send", "switch-over", "cut-ties", "done"]
)
def test_console_killed_at_each_write(scene: Scene, written: str) -> None:
    here, there = scene.here, scene.there
    messages = scene.client.stream(path_of("events", "stream"))
    asked = scene.begin()
    killed = kill_at(scene, messages, f"migration-{written}")
    assert killed in (asked, None)
    if killed is None:
        assert written in ("switch-over", "cut-ties"), "only these may pass unseen"
    else:
        scene.stage.start_console()
    record = scene.ended(asked)
    if record["phase"] == "done":
        assert record["figures"]["pause_ms"] == scene.pause_ms(there)
        scene.assert_only_at(there)
    else:
        # The source's libvirtd had not yet been asked, or not yet begun: libvirt ends a call
        # whose caller is gone before the transfer is its own.
        assert written in ("begun", "duplicate")
        assert_failed_at(scene, record, here)


def test_management_cut_in_step_3_waits_and_the_move_completes(scene: Scene) -> None:
    here, there = scene.here, scene.there
    scene.link(SLOW)
    with scene.stage.clients(scene.guest) as clients:
        clients.wait_until_served(20)
        with clients.window() as window:
            move = scene.begin()
            scene.in_step(move)
            cut_at = time.monotonic()
            for server in (here, there):
                scene.lab.cut(server, "management")
            scene.link()
            until(lambda: scene.state(there).startswith("running"), 30, "it to arrive unseen")
            until(lambda: _links(scene) == {"unreachable"}, 12, "both to be out of reach")
            assert time.monotonic() - cut_at < 25
            assert scene.move(move)["phase"] not in moving.FINAL
            assert scene.reservations() == 1
            assert scene.lpm("partition", "show", NAME)["state"] == "unknown"
            for server in (here, there):
                scene.lab.heal(server, "management")
            record = scene.ended(move)
        assert window.report.silence_ms < SILENCE_MS
        assert window.report.http_lost == 0
    assert record["phase"] == "done"
    assert record["figures"]["pause_ms"] == scene.pause_ms(there)
    scene.assert_only_at(there)


def _links(scene: Scene) -> set[str]:
    return {view["link"] for view in scene.client.get(path_of("systems"))}
