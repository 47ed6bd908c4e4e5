"""A damaged database is refused, or says exactly what was written to it. Never anything else.

Hypothesis damages a real one: as a console left it when it ended, as kill -9 left it (with
commits in the -wal file only), and as a backup.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from estate import Contents, contents, fill
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openlpm.adapters.store import open_store
from openlpm.adapters.store.archive import read
from openlpm.model.errors import BadRequest, StoreFailed
from openlpm.model.event import Event

PAGE = 4096
PARTS = ("", "-wal", ".lock")
BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,  # the same on each run: a failure is the change's, not chance's
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass(frozen=True)
class Originals:
    """Folders with `db` and what is beside it, and what each of them says."""

    ended: Path
    killed: Path
    expected: dict[Path, Contents]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    ended, killed, probe = (tmp_path_factory.mktemp(n) for n in ("ended", "killed", "probe"))
    with open_store(ended / "db") as store:
        fill(store)
        for number in range(40):  # pages of several kinds: inner ones, and such of long rows
            store.journal.tell(Event("e", f"{number} " + "x" * (number % 7) * 900))
    with open_store(ended / "db") as store:
        store.journal.tell(Event("last", "This is in the -wal file only."))
        copy(ended, killed)
    with open_store(ended / "db") as store:
        expected = {ended: contents(store)}
    copy(killed, probe)
    with open_store(probe / "db") as store:
        expected[killed] = contents(store)
    return Originals(ended, killed, expected)


def copy(source: Path, target: Path) -> None:
    for part in PARTS:
        (target / f"db{part}").unlink(missing_ok=True)
        if (source / f"db{part}").exists():
            shutil.copyfile(source / f"db{part}", target / f"db{part}")
    (target / "db-shm").unlink(missing_ok=True)


Damage = Callable[[bytes], bytes]


def flip(at: int, mask: int) -> Damage:
    def damage(data: bytes) -> bytes:
        spot = at % len(data)
        return data[:spot] + bytes([data[spot] ^ mask]) + data[spot + 1 :]

    return damage


def overwrite(at: int, junk: bytes) -> Damage:
    return lambda data: data[: at % len(data)] + junk + data[at % len(data) + len(junk) :]


def cut(at: int) -> Damage:
    return lambda data: data[: at % len(data)]


def exchange(one: int, other: int) -> Damage:
    """Two pages change places, or one comes to be there twice."""

    def damage(data: bytes) -> bytes:
        pages = [data[n : n + PAGE] for n in range(0, len(data), PAGE)]
        pages[one % len(pages)] = pages[other % len(pages)]
        return b"".join(pages)

    return damage


somewhere = st.one_of(st.integers(0, 200), st.integers(0, 2**24))
damages = st.one_of(
    st.builds(flip, somewhere, st.integers(1, 255)),
    st.builds(overwrite, somewhere, st.binary(min_size=1, max_size=64)),
    st.builds(overwrite, somewhere.map(lambda at: at // PAGE * PAGE), st.just(bytes(PAGE))),
    st.builds(cut, somewhere),
    st.builds(exchange, somewhere, somewhere),
)


def judge(folder: Path, expected: Contents) -> str:
    """ "same" or the code of a refusal, which has changed nothing; anything else fails."""
    parts = [folder / f"db{part}" for part in ("", "-wal")]
    before = [part.read_bytes() for part in parts if part.exists()]
    try:
        store = open_store(folder / "db")
    except StoreFailed as error:
        refusal = error
    else:
        with store:
            assert contents(store) == expected
        return "same"
    assert [part.read_bytes() for part in parts if part.exists()][: len(before)] == before
    assert refusal.cause
    assert refusal.remedy
    return refusal.code


@BOUNDED
@given(damage=damages)
@example(damage=flip(18, 1))  # "read-only", SQLite says
def test_a_damaged_file(originals: Originals, tmp_path: Path, damage: Damage) -> None:
    copy(originals.ended, tmp_path)
    file = tmp_path / "db"
    file.write_bytes(damage(file.read_bytes()))
    outcome = judge(tmp_path, originals.expected[originals.ended])
    assert outcome in ("same", "store-corrupt", "store-set-back", "store-newer")


@BOUNDED
@given(damage=damages, part=st.sampled_from(["", "-wal"]))
@example(damage=cut(0), part="-wal")
@example(damage=cut(1), part="")  # to SQLite that is an empty file, and the -wal file is in the way
def test_a_damaged_file_after_a_kill(
    originals: Originals, tmp_path: Path, damage: Damage, part: str
) -> None:
    copy(originals.killed, tmp_path)
    file = tmp_path / f"db{part}"
    file.write_bytes(damage(file.read_bytes()))
    outcome = judge(tmp_path, originals.expected[originals.killed])
    assert outcome in ("same", "store-corrupt", "store-set-back", "store-newer")


@BOUNDED
@given(damage=damages)
def test_a_damaged_backup(originals: Originals, tmp_path: Path, damage: Damage) -> None:
    copy(originals.ended, tmp_path)
    file = tmp_path / "db"
    whole = read(str(file))
    file.write_bytes(damage(file.read_bytes()))
    with suppress(BadRequest):
        assert read(str(file)) == whole


def test_each_byte_of_a_name_counts(originals: Originals, tmp_path: Path) -> None:
    """What SQLite itself does not see: the data is changed, the form is not."""
    data = (originals.ended / "db").read_bytes()
    for text in (b"qemu+ssh://root@s1", b"This is in", b"web1", b"rack1", "What – ü".encode()):
        assert text in data
        copy(originals.ended, tmp_path)
        (tmp_path / "db").write_bytes(data.replace(text, text[:-1] + b"9"))
        assert judge(tmp_path, {}) == "store-corrupt", text


def test_lost_commits_are_missed(originals: Originals, tmp_path: Path) -> None:
    copy(originals.killed, tmp_path)
    (tmp_path / "db-wal").unlink()
    assert judge(tmp_path, {}) == "store-set-back"


def test_an_older_copy_is_recognized(path: Path, tmp_path: Path) -> None:
    with open_store(path) as store:
        store.archive.save(str(tmp_path / "old"))
        store.journal.tell(Event("newer", ""))
    shutil.copyfile(tmp_path / "old", path)
    with pytest.raises(StoreFailed, match="lost what was written last") as caught:
        open_store(path)
    assert f"lpm restore BACKUP --database {path}" in caught.value.remedy


def test_a_vanished_file_is_not_made_anew(path: Path) -> None:
    open_store(path).close()
    path.unlink()
    with pytest.raises(StoreFailed) as caught:
        open_store(path)
    assert caught.value.code == "store-set-back"
    assert not path.exists()


def test_moved_away_as_the_remedy_says_it_starts_anew(path: Path) -> None:
    with open_store(path) as store:
        fill(store)
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    with open_store(path) as store:
        assert contents(store)["systems"] == []


@pytest.mark.parametrize("note", [b"", b"1234\n", b"\xff" * 128, b" " * 64 + b"9 9 9 00000000\n"])
def test_a_witness_that_says_nothing_accuses_nobody(path: Path, note: bytes) -> None:
    with open_store(path) as store:
        fill(store)
        expected = contents(store)
    path.with_name(f"{path.name}.lock").write_bytes(note)
    with open_store(path) as store:
        assert contents(store) == expected


def test_the_witness_may_be_behind(path: Path) -> None:
    """As after a power failure: it is never synced."""
    lock = path.with_name(f"{path.name}.lock")
    with open_store(path) as store:
        early = lock.read_bytes()
        store.journal.tell(Event("newer", ""))
    lock.write_bytes(early)
    with open_store(path) as store:
        assert store.journal.last_seq() == 1
