"""The stage of the console's tests in the lab: two real servers, a console, a partition of use.

One stage serves the whole run. `scene` hands it out whole before each test, whatever the last one
broke: links healed, daemons started, no move unfinished, the partition running and serving. On
which of the servers is the test's to ask (`scene.here`): moves go either way.
"""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest

from openlpm.chaos import scene as chaos
from openlpm.chaos.scene import FINAL, NAME, other, until
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.image import check_records
from openlpm.lab.stage import Stage

__all__ = ["FINAL", "NAME", "Scene", "other", "scene", "until"]


class Scene(chaos.Scene):
    """The same, with what only tests ask."""

    # As an operator

    def run(self, *words: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """`lpm`, to its end, however it ends."""
        return subprocess.run(
            [*self.stage.command(), *words], capture_output=True, text=True, timeout=timeout
        )

    def popen(self, *words: str) -> "subprocess.Popen[str]":
        """`lpm`, going on."""
        return subprocess.Popen(
            [*self.stage.command(), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def begin(self, *options: str, to: str = "") -> str:
        """Begin a move to the other server; its id."""
        there = to or self.there
        return self.lpm("migrate", NAME, "--to", there, "--no-wait", *options)["migration"]["id"]

    def in_step(self, move_id: str, phase: str = "send", sent: int = 4 * 2**20) -> None:
        """Wait until a move is in the midst of a step."""

        def there() -> bool:
            record = self.move(move_id)
            assert record["phase"] not in FINAL, record
            return record["phase"] == phase and self.sent_bytes(move_id) >= sent

        until(there, 20, f"move {move_id} to be in step {phase!r}")

    # As an inspector

    def assert_only_at(self, server: str, state: str = "running") -> None:
        """It is there, whole, once; nothing of it and no room for it is left elsewhere."""
        assert self.state(server).startswith(state), self.state(server)
        assert NAME not in self.defined(other(server))
        assert "persistent:     yes" in " ".join(
            line for line in self.virsh(server, "dominfo", NAME).lower().splitlines()
        )
        assert self.virsh(server, "domuuid", NAME) == self.guest.uuid
        # libvirt lets go of the lease while it is paused, and takes it again before it resumes.
        assert self.leases() == (1 if state == "running" else 0)
        assert self.reservations() == 0
        shown = self.lpm("partition", "show", NAME)
        assert (shown["system"], shown["state"]) == (server, "off" if state == "shut" else state)

    # As a user of the partition

    def assert_sequence(self, first: int) -> None:
        """No record of the running partition's disk since `first` is missing or doubled."""
        report = check_records(self.records(first))
        assert report.intact, report
        assert report.torn == 0
        assert report.last > first


_KEY = pytest.StashKey[Scene]()


def _the_scene(request: pytest.FixtureRequest, name: str) -> Scene:
    """One for the run, whichever module asks first."""
    config = request.config
    if _KEY not in config.stash:
        stage = Stage.up(name)
        config.add_cleanup(lambda: stage.__exit__(None, None, None))
        config.stash[_KEY] = Scene(stage)
    return config.stash[_KEY]


@pytest.fixture
def scene(request: pytest.FixtureRequest, run_id: str) -> Iterator[Scene]:
    """The stage, whole."""
    found = _the_scene(request, f"{run_id}m")
    found.restore()
    begun = found.client.get(path_of("events"), last=1)[-1]["seq"]
    yield found
    with suppress(Problem):  # shown when the test has failed
        for event in found.client.get(path_of("events"), after=begun):
            print(f"{event['at']:.3f} {event['code']}: {event['message']}")
