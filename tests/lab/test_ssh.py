"""A console that reaches its servers by ssh: real dropbears, real keys, real silence.

Whoever calls looks into the same file of known hosts (`Ssh.known_hosts`): the console and, as
callers, the servers.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from console_fixtures import Site, until
from test_bad_input import MUTE

from openlpm.faces.cli.client import Client
from openlpm.lab.ssh import Ssh, new_key
from openlpm.lab.stage import Stage

pytestmark = pytest.mark.lab

NOTICED_S = 12.0
REFUSED_S = 8.0
MOST_CALLS = 6
"""A connection and its spares; while there is none, the one attempt."""


@pytest.fixture(scope="module")
def by_ssh(run_id: str) -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Stage.up(f"{run_id}h", ssh=True) as stage:
        yield Site(stage, Client(str(stage.socket)))


def keys(site: Site) -> Ssh:
    return Ssh(site.stage.lab.folder.ssh)


@contextmanager
def known_hosts(site: Site, changed: Callable[[str], str]) -> Iterator[Path]:
    """The file as `changed` makes it, for as long as the block lasts."""
    file = keys(site).known_hosts
    before = file.read_text()
    file.write_text(changed(before))
    try:
        yield file
    finally:
        file.write_text(before)


def without(host: str) -> Callable[[str], str]:
    """Nobody knows this host."""
    return lambda text: re.sub(rf"^.*\b{re.escape(host)}\b.*\n", "", text, flags=re.MULTILINE)


def exchanged(text: str) -> str:
    """The hosts' keys, each with another's name."""
    lines = [line.split(" ", 1) for line in text.splitlines()]
    names, known = [one for one, _ in lines], [key for _, key in lines]
    return "".join(f"{a} {b}\n" for a, b in zip(names, known[1:] + known[:1], strict=True))


def calls(site: Site) -> list[int]:
    """The console's ssh processes, those that ended and that nobody asked for their end too."""
    assert site.stage.console is not None
    tasks = Path(f"/proc/{site.stage.console.pid}/task")
    children = (task / "children" for task in tasks.iterdir())
    found: list[int] = []
    for one in children:
        with suppress(FileNotFoundError):  # a thread that has ended since
            found += map(int, one.read_text().split())
    return found


def add(site: Site, name: str, uri: str) -> tuple[float, dict[str, Any]]:
    """How long `lpm system add` took to be refused, and why."""
    begun = time.monotonic()
    done = site.cli("system", "add", name, uri, "--json")
    assert done.returncode == 5, done
    return time.monotonic() - begun, json.loads(done.stderr)


@contextmanager
def removed(site: Site, name: str) -> Iterator[dict[str, Any]]:
    """A system that is not managed meanwhile."""
    told = site.system(name)["system"]
    site.client.delete(f"/v1/systems/{name}")
    try:
        yield told
    finally:
        site.client.post("/v1/systems", told)


def test_a_partition_lives_and_moves(by_ssh: Site) -> None:
    site = by_ssh
    for name in ("s1", "s2"):
        view = site.system(name)
        assert (view["link"], view["system"]["uri"][:11]) == ("connected", "qemu+ssh://")
        assert "demanded" in site.cli("system", "show", name).stdout
    for words in (
        ("partition", "create", "ssh1", "--on", "s1", "--memory", "64"),
        ("partition", "activate", "ssh1"),
        ("validate", "ssh1", "--to", "s2"),
        ("migrate", "ssh1", "--to", "s2"),
        ("return", "ssh1"),
        ("partition", "shutdown", "ssh1", "--force"),
        ("partition", "delete", "ssh1"),
    ):
        done = site.cli(*words)
        assert done.returncode == 0, (words, done)
        if words[0] == "migrate":
            assert site.partition("ssh1")["system"] == "s2"
    assert len(calls(site)) <= 2 * MOST_CALLS


def test_daemons_call_each_other_by_ssh_too(by_ssh: Site) -> None:
    site = by_ssh
    s1, s2 = site.stage.lab.servers
    with (
        site.other_system("s1", peer_uri=s1.ssh_peer_uri),
        site.other_system("s2", peer_uri=s2.ssh_peer_uri),
        site.guest(start="running") as tiny,
    ):
        for _ in range(3):  # an answer that ssh swallowed is asked for anew
            assert site.target(tiny.name).keys() == {"rmc-inactive"}
        with known_hosts(site, lambda text: text.replace(f",{s2.migration_address}", "")):
            found = site.fires(tiny.name, "peer-daemon-unreachable", at="s1")
            told = found["peer-daemon-unreachable"]["message"]
            assert "is not among those that root on s1 knows" in told
            assert f"As root on s1: ssh-keyscan {s2.migration_address} >>" in told
        for to in ("s2", "s1"):
            assert site.ended(site.migrate(tiny.name, to))["phase"] == "done"
            assert site.seen(tiny.name, "running")["system"] == to


def test_servers_that_vanish_are_noticed_and_found_again(by_ssh: Site) -> None:
    """One is cut off, the other frozen; ssh processes come and go, and never pile up."""
    site, lab = by_ssh, by_ssh.stage.lab
    with site.guest(start="running") as tiny:
        site.target(tiny.name)  # by which there are spare connections
        before = len(calls(site))
        assert 2 <= before <= 2 * MOST_CALLS
        lab.freeze("s1")
        lab.cut("s2", "management")
        try:
            for name in ("s1", "s2"):
                site.linked(name, "unreachable", NOTICED_S)
            until(lambda: len(calls(site)) <= 2, 5, "ssh processes to go")
            until(lambda: len(calls(site)) == 2, 5, "attempts to connect, one for each")
            assert _most(lambda: len(calls(site)), seconds=4) <= 2
        finally:
            lab.heal("s2", "management")
            lab.thaw("s1")
        for name in ("s1", "s2"):
            site.linked(name, "connected", NOTICED_S)
        site.seen(tiny.name, "running")
        assert site.target(tiny.name).keys() == {"rmc-inactive"}
        until(lambda: len(calls(site)) <= before + 1, 10, "attempts of before to go")


def _most(count: Callable[[], int], seconds: float) -> int:
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, count())
        time.sleep(0.05)
    return most


def test_a_lost_connection_that_a_key_keeps_from_coming_back(by_ssh: Site) -> None:
    """What is wrong, and what to do, stands beside the system."""
    site = by_ssh
    with known_hosts(site, without("198.18.0.12")):
        for pid in calls(site):
            os.kill(pid, signal.SIGKILL)
        view = until(lambda: _told(site, "The host key of 198.18.0.12 is not"), 10, "the reason")
        assert view["link"] == "unreachable"
        assert "ssh-keyscan 198.18.0.12 >>" in view["remedy"]
        assert view["trouble"] in site.cli("system", "show", "s2").stdout
    for name in ("s1", "s2"):
        site.linked(name, "connected", NOTICED_S)


def _told(site: Site, words: str) -> dict[str, Any] | None:
    view = site.system("s2")
    return view if words in view["trouble"] else None


def test_a_host_that_is_not_known_is_refused_until_the_remedy_is_done(by_ssh: Site) -> None:
    site = by_ssh
    with known_hosts(site, without("198.18.0.12")) as file:
        with removed(site, "s2") as told:
            took, problem = add(site, "s2", told["uri"])
            assert (problem["kind"], problem["code"]) == ("unreachable", "ssh-host-key-unknown")
            assert took < REFUSED_S
            obey(site, problem["remedy"], file)
        site.linked("s2", "connected", 5)


def test_a_host_whose_key_has_changed_is_refused_until_the_remedy_is_done(by_ssh: Site) -> None:
    site = by_ssh
    with known_hosts(site, exchanged) as file:
        with removed(site, "s2") as told:
            took, problem = add(site, "s2", told["uri"])
            assert problem["code"] == "ssh-host-key-changed"
            assert took < REFUSED_S
            own = site.stage.lab.run(["ssh-keygen", "-lF", "198.18.0.11", "-f", str(file)]).stdout
            assert own.split()[-1] in problem["cause"], "the key that it shows, known as another's"
            obey(site, problem["remedy"], file)
        site.linked("s2", "connected", 5)


def obey(site: Site, remedy: str, known: Path) -> None:
    """Do what it says, with the lab's file of known hosts in the place of our own."""
    command = re.search(r"(ssh-keygen -R \S+ && )?ssh-keyscan \S+ >> ~/.ssh/known_hosts", remedy)
    assert command, remedy
    words = command[0].replace("~/.ssh/known_hosts", str(known))
    words = words.replace("ssh-keygen -R", f"ssh-keygen -f {known} -R")
    site.stage.lab.run(["sh", "-c", words])


@pytest.mark.parametrize("key", ["none", "other", "locked"])
def test_a_key_that_opens_nothing_is_refused(by_ssh: Site, key: str, tmp_path: Path) -> None:
    """One with a passphrase would, but there is nobody to be asked for it."""
    site = by_ssh
    file = tmp_path / key
    if key == "other":
        new_key(file)
    elif key == "locked":
        file.write_bytes(keys(site).key.read_bytes())
        file.chmod(0o600)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(file)], check=True)
    uri = f"qemu+ssh://root@198.18.0.12/system?keyfile={file}"
    with removed(site, "s2"):
        took, problem = add(site, "s2", uri)
    assert took < REFUSED_S
    assert problem["code"] == "ssh-key-refused"
    assert "Permission denied (publickey)" in problem["cause"]
    assert f"ssh-copy-id -i {file} root@198.18.0.12." in problem["remedy"]


def test_a_place_that_answers_nothing_is_refused_in_time(by_ssh: Site) -> None:
    """Nobody there, nobody listening, no such name, and one that accepts and stays mute."""
    site = by_ssh
    before = set(calls(site))
    mute = site.stage.lab.popen(["python3", "-u", "-c", MUTE], stdout=subprocess.PIPE)
    assert mute.stdout is not None
    assert mute.stdout.readline() == "ready\n"
    places = ("198.18.0.99", "198.18.0.11:1", "198.18.0.1:16999", "nosuch.lab")
    try:
        uris = [f"qemu+ssh://root@{place}/system" for place in places]
        with ThreadPoolExecutor() as pool:
            for took, problem in pool.map(lambda uri: add(site, f"x{uris.index(uri)}", uri), uris):
                assert problem["kind"] == "unreachable"
                assert took < REFUSED_S + 2
                assert problem["remedy"]
        until(lambda: set(calls(site)) <= before, 10, "ssh processes to go")
    finally:
        mute.kill()
        mute.wait()


def test_libvirt_s_own_ssh_needs_no_program(by_ssh: Site) -> None:
    site, known = by_ssh, keys(by_ssh)
    uri = f"qemu+libssh2://root@198.18.0.12/system?keyfile={known.key}"
    with site.other_system("s2", uri=f"{uri}&known_hosts={known.known_hosts}"):
        assert site.system("s2")["link"] == "connected"
    with removed(site, "s2"):
        took, problem = add(site, "s2", f"{uri}&known_hosts=/dev/null")
        assert took < REFUSED_S
        assert "Can't verify the session host key" in problem["cause"]


def test_what_ssh_would_run_is_refused(by_ssh: Site) -> None:
    for uri in (
        "qemu+ssh://-oProxyCommand=reboot/system",
        "qemu+ssh://-oProxyCommand=reboot@198.18.0.12/system",
        "qemu+ssh://root@198.18.0.12/system?command=/bin/reboot",
        "qemu+ssh://root@198.18.0.12/system?netcat=/bin/reboot",
        "qemu+ssh://root@198.18.0.12/system?keyfile=-oProxyCommand=reboot",
        "qemu+ssh://root@198.18.0.12/system?known_hosts=/tmp/x",
    ):
        problem = by_ssh.problem("POST", "systems", body={"name": "x", "uri": uri})
        assert (problem.kind, problem.code) == ("bad-request", "bad-uri")
        assert problem.cause
        assert problem.remedy
