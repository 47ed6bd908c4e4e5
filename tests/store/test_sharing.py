"""Several consoles on one PostgreSQL: one leads by a lease; whoever lost it writes nothing."""

import multiprocessing
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from estate import EXPECTED, contents, fill
from records import Room, migration

from openlpm.adapters.store import Store, open_store, postgresql, seals, shared
from openlpm.adapters.store import engine as engines
from openlpm.adapters.store.schema import REVISIONS, metadata
from openlpm.adapters.store.shared import open_shared
from openlpm.chaos.postgresql import Cluster, database
from openlpm.decide.leadership import Terms
from openlpm.model.errors import Conflict, NotLeader, StoreFailed
from openlpm.model.event import Event

SHORT = Terms(lease_s=0.3, renew_s=0.1, retry_s=0.05, margin_s=0.1)
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., Store]]:
    """Opens consoles by name, on the test's database."""
    stores: list[Store] = []

    def open_one(name: str, terms: Terms = SHORT) -> Store:
        stores.append(open_shared(url, name=name, terms=terms, now=lambda: 1000.0))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def wait_for_lead(store: Store) -> None:
    deadline = time.monotonic() + 10
    while store.leadership.claim().name != store.leadership.name:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_versions_lead_to_the_schema_on_postgresql(cluster: Cluster) -> None:
    url = cluster.create()
    open_shared(url, name="a").close()
    engine = postgresql.open_engine(url, connections=1)
    with engines.reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_consoles_that_start_at_once_make_the_tables_once(cluster: Cluster) -> None:
    url = cluster.create()
    outcomes = FORK.SimpleQueue()

    def start(name: str) -> None:
        with open_shared(url, name=name) as store:
            outcomes.put(store.leadership.claim().name)

    processes = [FORK.Process(target=start, args=(f"console{n}",)) for n in range(4)]
    for process in processes:
        process.start()
    leaders = {outcomes.get() for _ in processes}
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert len(leaders) == 1, "the lease was still valid when the last one asked"


def test_one_leads_and_the_other_reads(opened: Callable[..., Store]) -> None:
    one, two = opened("one", Terms()), opened("two", Terms())
    leader = one.leadership.claim()
    assert (leader.name, leader.epoch) == ("one", 1)
    assert leader.left_s == pytest.approx(6.0, abs=0.5)
    move = migration()
    one.journal.begin(move, Room(move))
    assert two.leadership.claim().name == "one"
    assert two.journal.unfinished() == [move]
    assert [event.code for event in two.journal.events()] == ["migration-begun"]
    with pytest.raises(NotLeader) as caught:
        two.journal.tell(Event("e", ""))
    assert caught.value.code == "not-leading"


def test_a_lease_is_renewed_and_ends_by_itself(opened: Callable[..., Store]) -> None:
    one, two = opened("one"), opened("two")
    one.leadership.claim()
    ends = time.monotonic() + 3 * SHORT.lease_s
    while time.monotonic() < ends:
        one.leadership.renew()
        assert two.leadership.claim().name == "one"
    wait_for_lead(two)
    assert two.leadership.who().epoch == 2


def test_a_console_that_slept_through_a_take_over_writes_nothing(
    opened: Callable[..., Store],
) -> None:
    one, two = opened("one"), opened("two")
    one.leadership.claim()
    move = migration()
    one.journal.begin(move, Room(move))
    wait_for_lead(two)
    writes: list[Callable[[], object]] = [
        lambda: one.journal.tell(Event("late", "I slept.")),
        lambda: one.journal.turn(move),
        one.leadership.renew,
        one.leadership.confirm,
    ]
    for write in writes:
        with pytest.raises(NotLeader, match="two"):
            write()
    assert [event.code for event in two.journal.events()] == ["migration-begun"]


def test_giving_up_lets_another_one_lead_at_once(opened: Callable[..., Store]) -> None:
    one, two = opened("one", Terms()), opened("two", Terms())
    one.leadership.claim()
    one.leadership.resign()
    assert two.leadership.who().name == ""
    assert two.leadership.claim().name == "two"
    with pytest.raises(NotLeader):
        one.journal.tell(Event("late", ""))
    one.leadership.resign()  # of what it no longer has: nothing happens
    assert two.leadership.who().name == "two"
    two.journal.tell(Event("fine", ""))


def test_the_database_confirms_only_a_lease_that_lasts(opened: Callable[..., Store]) -> None:
    one = opened("one")
    one.leadership.claim()
    one.leadership.confirm()
    time.sleep(SHORT.lease_s - SHORT.margin_s)  # the length is what is tested
    with pytest.raises(NotLeader):
        one.leadership.confirm()
    assert one.leadership.claim().epoch == 2, "its own earlier lease stands in nobody's way"
    one.leadership.confirm()


def test_an_epoch_given_twice_fences_by_the_name_too(
    opened: Callable[..., Store], cluster: Cluster, url: str
) -> None:
    """A dump was restored under a frozen leader: the next one has the same epoch."""
    one, two = opened("one"), opened("two")
    one.leadership.claim()
    cluster.sql("UPDATE leadership SET epoch = 0, valid_until = 0", database(url))
    assert two.leadership.claim().epoch == 1
    with pytest.raises(NotLeader):
        one.journal.tell(Event("late", ""))


def test_of_many_that_claim_one_leads(opened: Callable[..., Store]) -> None:
    stores = [opened(f"console{n}", Terms()) for n in range(8)]
    start, leaders = threading.Barrier(len(stores)), list[str]()

    def claim(store: Store) -> None:
        start.wait()
        leaders.append(store.leadership.claim().name)

    threads = [threading.Thread(target=claim, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(leaders)) == 1
    assert stores[0].leadership.who().epoch == 1


def test_a_transaction_left_standing_holds_nobody_up(opened: Callable[..., Store]) -> None:
    """The leader is frozen in the middle of a write, with the row locked that all need."""
    one, two = opened("one"), opened("two")
    one.leadership.claim()

    def freeze() -> None:
        with one._transactions.writing():
            begun = time.monotonic()
            wait_for_lead(two)
            assert time.monotonic() - begun < 5

    with pytest.raises(StoreFailed) as caught:
        freeze()
    assert caught.value.code == "store-unreachable"
    two.journal.tell(Event("fine", ""))
    assert [event.code for event in one.journal.events()] == ["fine"]


def test_an_older_schema_is_not_changed_under_a_leader(
    opened: Callable[..., Store], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened("one", Terms())
    one.leadership.claim()
    monkeypatch.setattr(shared, "REVISIONS", (*REVISIONS, "newer"))
    with pytest.raises(StoreFailed) as caught:
        open_shared(url, name="newer")
    assert caught.value.code == "store-in-use"
    assert "one" in caught.value.cause
    one.leadership.resign()
    open_shared(url, name="newer").close()
    with pytest.raises(NotLeader):  # should it thaw after the upgrade
        one.journal.tell(Event("late", ""))


def test_a_newer_schema_is_not_led_by_an_older_console(
    opened: Callable[..., Store], cluster: Cluster, url: str
) -> None:
    one = opened("one")
    cluster.sql("UPDATE alembic_version SET version_num = 'lpm9999'", database(url))
    with pytest.raises(StoreFailed) as caught:
        one.leadership.claim()
    assert caught.value.code == "store-newer"
    with pytest.raises(StoreFailed) as caught:
        open_shared(url, name="two")
    assert caught.value.code == "store-newer"


def test_a_row_that_was_changed_by_others_is_found(
    opened: Callable[..., Store], cluster: Cluster, url: str
) -> None:
    one = opened("one")
    one.leadership.claim()
    one.journal.tell(Event("e", "as written"))
    cluster.sql("UPDATE events SET message = 'changed'", database(url))
    with pytest.raises(StoreFailed) as caught:
        open_shared(url, name="two")
    assert caught.value.code == "store-corrupt"
    assert "pg_restore" in caught.value.remedy
    engine = postgresql.open_engine(url, connections=1)
    with engines.writing(engine) as connection:  # what an upgrade does at its end
        seals.reseal(connection)
    engine.dispose()
    open_shared(url, name="two").close()


def test_a_dump_restored_by_postgresqls_tools_is_whole(
    opened: Callable[..., Store], cluster: Cluster, url: str, tmp_path: Path
) -> None:
    one = opened("one", Terms())
    one.leadership.claim()
    fill(one)
    dump, other = tmp_path / "dump", cluster.create()
    tools = cluster.programs
    subprocess.run(
        [tools / "pg_dump", "--format=custom", f"--file={dump}", url], check=True, timeout=60
    )
    subprocess.run([tools / "pg_restore", f"--dbname={other}", dump], check=True, timeout=60)
    with open_shared(other, name="two", terms=Terms()) as two:
        assert contents(two) == contents(one)
        assert two.leadership.claim().name == "one", "by the dump; until its lease ends"


def test_a_console_moves_from_sqlite_to_postgresql(
    opened: Callable[..., Store], path: Path, tmp_path: Path
) -> None:
    with open_store(path, now=lambda: 1000.0) as old:
        fill(old)
        old.archive.save(str(tmp_path / "backup"))
    new = opened("new", Terms())
    new.leadership.claim()
    report = new.archive.restore(new.archive.read(str(tmp_path / "backup")))
    assert (report.systems_added, report.migrations, report.kept) == (("s1", "s2"), 2, "")
    found = contents(new)
    assert found["systems"] == EXPECTED["systems"]
    assert found["reservations"] == EXPECTED["reservations"]
    assert [move.id for move in new.journal.migrations()] == ["m2", "m1"]
    with pytest.raises(Conflict) as caught:  # m2 is unfinished
        new.archive.restore(new.archive.read(str(tmp_path / "backup")))
    assert caught.value.code == "moves-unfinished"


def test_a_backup_is_left_to_postgresql(opened: Callable[..., Store], tmp_path: Path) -> None:
    one = opened("one", Terms())
    one.leadership.claim()
    with pytest.raises(Conflict) as caught:
        one.archive.save(str(tmp_path / "b"))
    assert caught.value.code == "backup-is-postgresqls"
    assert "pg_dump" in caught.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("ALTER DATABASE {} SET default_transaction_read_only = on", "store-read-only"),
        ("REVOKE CREATE ON SCHEMA public FROM poor", "store-forbidden"),
    ],
)
def test_a_database_that_may_not_be_written_is_told(
    cluster: Cluster, statement: str, code: str
) -> None:
    cluster.sql("DROP ROLE IF EXISTS poor")
    cluster.sql("CREATE ROLE poor LOGIN")
    url = cluster.create()
    name = database(url)
    cluster.sql(statement.format(name), name)
    user = "poor" if code == "store-forbidden" else "openlpm"
    with pytest.raises(StoreFailed) as caught:
        open_shared(cluster.url(name, user) + "&target_session_attrs=any", name="one")
    assert caught.value.code == code
    assert caught.value.remedy


def test_others_tables_are_left_alone(cluster: Cluster) -> None:
    url = cluster.create()
    cluster.sql("CREATE TABLE songs (title text)", database(url))
    with pytest.raises(StoreFailed) as caught:
        open_shared(url, name="one")
    assert caught.value.code == "store-foreign"


def test_too_old_a_server_and_another_encoding_are_told(
    cluster: Cluster, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.sql("DROP DATABASE IF EXISTS ascii")
    cluster.sql("CREATE DATABASE ascii TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'")
    with pytest.raises(StoreFailed) as caught:
        open_shared(cluster.url("ascii"), name="one")
    assert caught.value.code == "store-not-utf8"
    monkeypatch.setattr(postgresql, "OLDEST", 990000)
    with pytest.raises(StoreFailed) as caught:
        open_shared(url, name="one")
    assert caught.value.code == "store-too-old"
    assert "99 or newer" in caught.value.cause


def test_a_write_that_waits_for_others_locks_ends(
    opened: Callable[..., Store], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgresql._SESSION, "lock_timeout", "200ms")
    one = opened("one", Terms())
    one.leadership.claim()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE events")
        with pytest.raises(StoreFailed) as caught:
            one.journal.tell(Event("e", ""))
    assert caught.value.code == "store-busy"
    assert one.journal.tell(Event("e", "")).seq == 1
