"""What goes between servers, as somebody on the way sees it; and what the operator gave up."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from bad_certificates import bad
from console_fixtures import Site, until

from openlpm.faces.cli.client import Client
from openlpm.lab.pki import QEMU
from openlpm.lab.stage import Stage

pytestmark = pytest.mark.lab

# The firmware's name stands in the memory of each partition that it has started.
LISTENER = """
import select, socket, sys
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
line.bind(("migration", 0))
line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 2**20)
line.settimeout(0.2)
print("listening", flush=True)
heard = bytearray()
while True:
    try:
        heard += line.recv(70000)
    except TimeoutError:
        if select.select([sys.stdin], [], [], 0)[0]:
            break
print(len(heard), b"SeaBIOS" in heard)
"""


class Ear:
    heard_bytes = 0
    understood = False


@contextmanager
def listening(site: Site, server: str) -> Iterator[Ear]:
    """Somebody on the way to a server, who hears all that is sent over the migration network."""
    ear = Ear()
    with site.stage.lab.popen(
        [sys.executable, "-c", LISTENER],
        server,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "listening\n"
        yield ear
        said, _ = listener.communicate("", timeout=30)
    size, understood = said.split()
    ear.heard_bytes, ear.understood = int(size), understood == "True"


def test_memory_is_not_understood_on_the_way(site: Site) -> None:
    with site.guest(start="running") as tiny:
        with listening(site, "s2") as ear:
            assert site.ended(site.migrate(tiny.name))["phase"] == "done"
        assert ear.heard_bytes > 100_000
        assert not ear.understood


def test_an_insecure_system_is_warned_about_and_understood(site: Site) -> None:
    with site.guest(start="running") as tiny, site.other_system("s2", insecure=True):
        found = site.fires(tiny.name, "unencrypted", at="s2")["unencrypted"]
        assert found["severity"] == "warning"
        assert "the partition's memory" in found["message"]
        assert "warning unencrypted" in site.cli("validate", tiny.name, "--to", "s2").stdout
        with listening(site, "s2") as ear:
            assert site.ended(site.migrate(tiny.name))["phase"] == "done"
        assert ear.understood
        assert "not demanded" in site.cli("system", "show", "s2").stdout


@pytest.mark.parametrize(
    "uri", ["qemu+tcp://198.18.0.77/system", "qemu+tls://198.18.0.77/system?no_verify=1"]
)
@pytest.mark.parametrize("which", ["uri", "peer"])
def test_a_plain_way_is_refused(site: Site, uri: str, which: str) -> None:
    good = "qemu+tls://198.18.0.77/system"
    words = (uri, "--peer-uri", good) if which == "uri" else (good, "--peer-uri", uri)
    done = site.cli("system", "add", "s9", *words, "--json")
    assert done.returncode == 2
    assert '"unencrypted-uri"' in done.stderr
    assert "--insecure" in done.stderr


def test_a_certificate_that_goes_bad_after_validation_loses_nothing(site: Site) -> None:
    """A move takes the word of a trial of late; QEMU itself then refuses, and the next trial."""
    with site.guest(start="running") as tiny:
        assert site.target(tiny.name).keys() == {"rmc-inactive"}
        with bad(site, "s2", QEMU, "other-host"):
            record = site.ended(site.migrate(tiny.name))
            assert record["phase"] == "failed"
            # libvirt 9 passes on the target's words only, a later one the source's too.
            assert re.search("TLS channel|s2 is for another host", record["reason"])
            assert site.virsh("s1", "domstate", tiny.name).strip() == "running"
            assert tiny.name not in site.virsh("s2", "list", "--all", "--name")
            assert site.reservations() == 0
            site.refused(tiny.name, "certificate-other-host")
        assert site.ended(site.migrate(tiny.name))["phase"] == "done"


def test_a_trial_leaves_nothing(site: Site) -> None:
    with site.guest(start="running") as tiny:
        before = {name: site.virsh(name, "list", "--all", "--name") for name in ("s1", "s2")}
        site.target(tiny.name)
        assert before == {name: site.virsh(name, "list", "--all", "--name") for name in before}
        shown = [p["name"] for p in site.client.get("/v1/partitions")]
        assert not [name for name in shown if "probe" in name]


def test_a_trial_whose_console_is_killed_ends_by_itself(site: Site) -> None:
    lab = site.stage.lab
    code = """
import sys
from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.model.system import Mover, System
host = LibvirtHypervisors().connect(System("s1", sys.argv[1], ""))
host.try_encryption(System("s2", sys.argv[2], sys.argv[3], mover=Mover(sys.argv[4])))
"""
    s1, s2 = lab.servers
    words = (s1.uri, s2.uri, s2.peer_uri, s2.migration_address)
    with lab.popen([sys.executable, "-c", code, *words]) as console:
        until(lambda: _probes(site), 20, "the trial to begin")
        console.kill()
    until(lambda: not _probes(site), 40, "the throwaway guest to end by itself")


def _probes(site: Site) -> list[str]:
    names = " ".join(site.virsh(name, "list", "--all", "--name") for name in ("s1", "s2")).split()
    return [name for name in names if name.startswith("openlpm-probe-channel")]


def test_a_lab_without_tls(run_id: str) -> None:
    """As an operator who cannot have certificates yet would run it: everything says so."""
    with Stage.up(f"{run_id}i", servers=2, insecure=True) as stage:
        site = Site(stage, Client(str(stage.socket)))
        assert site.system("s1")["system"]["uri"].startswith("qemu+tcp:")
        with site.guest(start="running") as tiny:
            told = site.fires(tiny.name, "unencrypted", at="s1")["unencrypted"]["message"]
            for part in ("connection to s1", "connection to s2", "the daemon of s1", "memory"):
                assert part in told
            assert site.ended(site.migrate(tiny.name))["phase"] == "done"
