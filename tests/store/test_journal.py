"""The journal: one transaction a method, and the rules that are decided inside it."""

from dataclasses import replace

import pytest
from records import Room, migration, room

from openlpm.adapters.store import Store, events, records
from openlpm.model.errors import Busy, NotFound, Refused, StoreFailed, TooLate
from openlpm.model.event import Event, Level
from openlpm.model.migration import Halt, Phase
from openlpm.ports import Journal

STOP = Event("stop-asked", "Stop it.", migration_id="m1")


@pytest.fixture
def journal(any_store: Store) -> Journal:
    return any_store.journal


def test_begin_holds_the_room_and_tells(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    assert journal.migration("m1") == move
    assert journal.unfinished() == [move]
    assert journal.reservations() == journal.reservations("s2") == [room(move)]
    assert journal.reservations("s1") == []
    (told,) = journal.events()
    assert (told.code, told.migration_id, told.at, told.seq) == ("migration-begun", "m1", 1000.0, 1)


def test_begin_shows_the_targets_reservations_and_all_unfinished_moves(journal: Journal):
    first, second, away = migration(1), migration(2), replace(migration(3), target="s3")
    for move in (first, away):
        journal.begin(move, Room(move))
    asked = Room(second)
    journal.begin(second, asked)
    assert asked.shown == [room(first)]
    assert asked.others == [first.id, away.id]


def test_a_refused_reservation_passes_unchanged_and_writes_nothing(journal: Journal):
    refusal = Refused("no-room", "No room.", [])

    def refuse(*_: object) -> None:
        raise refusal

    with pytest.raises(Refused) as caught:
        journal.begin(migration(), refuse)
    assert caught.value is refusal
    assert (journal.migrations(), journal.reservations(), journal.events()) == ([], [], [])


def test_a_partition_moves_once_at_a_time(journal: Journal):
    first, second = migration(1, uuid="u"), migration(2, uuid="u")
    journal.begin(first, Room(first))
    with pytest.raises(Busy, match="m1"):
        journal.begin(second, Room(second))
    journal.turn(replace(first, phase=Phase.FAILED))
    journal.begin(second, Room(second))
    assert [m.id for m in journal.migrations()] == ["m2", "m1"]


def test_a_turn_writes_record_events_and_release_together(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    turned = replace(move, phase=Phase.CUT_TIES, asked=True, phase_at=(("cut-ties", 5.0),))
    told = [Event("a", "A"), Event("b", "B", level=Level.ERROR, at=7.0)]
    assert journal.turn(turned, release=True, events=told) == turned
    assert journal.migration("m1") == turned
    assert journal.reservations() == []
    assert [(e.seq, e.code, e.at) for e in journal.events(after=1)] == [
        (2, "a", 1000.0),
        (3, "b", 7.0),
    ]


def test_a_turn_without_release_keeps_the_room(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    journal.turn(replace(move, phase=Phase.SEND))
    assert journal.reservations() == [room(move)]


@pytest.mark.parametrize("phase", [p for p in Phase if p.final])
def test_an_end_releases_and_is_final(journal: Journal, phase: Phase):
    move = migration()
    journal.begin(move, Room(move))
    journal.turn(replace(move, phase=phase))
    assert (journal.reservations(), journal.unfinished()) == ([], [])
    with pytest.raises(TooLate):
        journal.turn(replace(move, phase=Phase.SEND))
    with pytest.raises(TooLate):
        journal.halt("m1", STOP)
    assert journal.migration("m1").phase is phase


@pytest.mark.parametrize("decided", list(Halt))
def test_the_operators_halt_outlasts_the_movers_record(journal: Journal, decided: Halt):
    move = migration()
    journal.begin(move, Room(move))
    journal.halt("m1", STOP)
    stored = journal.turn(replace(move, phase=Phase.SEND, halt=decided))
    assert stored.halt is Halt.OPERATOR
    assert journal.migration("m1") == stored


def test_the_movers_halts_can_be_taken_back(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    journal.turn(replace(move, halt=Halt.THROTTLE))
    assert journal.turn(move).halt is Halt.NONE


def test_halting_twice_is_told_once(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    assert journal.halt("m1", STOP) == journal.halt("m1", STOP)
    assert [e.code for e in journal.events()] == ["migration-begun", "stop-asked"]


@pytest.mark.parametrize("phase", [Phase.SWITCH_OVER, Phase.CUT_TIES])
def test_a_halt_comes_too_late_after_the_switch_over(journal: Journal, phase: Phase):
    move = migration()
    journal.begin(move, Room(move))
    journal.turn(replace(move, phase=phase))
    with pytest.raises(TooLate):
        journal.halt("m1", STOP)
    assert journal.migration("m1").halt is Halt.NONE


def test_of_a_halt_and_a_switch_to_postcopy_the_first_counts(journal: Journal):
    move = migration()
    journal.begin(move, Room(move))
    journal.halt("m1", STOP)
    assert not journal.turn(replace(move, switched=True)).switched
    other = migration(2)
    journal.begin(other, Room(other))
    assert journal.turn(replace(other, switched=True)).switched
    with pytest.raises(TooLate):
        journal.halt("m2", STOP)


def test_unknown_migrations_are_named(journal: Journal):
    for ask in (
        lambda: journal.migration("m9"),
        lambda: journal.halt("m9", STOP),
        lambda: journal.turn(migration(9)),
    ):
        with pytest.raises(NotFound, match="m9"):
            ask()


def test_migrations_are_found_by_name_and_uuid(journal: Journal):
    for number in (1, 2, 3):
        move = migration(number)
        journal.begin(move, Room(move))
    assert [m.id for m in journal.migrations(limit=2)] == ["m3", "m2"]
    assert [m.id for m in journal.migrations(partition="web2")] == ["m2"]
    assert [m.id for m in journal.migrations(partition="uuid-3")] == ["m3"]


def test_events_are_read_in_order_and_in_pages(journal: Journal):
    assert journal.last_seq() == 0
    told = [journal.tell(Event("e", str(n))) for n in range(5)]
    assert journal.events() == told
    assert journal.events(after=2, limit=2) == told[2:4]
    assert journal.last_seq() == 5


def test_subscribers_hear_of_commits_only(journal: Journal):
    heard: list[int] = []
    unsubscribe = journal.subscribe(lambda: heard.append(journal.last_seq()))
    journal.tell(Event("e", "1"))
    with pytest.raises(NotFound):
        journal.turn(migration(9))
    unsubscribe()
    journal.tell(Event("e", "2"))
    assert heard == [1]


def test_old_events_are_forgotten_and_numbers_go_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(events, "KEPT", 10)
    monkeypatch.setattr(events, "PRUNED_EVERY", 5)
    for n in range(32):
        journal.tell(Event("e", str(n)))
    kept = [e.seq for e in journal.events()]
    assert kept == list(range(21, 33))


def test_old_migrations_are_forgotten_unless_unfinished(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(records, "KEPT", 3)
    monkeypatch.setattr(records, "PRUNED_EVERY", 1)
    for number in range(1, 8):
        move = migration(number)
        journal.begin(move, Room(move))
        if number != 2:
            journal.turn(replace(move, phase=Phase.DONE))
    assert [m.id for m in journal.migrations()] == ["m7", "m6", "m5", "m2"]


def test_a_closed_store_refuses(store: Store):
    journal = store.journal
    store._transactions.close()
    for ask in (journal.unfinished, lambda: journal.tell(Event("e", ""))):
        with pytest.raises(StoreFailed) as caught:
            ask()
        assert caught.value.code == "store-closed"
