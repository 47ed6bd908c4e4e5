"""kill -9 at every write of the store: before it, inside the commit, after it.

Each death must leave what was there before the transaction under way, or what it would have
left; whatever the store had returned from must be there. The dying is done in the system calls
themselves (die.c), so "inside" means between the writes that make up one commit.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.crash


@dataclass(frozen=True)
class Death:
    """Where it died, how many steps (the opening is the first) had returned, what was left."""

    at: int
    signal: int
    done: int
    left: dict[str, list[str]]


@dataclass(frozen=True)
class Deaths:
    pictures: list[dict[str, list[str]]]
    deaths: list[Death]


@contextmanager
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: what is synced is not waited for.

    What kill -9 leaves is the same there, as the machine itself goes on.
    """
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared) as name:
        yield Path(name)


def killed_everywhere(script: str, folder: Path) -> Deaths:
    library = folder / "die.so"
    compile_it = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "die.c"), "-ldl"]
    subprocess.run(compile_it, check=True, timeout=60)
    done = subprocess.run(
        [sys.executable, str(HERE / script), str(folder)],
        env=os.environ | {"LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    pictures, *deaths = map(json.loads, done.stdout.splitlines())
    return Deaths(pictures, [Death(**death) for death in deaths])


@pytest.fixture(scope="module")
def all_deaths() -> Deaths:
    with memory() as folder:
        return killed_everywhere("store_script.py", folder)


def test_it_died_everywhere(all_deaths: Deaths):
    assert len(all_deaths.deaths) > 10 * len(all_deaths.pictures)
    assert {death.signal for death in all_deaths.deaths} == {signal.SIGKILL}
    assert {death.done for death in all_deaths.deaths} == set(range(len(all_deaths.pictures) + 1))


def test_each_transaction_is_all_or_nothing(all_deaths: Deaths):
    pictures = all_deaths.pictures
    for death in all_deaths.deaths:
        begun = max(0, death.done - 1)
        assert death.left in pictures[begun : death.done + 1], f"killed at call {death.at}"


def test_both_outcomes_were_seen(all_deaths: Deaths):
    """The test of the test: some deaths came before the commit took, some after it."""
    undone = {d.done for d in all_deaths.deaths if d.left == all_deaths.pictures[d.done - 1]}
    done = {d.done for d in all_deaths.deaths if d.left in all_deaths.pictures[d.done :]}
    assert {1, 5, 10} <= undone & done


def test_room_is_held_for_unfinished_moves_and_no_others(all_deaths: Deaths):
    for death in all_deaths.deaths:
        held_until_cut = set(death.left["unfinished"]) - set(death.left["cutting"])
        assert set(death.left["reserved"]) == held_until_cut, f"killed at call {death.at}"


def test_no_number_is_given_twice_or_left_out(all_deaths: Deaths):
    for death in all_deaths.deaths:
        seqs = death.left["seqs"]
        assert seqs == list(range(1, len(seqs) + 1)), f"killed at call {death.at}"


def test_a_killed_upgrade_loses_nothing():
    """From the first released schema: it is upgraded, or as it was, and upgraded next time."""
    with memory() as folder:
        died = killed_everywhere("upgrade_script.py", folder)
    assert len(died.deaths) > 20
    assert {death.signal for death in died.deaths} == {signal.SIGKILL}
    (after,) = died.pictures
    assert len(after["migrations"]) == 2
    for death in died.deaths:
        assert death.left == after, f"killed at call {death.at}"
