"""The command line on a real console and real partitions, as operators at terminals use it."""

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import moving
import pytest
from moving import FINAL, NAME, Scene, until

pytestmark = pytest.mark.lab
scene = moving.scene

SLOW = "200mbit"
STEPS = ["capture", "duplicate", "send", "switch-over", "cut-ties", "done"]


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, argv: list[str]) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self._shown = b""

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def wait_for(self, text: bytes, seconds: float = 20) -> None:
        """Read until `text` was shown; forget what was before."""
        os.set_blocking(self._ours, False)
        begun = time.monotonic()
        while text not in self._shown:
            assert time.monotonic() - begun < seconds, self._shown
            try:
                self._shown += os.read(self._ours, 4096)
            except BlockingIOError:
                assert self.process.poll() is None, self._shown
                time.sleep(0.01)
        self._shown = self._shown[self._shown.index(text) + len(text) :]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def terminal(scene: Scene, *words: str) -> Iterator[Terminal]:
    opened = Terminal([*scene.stage.command(), *words])
    try:
        yield opened
    finally:
        opened.close()


def test_serial_console_answers_and_stays_through_a_move(scene: Scene) -> None:
    with terminal(scene, "partition", "console", NAME) as line:
        line.wait_for(b"Ctrl-] ends it")
        line.type(b"\r")
        line.wait_for(b"# ")
        line.type(b"echo $((6 * 7))-here\r")
        line.wait_for(b"42-here")
        assert scene.lpm("migrate", NAME, "--to", scene.there)["migration"]["phase"] == "done"
        line.wait_for(b"Joined again")
        line.type(b"echo $((6 * 7))-there\r")
        line.wait_for(b"42-there")
        line.type(b"\x1d")
        line.wait_for(b"console ended")
        assert line.process.wait(10) == 0


def test_ctrl_c_leaves_the_move_going_on_and_it_can_be_watched(scene: Scene) -> None:
    there = scene.there
    scene.link(SLOW)
    with terminal(scene, "migrate", NAME, "--to", there) as line:
        line.wait_for(b"Send")
        line.process.send_signal(signal.SIGINT)
        line.wait_for(b"goes on")
        assert line.process.wait(10) == 130
    scene.link()
    move = scene.lpm("migration", "list", "--limit", "1")[0]["migration"]
    assert move["phase"] not in FINAL
    watched = scene.run("migration", "watch", move["id"], "--json")
    assert watched.returncode == 0
    views = [json.loads(text) for text in watched.stdout.splitlines()]
    phases = list(dict.fromkeys(view["migration"]["phase"] for view in views))
    assert phases == [step for step in STEPS if step in phases]
    assert phases[-1] == "done"
    assert any(view["progress"] and view["remaining_s"] is not None for view in views)
    sent = [view["progress"]["sent_bytes"] for view in views if view["progress"]]
    assert sent == sorted(sent)
    scene.assert_only_at(there)


def test_events_follow_a_move_in_order(scene: Scene) -> None:
    events = scene.popen("events", "--follow", "--last", "1", "--json")
    assert events.stdout
    try:
        events.stdout.readline()  # the last one: from here on nothing is missed
        done = scene.run("migrate", NAME, "--to", scene.there, "--json")
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)["migration"]
        told: list[dict[str, object]] = []
        for text in events.stdout:
            event = json.loads(text)
            if event["migration_id"] == record["id"]:
                told.append(event)
            if event["code"] == "migration-done":
                break
        events.send_signal(signal.SIGINT)
        assert events.wait(10) == 130
    finally:
        events.kill()
        events.communicate()
    codes = [event["code"] for event in told]
    assert codes[0] == "migration-begun"
    steps = [step for step in STEPS if f"migration-{step}" in codes]
    assert [code for code in codes if code != "migration-begun"] == [
        f"migration-{s}" for s in steps
    ]
    assert {"duplicate", "send", "done"} <= set(steps)
    assert [at for at, _ in record["phase_at"]] == steps


def test_tab_completes_partitions_systems_and_moves(scene: Scene) -> None:
    def completed(*words: str) -> list[str]:
        lpm, _, socket = scene.stage.command()
        environment = {
            **os.environ,
            "LPM_SOCKET": socket,
            "_LPM_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("lpm", *words)),
            "COMP_CWORD": str(len(words)),
        }
        done = subprocess.run([lpm], env=environment, capture_output=True, text=True, timeout=10)
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("migrate", "we") == [NAME]
    assert completed("migrate", NAME, "--to", "s") == ["s1", "s2"]
    moves = [view["migration"]["id"] for view in scene.lpm("migration", "list")]
    assert completed("migration", "watch", moves[0][:4]) == [moves[0]]


def test_one_of_two_operators_wins(scene: Scene) -> None:
    there = scene.there
    scene.link(SLOW)
    both = [scene.popen("migrate", NAME, "--to", there, "--no-wait", "--json") for _ in range(2)]
    ended = {process.communicate(timeout=30): process.returncode for process in both}
    assert sorted(code != 0 for code in ended.values()) == [False, True], ended
    ((_, refusal),) = [text for text, code in ended.items() if code]
    assert max(ended.values()) in (3, 6)
    ((won, _),) = [text for text, code in ended.items() if not code]
    move = json.loads(won)["migration"]["id"]
    # By the journal, by validation of the move or by that of its libvirt job: as they interleave.
    told = ("already-moving", "move-under-way", "job-under-way")
    assert any(code in refusal for code in told), refusal
    for words in (("partition", "shutdown", NAME), ("partition", "delete", NAME)):
        busy = scene.run(*words)
        assert busy.returncode == 6
        assert move in busy.stderr
    scene.link()
    assert scene.ended(move)["phase"] == "done"
    scene.assert_only_at(there)
    again = scene.run("migrate", NAME, "--to", there)
    assert again.returncode == 3
    until(lambda: scene.reservations() == 0, 5, "no room to be held")
