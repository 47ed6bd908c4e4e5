"""Ctrl-C at any moment of the demo leaves nothing behind: three demos at once, each interrupted
elsewhere.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from openlpm.lab import Lab
from openlpm.lab.command import wait_until
from openlpm.lab.look import left_overs
from openlpm.lab.state import folder_of

pytestmark = pytest.mark.lab

MOMENTS = {
    "up": "",  # as soon as the lab's folder is there
    "activate": "lpm partition activate",
    "move": "3/5 Send",
}


class Demo:
    """The demo, as typed in a terminal: Ctrl-C reaches all of its process group."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.said = folder / f"{name}.txt"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.demo", "--name", name, "--out", folder / "demo.json"],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def has_come_to(self, words: str) -> bool:
        assert self.process.poll() is None, self.said.read_text()
        return folder_of(self.name).run.exists() and words in self.said.read_text()

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def demos(run_id: str, tmp_path: Path) -> Iterator[dict[str, Demo]]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    started = {moment: Demo(f"{run_id}{moment}", tmp_path) for moment in MOMENTS}
    yield started
    for demo in started.values():
        demo.process.kill()
        demo.process.wait()
        Lab.remove(demo.name)


def test_ctrl_c_leaves_nothing_behind(demos: dict[str, Demo]) -> None:
    for moment, words in MOMENTS.items():
        demo = demos[moment]
        wait_until(lambda d=demo, w=words: d.has_come_to(w), seconds=60, what=f"{moment!r}")
        demo.interrupt()
    for demo in demos.values():
        assert demo.process.wait(30) == 130, demo.said.read_text()
        assert "everything the demo made is removed" in demo.said.read_text()
        assert "Traceback" not in demo.said.read_text()
        assert left_overs(folder_of(demo.name)) == []
