"""Findings about partitions that run: room, jobs, movers, agents, ports."""

import subprocess
import time

import pytest
from console_fixtures import Site, until

pytestmark = pytest.mark.lab

SHORT = (({"memory_mib": 48}, "memory-short"), ({"processors": 0.06}, "processors-short"))
AGENT = """<channel type='unix'>
  <target type='virtio' name='org.qemu.guest_agent.0'/></channel>"""


def test_room_that_partitions_hold(site: Site):
    """The target has room for two of them, and has one already: by memory, by processors."""
    with site.guest(start="running") as tiny, site.guest(on="s2", start="running") as other:
        for room, code in SHORT:
            with site.other_system("s2", **room):
                found = site.fires(tiny.name, code, at="s2")
                assert found.keys() == {code, "rmc-inactive"}
        with site.other_system("s2", memory_mib=48, processors=0.06):
            assert {"memory-short", "processors-short"} <= site.cli_refused(
                "migrate", tiny.name, "--to", "s2"
            ).keys()
            site.client.post(f"/v1/partitions/{other.name}/shutdown", {"force": True})
            assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_room_and_movers_that_a_move_holds(site: Site):
    """While one arrives, slowly, there is no room and no mover for the next."""
    small = {"memory_mib": 272, "processors": 0.52, "mover": {"concurrent": 1}}
    booted, paused = site.booted_guest(), site.guest(start="paused")
    with booted as first, paused as second, site.other_system("s2", **small):
        assert site.target(second.name) == {}
        with site.slow_move(first) as number:
            found = site.fires(second.name, "memory-short", at="s2")
            assert {"processors-short", "mover-busy"} <= found.keys()
            assert found["mover-busy"]["system"] == "s2"
            found = site.findings(first)
            assert number in found["move-under-way"]["message"]
            assert site.cli("system", "remove", "s2").returncode == 6
            done = site.cli("migrate", first, "--to", "s2")
            assert done.returncode in (3, 6)
            assert site.cli("partition", "shutdown", first).returncode == 6
        assert site.reservations() == 0
        assert site.target(second.name) == {}
        assert site.partition(first)["state"] == "running"


def test_somebody_elses_move(site: Site):
    lab = site.stage.lab
    with site.guest(start="running") as tiny:
        lab.set_rate("s2", "1mbit")
        uri, peer = lab.server("s1").uri, lab.server("s2").peer_uri
        argv = ["virsh", "-c", uri, "migrate", "--live", "--p2p", tiny.name, peer]
        virsh = lab.popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(
                lambda: "Data" in site.virsh("s1", "domjobinfo", tiny.name), 10, "virsh's migration"
            )
            found = site.fires(tiny.name, "job-under-way", at="s1")
            assert "uuid-taken" in found
            assert site.virsh("s2", "domstate", "--reason", tiny.name).startswith("paused")
        finally:
            lab.set_rate("s2", lab.plan.link)
            site.virsh("s1", "domjobabort", tiny.name, check=False)
            virsh.wait(20)
        if virsh.returncode:
            site.seen(tiny.name, "running")
            assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_the_agent_that_does_not_answer(site: Site):
    with site.guest(AGENT, start="running") as tiny:
        found = site.fires(tiny.name, "rmc-inactive", at="s1")
        assert found["rmc-inactive"]["severity"] == "warning"


def test_the_agent_that_answers(site: Site):
    with site.booted_guest() as name:
        assert site.target(name) == {}


def test_a_firewall_between_the_servers(site: Site):
    with site.guest(start="running") as tiny:
        daemon = ("-p", "tcp", "-d", "198.18.1.12", "--dport", "16514", "-j", "REJECT")
        with site.firewall("s2", *daemon):
            site.fires(tiny.name, "peer-daemon-unreachable", at="s1")
        ports = ("-p", "tcp", "--dport", "49152:49215")
        prohibited = ("-j", "REJECT", "--reject-with", "icmp-host-prohibited")
        with site.firewall("s2", *ports, *prohibited):
            assert "migration-port-unreachable" in site.target(tiny.name)
        with site.firewall("s2", *ports, "-j", "DROP"):
            began = time.monotonic()
            assert "migration-port-unreachable" in site.cli_refused(
                "validate", tiny.name, "--to", "s2"
            )
            assert time.monotonic() - began < 8
        assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_a_mover_with_a_wrong_address(site: Site):
    with site.guest(start="running") as tiny:
        with site.other_system("s2", mover={"address": "198.51.100.1"}):
            site.fires(tiny.name, "migration-port-unreachable", at="s1")
        assert site.target(tiny.name).keys() == {"rmc-inactive"}


def test_the_server_where_it_is(site: Site):
    with site.guest() as tiny:
        site.fires(tiny.name, "same-system", at="s1", to="s1")


def test_servers_out_of_sight(site: Site):
    """Shown so within 10 s, their partitions unknown; nothing is decided; seen again at once."""
    with site.guest() as here, site.guest(on="s2", start="running") as there:
        began = time.monotonic()
        with site.cut("s2", "management"):
            view = site.linked("s2", "unreachable", 12)
            assert time.monotonic() - began < 10
            assert view["trouble"]
            assert site.seen(there.name, "unknown", 1)["system"] == "s2"
            assert site.partition(there.name)["state"] == "unknown"
            assert "target-unreachable" in site.cli_refused("migrate", here.name, "--to", "s2")
            found = site.findings(there.name, to="s1")
            assert {"source-unreachable", "state-forbids"} <= found.keys()
            assert found["source-unreachable"]["system"] == "s2"
            done = site.cli("partition", "shutdown", there.name, "--force")
            assert done.returncode == 5
            assert "Traceback" not in done.stderr
        began = time.monotonic()
        site.linked("s2", "connected", 10)
        site.seen(there.name, "running", 5)
        assert time.monotonic() - began < 10
        assert site.target(here.name) == {}
        assert site.reservations() == 0
