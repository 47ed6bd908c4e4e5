"""Many at once: one wins, and the others are told so."""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from records import Room, migration, room

from openlpm.adapters.store import Store, open_store, sqlite
from openlpm.adapters.store.journal import Journal
from openlpm.adapters.store.transactions import Transactions
from openlpm.model.errors import OpenLpmError, Refused
from openlpm.model.event import Event
from openlpm.model.migration import Migration, Phase, Reservation

RACERS = 20
STOP = Event("stop-asked", "Stop it.")
FORK = multiprocessing.get_context("fork")


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OpenLpmError as error:
        return error.code
    return "won"


def race_threads(attempts: list[Callable[[], object]]) -> Counter[str]:
    start, outcomes = threading.Barrier(len(attempts)), Counter[str]()

    def run(attempt: Callable[[], object]) -> None:
        start.wait()
        result = outcome(attempt)
        with lock:
            outcomes[result] += 1

    lock = threading.Lock()
    threads = [threading.Thread(target=run, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def race_processes(attempts: list[Callable[[], object]]) -> Counter[str]:
    start, outcomes = FORK.Barrier(len(attempts)), FORK.SimpleQueue()

    def run(attempt: Callable[[], object]) -> None:
        start.wait()
        outcomes.put(outcome(attempt))

    processes = [FORK.Process(target=run, args=(attempt,)) for attempt in attempts]
    for process in processes:
        process.start()
    results = Counter(outcomes.get() for _ in processes)
    for process in processes:
        process.join()
    return results


def beginner(journal: Journal, move: Migration) -> Callable[[], object]:
    return lambda: journal.begin(move, Room(move))


def test_of_racing_threads_one_moves_the_partition(any_store: Store):
    moves = [migration(n, uuid="same") for n in range(RACERS)]
    outcomes = race_threads([beginner(any_store.journal, move) for move in moves])
    assert outcomes == {"won": 1, "already-moving": RACERS - 1}
    assert len(any_store.journal.reservations()) == len(any_store.journal.unfinished()) == 1


def test_of_racing_processes_one_moves_the_partition(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without the lock beside the file: what several consoles on one database would do."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 60.0)  # of 20 in a row, on a busy disk
    open_store(path).close()

    def attempt(number: int) -> Callable[[], object]:
        def begin() -> None:
            journal = Journal(Transactions(sqlite.open_engine(path), epoch=1), lambda: 0.0)
            move = migration(number, uuid="same")
            journal.begin(move, Room(move))

        return begin

    outcomes = race_processes([attempt(n) for n in range(RACERS)])
    assert outcomes == {"won": 1, "already-moving": RACERS - 1}
    with open_store(path) as store:
        assert len(store.journal.reservations()) == len(store.journal.events()) == 1


def test_of_racing_processes_one_opens_the_store(path: Path):
    all_tried = FORK.Barrier(RACERS)

    def attempt() -> None:
        try:
            store = open_store(path)
        finally:
            all_tried.wait(30)  # nobody lets go before the last one has tried
        store.close()

    outcomes = race_processes([attempt] * RACERS)
    assert outcomes == {"won": 1, "store-in-use": RACERS - 1}


def test_room_is_promised_once(any_store: Store):
    def begin(number: int) -> None:
        move = migration(number)

        def reserve(held: Sequence[Reservation], _: object) -> Reservation:
            if len(held) >= 3:
                raise Refused("no-room", "Three are there already.", [])
            return room(move)

        any_store.journal.begin(move, reserve)

    outcomes = race_threads([lambda n=n: begin(n) for n in range(RACERS)])
    assert outcomes == {"won": 3, "no-room": RACERS - 3}


def test_a_stop_and_a_switch_over_cannot_both_win(any_store: Store):
    for number in range(RACERS):
        move = migration(number)
        any_store.journal.begin(move, Room(move))
        turned = replace(move, phase=Phase.SWITCH_OVER)
        race_threads(
            [
                partial(any_store.journal.turn, turned),
                partial(any_store.journal.halt, move.id, STOP),
            ]
        )
        stored = any_store.journal.migration(move.id)
        told = [e for e in any_store.journal.events() if e.code == "stop-asked"]
        halts = [m for m in any_store.journal.migrations() if m.halt == "operator"]
        assert stored.phase is Phase.SWITCH_OVER
        assert len(told) == len(halts)


def test_followers_miss_no_event(any_store: Store):
    seen: list[int] = []
    lock = threading.Lock()

    def follow() -> None:
        with lock:
            seen.extend(e.seq for e in any_store.journal.events(after=seen[-1] if seen else 0))

    any_store.journal.subscribe(follow)
    race_threads([lambda: any_store.journal.tell(Event("e", ""))] * RACERS)
    assert seen == list(range(1, RACERS + 1))
