"""The console is killed at each write of its journal, and at each call to a server.

Every time the next console finds the move and ends it: the partition runs exactly once, no room is
held, nothing is left at the other end, and the record says what is true.
"""

from typing import Any

import pytest

from engine.conftest import Stand
from engine.test_moves import add
from fakes.fault import Fault, Stage
from fakes.hypervisors import ConsoleKilled
from openlpm.model.errors import OpenLpmError
from openlpm.model.migration import Phase
from openlpm.model.sight import Sight

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

WRITES = ("begin", "turn")


class DyingJournal:
    """Passes everything on; at write number `at` the console dies, just before it or just after."""

    def __init__(self, journal: Any, stand: Stand, at: int, *, after: bool) -> None:
        self._journal = journal
        self._stand = stand
        self._left = at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)
        return self._dying(method) if name in WRITES else method

    def _dying(self, method: Any) -> Any:
        def write(*args: Any, **options: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                self._die()
            answer = method(*args, **options)
            if self._left == 0 and self._after:
                self._die()
            return answer

        return write

    def _die(self) -> None:
        self._stand.consoles[-1][2].kill()
        raise ConsoleKilled


def check_the_end(stand: Stand, uuid: str) -> None:
    """One partition, running once, and nothing else left."""
    unfinished = stand.store.journal.unfinished
    stand.wait_for(lambda: not unfinished(), timeout_s=30)
    running = stand.world.running(uuid)
    assert len(running) == 1
    assert not stand.world.guest("web1").unfenced
    assert stand.world.ran_twice == []
    other = {"s1": "s2", "s2": "s1"}[running[0]]
    stand.world.until(lambda: stand.world.place("web1", other).state is Sight.ABSENT)
    assert stand.store.journal.reservations() == []
    for view in stand.console.migrations():
        expected = Phase.DONE if running == ["s2"] else Phase.FAILED
        assert view.migration.phase is expected, view.migration.reason


def ask(stand: Stand) -> None:
    """Ask for the move; the console may die before it answers."""
    try:
        stand.console.migrate("web1", "s2")
    except (ConsoleKilled, OpenLpmError):
        return


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, 6))
def test_killed_at_a_write(stand: Stand, write: int, *, after: bool) -> None:
    uuid = add(stand)
    stand.kill()
    stand.start(lambda journal: DyingJournal(journal, stand, write, after=after))
    stand.wait_for(lambda: len(stand.console.partitions()) == 1)
    ask(stand)
    hypervisors = stand.consoles[-1][2]
    # A move whose short steps were never seen has a write less; then it has ended by itself.
    stand.world.until(lambda: hypervisors.killed or not stand.store.journal.unfinished())
    stand.kill()
    stand.start()
    check_the_end(stand, uuid)


def kill_at_call(stand: Stand, call: int) -> None:
    """Ask for a move and let the console die at its so-manyeth call; the next one ends it."""
    uuid = add(stand)
    hypervisors = stand.consoles[-1][2]
    hypervisors.die_at(hypervisors.calls + call)
    ask(stand)
    stand.world.until(lambda: hypervisors.killed or not stand.store.journal.unfinished())
    stand.kill()
    stand.start()
    check_the_end(stand, uuid)


@pytest.mark.parametrize("call", range(1, 46, 2))
def test_killed_at_a_call(stand: Stand, call: int) -> None:
    kill_at_call(stand, call)


@pytest.mark.parametrize("call", range(20, 46))
def test_killed_at_a_call_when_the_transfer_has_failed(stand: Stand, call: int) -> None:
    """What has to be brought back is brought back by whoever comes next."""
    stand.world.fail_transfer(Fault(Stage.PAUSE))
    kill_at_call(stand, call)
