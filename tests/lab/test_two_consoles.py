"""Two consoles on one PostgreSQL, between real servers: whoever is left finishes the move."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import moving
import pytest
from moving import NAME, until

from openlpm.chaos.postgresql import Cluster, database
from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab import Lab
from openlpm.lab.stage import BIN, Stage

pytestmark = pytest.mark.lab

REPLACED_S = 10
SILENCE_MS = 1000
SLOW = "40mbit"
"""Memory takes longer than another console needs to take over."""


class Scene(moving.Scene):
    """The stage with two consoles; `use` says which one is asked."""

    def __init__(self, stage: Stage, url: str, cluster: Cluster) -> None:
        self.url, self.cluster = url, cluster
        self.stage, self.lab = stage, stage.lab
        self.consoles: dict[str, Any] = {}
        self.start("one")
        self.use("one")
        stage.add_systems()
        super().__init__(stage)
        self.start("two")

    def socket(self, name: str) -> Path:
        return self.lab.folder.run / f"{name}.sock"

    def start(self, name: str) -> None:
        log = (self.lab.folder.run / f"{name}.log").open("a")
        argv = [str(BIN / "lpm"), "--socket", str(self.socket(name)), "serve"]
        env = {**os.environ, "LPM_DATABASE": self.url}
        self.consoles[name] = self.lab.popen(argv, stdout=log, stderr=log, env=env)
        until(lambda: self.view(name), 20, f"console {name} to answer")

    def view(self, name: str) -> dict[str, Any]:
        """What a console says of itself and of who leads; nothing while it does not answer."""
        try:
            return Client(str(self.socket(name)), timeout_s=10).get(path_of("console"))
        except Problem:
            return {}

    def leads(self, name: str) -> bool:
        return self.view(name).get("leads", False)

    def use(self, name: str) -> None:
        self.stage.socket = self.socket(name)
        self.client = Client(str(self.stage.socket))
        self.stage.console = self.consoles[name]

    def reservations(self) -> int:
        (count,) = self.cluster.sql("SELECT count(*) FROM reservations", database(self.url))[0]
        return count

    def events(self) -> list[tuple[int, str]]:
        found = self.client.get(path_of("events"), last=1000)
        return [(event["seq"], event["code"]) for event in found]

    def lose(self, end: Callable[[Any], None]) -> float:
        """Begin a move, let `end` be done to the leader in step 3; how long it was without one."""
        self.link(SLOW)
        move = self.begin()
        self.in_step(move)
        end(self.consoles["one"])
        begun = time.monotonic()
        until(lambda: self.leads("two"), REPLACED_S, "the other one to lead")
        took = time.monotonic() - begun
        self.use("two")
        assert self.move(move)["phase"] == "send"
        self.link()
        assert self.ended(move)["phase"] == "done"
        return took


@pytest.fixture
def pair(run_id: str, cluster: Cluster) -> Iterator[Scene]:
    """A lab of its own, and two consoles: the first one leads."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Lab.up(f"{run_id}c", servers=2) as lab:
        scene = Scene(Stage(lab, keep=False), cluster.create(), cluster)
        try:
            until(scene.serves, 60, "the partition to serve")
            yield scene
        finally:
            for console in scene.consoles.values():
                console.kill()
                console.wait(10)


def test_a_leader_killed_or_frozen_in_step_3_is_replaced_and_the_move_finished(
    pair: Scene,
) -> None:
    there, first = pair.there, pair.fetch("/seq")["last"]
    with pair.stage.clients(pair.guest) as clients:
        clients.wait_until_served(20)
        with clients.window() as window:
            took = pair.lose(lambda console: console.kill())
        assert window.report.silence_ms < SILENCE_MS
        assert window.report.http_lost == 0
    print(f"killed in step 3: replaced after {took:.1f} s")
    pair.assert_only_at(there)
    pair.assert_sequence(first)
    swap(pair)
    frozen_and_thawed(pair)


def swap(pair: Scene) -> None:
    """Let the first one lead again: the second gives it up, and is started anew."""
    pair.consoles["one"].wait(10)
    pair.start("one")
    assert not pair.leads("one")
    pair.consoles["two"].send_signal(signal.SIGTERM)
    assert pair.consoles["two"].wait(20) == 0
    until(lambda: pair.leads("one"), 3, "the first one to lead at once")
    pair.start("two")
    pair.use("one")
    until(pair.is_connected, 20, "both systems to be connected")


def frozen_and_thawed(pair: Scene) -> None:
    there = pair.there
    took = pair.lose(lambda console: console.send_signal(signal.SIGSTOP))
    print(f"frozen in step 3: replaced after {took:.1f} s")
    pair.assert_only_at(there)
    story, epoch = pair.events(), pair.view("two")["leader"]["epoch"]
    pair.consoles["one"].send_signal(signal.SIGCONT)
    pair.use("one")
    refused = pair.run("partition", "pause", NAME)
    assert refused.returncode == 8, refused
    assert f"Another one leads: {pair.view('two')['name']}." in refused.stderr
    until(lambda: not pair.leads("one"), 5, "the thawed one to follow")
    assert pair.events() == story, "it has written nothing"
    pair.assert_only_at(there)  # by the thawed one's own word, and by libvirt's
    assert [code for _, code in story].count("console-leads") == epoch == 4
    pair.consoles["two"].kill()
    until(lambda: pair.leads("one"), REPLACED_S, "the thawed one to lead")
    assert pair.run("return", NAME).returncode == 0
