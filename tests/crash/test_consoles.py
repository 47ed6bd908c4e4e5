"""Two real consoles on one PostgreSQL: the leader is killed, frozen, stopped, cut off."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from consoles import Child, until

from openlpm.chaos.postgresql import Cluster
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem

pytestmark = pytest.mark.crash
REPLACED_S = 10
AT_ONCE_S = 2
PASSWORD = "p%ss:w@rd/ü"


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="lpm"))  # a socket's path must be short
    yield made
    shutil.rmtree(made)


@pytest.fixture
def pair(cluster: Cluster, folder: Path) -> Iterator[tuple[Child, Child]]:
    """Two consoles: the first one leads."""
    url = cluster.create()
    started: list[Child] = []
    try:
        for name in ("one", "two"):
            started.append(Child.start(folder, name, url))
            until(started[-1].answers, 20, f"{name} to answer")
            until(started[0].leads, 10, "the first one to lead")
        yield started[0], started[1]
    finally:
        for child in started:
            child.end()


def add_system(child: Child, name: str) -> Problem:
    """Ask for a write that fails before anything is kept, if not for this reason."""
    try:
        child.client.post(
            path_of("systems"), {"name": name, "uri": "qemu+tls://127.0.0.1:1/system"}
        )
    except Problem as problem:
        return problem
    raise AssertionError("it was done")


def replaced(by: Child, within_s: float) -> float:
    begun = time.monotonic()
    until(by.leads, within_s, f"{by.name} to lead")
    return time.monotonic() - begun


def events(child: Child) -> list[str]:
    return [event["code"] for event in child.client.get(path_of("events"), last=100)]


def test_one_leads_and_the_other_says_who(pair: tuple[Child, Child]) -> None:
    one, two = pair
    name = one.view()["name"]
    assert str(one.socket) in name
    assert two.view()["leads"] is False
    assert two.view()["leader"]["name"] == name
    for words in (("system", "list"), ("partition", "list"), ("migration", "list"), ("events",)):
        assert two.lpm(*words).returncode == 0
    problem = two.refusal("system", "remove", "s9")
    assert (problem["code"], problem["kind"]) == ("not-leading", "not-leading")
    assert name in problem["cause"]
    shown = two.lpm("console", "show").stdout
    assert f"Leader        {name}\n" in shown
    assert "Leads         no\n" in shown
    assert "Epoch         1\n" in shown


def test_a_killed_leader_is_replaced_in_time(pair: tuple[Child, Child]) -> None:
    one, two = pair
    one.process.kill()
    took = replaced(two, REPLACED_S)
    print(f"a killed leader was replaced after {took:.1f} s")
    assert two.view()["leader"]["epoch"] == 2
    until(lambda: events(two) == ["console-leads"] * 2, 5, "it to be told")
    assert add_system(two, "s1").code != "not-leading", "it tries what it is asked"


def test_a_leader_that_is_stopped_is_replaced_at_once(pair: tuple[Child, Child]) -> None:
    one, two = pair
    begun = time.monotonic()
    one.signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
    replaced(two, AT_ONCE_S)
    print(f"a stopped leader was replaced after {time.monotonic() - begun:.1f} s in all")


def test_a_thawed_leader_follows(pair: tuple[Child, Child]) -> None:
    one, two = pair
    one.signal(signal.SIGSTOP)
    took = replaced(two, REPLACED_S)
    print(f"a frozen leader was replaced after {took:.1f} s")
    until(lambda: events(two).count("console-leads") == 2, 5, "it to be told")
    before = events(two)
    one.signal(signal.SIGCONT)
    problem = add_system(one, "s1")  # the very first that it hears
    assert problem.code == "not-leading"
    assert two.view()["name"] in problem.cause
    until(lambda: not one.view()["leads"], 5, "the thawed one to follow")
    assert events(one) == events(two) == before
    assert "system-unreachable" not in before
    two.process.kill()
    replaced(one, REPLACED_S)  # and can lead again
    assert one.view()["leader"]["epoch"] == 3


def test_a_database_that_goes_away_and_comes_back(
    pair: tuple[Child, Child], cluster: Cluster
) -> None:
    one, two = pair
    cluster.stop()
    try:
        done = one.lpm("events", "--json")
        assert done.returncode == 7
        assert "store-unreachable" in done.stderr
        until(lambda: not one.view()["leads"], 15, "the leader to stop")
        assert "could not be" in one.view()["trouble"] or "cannot be" in one.view()["trouble"]
        assert add_system(one, "s1").code == "not-leading"
    finally:
        cluster.start()
    until(lambda: one.leads() or two.leads(), 15, "somebody to lead again")
    assert one.lpm("events").returncode == 0


def test_a_database_that_does_not_answer_is_no_reason_to_hang(
    pair: tuple[Child, Child], cluster: Cluster
) -> None:
    one, _ = pair
    backends = [
        row[0] for row in cluster.sql("SELECT pid FROM pg_stat_activity WHERE datname LIKE 'lpm%'")
    ]
    for pid in (cluster.process.pid, *backends):
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert one.lpm("events").returncode == 7
        assert time.monotonic() - begun < 25
        assert add_system(one, "s1").code == "not-leading"
    finally:
        for pid in (cluster.process.pid, *backends):
            os.kill(pid, signal.SIGCONT)
    until(lambda: one.lpm("events").returncode == 0, 30, "it to answer again")


def test_a_password_is_nowhere_to_be_seen(cluster: Cluster, folder: Path) -> None:
    url = cluster.create()
    cluster.sql("DROP ROLE IF EXISTS secret")
    cluster.sql(f"CREATE ROLE secret SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    password = quote(PASSWORD, safe="")
    given = url.replace("openlpm@", f"secret:{password}@")
    child = Child.start(folder, "one", given)
    try:
        until(child.answers, 20, "it to answer")
        assert "secret" in child.view()["database"]
        command = Path(f"/proc/{child.process.pid}/cmdline").read_text()
        said = [command, child.log.read_text(), child.lpm("console", "show").stdout]
    finally:
        child.end()
    wrong = Child.start(folder, "two", given.replace(password, quote("wr%ng:pw", safe="")))
    assert wrong.process.wait(20) == 7
    said.append(wrong.log.read_text())
    assert "did not let the console into" in said[-1]
    bad = Child.start(folder, "three", given.replace(password, "a%zzb"))
    assert bad.process.wait(20) == 2
    said.append(bad.log.read_text())
    for text in said:
        for secret in (PASSWORD, password, "wr%ng:pw", quote("wr%ng:pw", safe=""), "a%zzb"):
            assert secret not in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("host=", "host=/nowhere"), 7),
        (lambda url: url.replace("@/lpm", "@/none"), 7),
    ],
    ids=["no-server", "no-database"],
)
def test_a_database_that_cannot_be_opened_is_told(
    cluster: Cluster, folder: Path, change: object, code: int
) -> None:
    assert callable(change)
    child = Child.start(folder, "one", change(cluster.create()))
    assert child.process.wait(20) == code
    said = child.log.read_text()
    assert said.startswith("lpmd: The database postgresql://openlpm@/")
    assert "Traceback" not in said
