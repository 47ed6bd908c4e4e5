"""Two consoles on one PostgreSQL, between real servers: whoever is left finishes the move."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import moving
import pytest
from moving import NAME, until

from openlpm.chaos.postgresql import Cluster
from openlpm.faces.cli.client import path_of
from openlpm.lab.stage import Stage

pytestmark = pytest.mark.lab

REPLACED_S = 10
SILENCE_MS = 1000
SLOW = "40mbit"
"""Memory takes longer than another console needs to take over."""


class Scene(moving.Scene):
    """The stage with two consoles; `ask` says which one is asked."""

    def events(self) -> list[tuple[int, str]]:
        found = self.client.get(path_of("events"), last=1000)
        return [(event["seq"], event["code"]) for event in found]

    def lose(self, end: Callable[[Any], None]) -> float:
        """Begin a move, let `end` be done to the leader in step 3; how long it was without one."""
        self.link(SLOW)
        move = self.begin()
        self.in_step(move)
        end(self.pair.consoles["one"])
        begun = time.monotonic()
        until(lambda: self.pair.leads("two"), REPLACED_S, "the other one to lead")
        took = time.monotonic() - begun
        self.ask("two")
        assert self.move(move)["phase"] == "send"
        self.link()
        assert self.ended(move)["phase"] == "done"
        return took


@pytest.fixture
def both(run_id: str, cluster: Cluster) -> Iterator[Scene]:
    """A lab of its own, and two consoles: the first one leads."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Stage.up(f"{run_id}c") as stage:
        scene = Scene(stage)
        scene.cluster = cluster
        scene.share()
        try:
            until(scene.serves, 60, "the partition to serve")
            yield scene
        finally:
            scene.pair.end()


def test_a_leader_killed_or_frozen_in_step_3_is_replaced_and_the_move_finished(
    both: Scene,
) -> None:
    there, first = both.there, both.fetch("/seq")["last"]
    with both.stage.clients(both.guest) as clients:
        clients.wait_until_served(20)
        with clients.window() as window:
            took = both.lose(lambda console: console.kill())
        assert window.report.silence_ms < SILENCE_MS
        assert window.report.http_lost == 0
    print(f"killed in step 3: replaced after {took:.1f} s")
    both.assert_only_at(there)
    both.assert_sequence(first)
    assert both.pair.written("one")
    assert both.pair.written_late("one", "two") == []
    assert any("Migrated" in event for event in both.pair.watch.news())
    swap(both)
    frozen_and_thawed(both)


def swap(both: Scene) -> None:
    """Let the first one lead again: the second gives it up, and is started anew."""
    pair = both.pair
    pair.consoles["one"].wait(10)
    pair.start("one")
    assert not pair.leads("one")
    pair.consoles["two"].send_signal(signal.SIGTERM)
    assert pair.consoles["two"].wait(20) == 0
    until(lambda: pair.leads("one"), 3, "the first one to lead at once")
    pair.start("two")
    both.ask("one")
    until(both.is_connected, 20, "both systems to be connected")


def frozen_and_thawed(both: Scene) -> None:
    pair, there = both.pair, both.there
    took = both.lose(lambda console: console.send_signal(signal.SIGSTOP))
    print(f"frozen in step 3: replaced after {took:.1f} s")
    both.assert_only_at(there)
    story, epoch = both.events(), pair.epoch("two")
    pair.consoles["one"].send_signal(signal.SIGCONT)
    both.ask("one")
    refused = both.run("partition", "pause", NAME)
    assert refused.returncode == 8, refused
    assert f"Another one leads: {pair.view('two')['name']}." in refused.stderr
    until(lambda: not pair.leads("one"), 5, "the thawed one to follow")
    assert both.events() == story, "it has written nothing"
    both.assert_only_at(there)  # by the thawed one's own word, and by libvirt's
    assert [code for _, code in story].count("console-leads") == epoch == 4
    pair.consoles["two"].kill()
    until(lambda: pair.leads("one"), REPLACED_S, "the thawed one to lead")
    assert both.run("return", NAME).returncode == 0
    assert both.pair.written_late("one", "two"), "who looks on has seen the writes of its new lead"
