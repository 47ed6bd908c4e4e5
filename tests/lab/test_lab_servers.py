"""The servers are real libvirt hosts: partitions start, are leased, move, and survive libvirtd."""

import json
import subprocess
import sys

import pytest
from guests import leased_guest, move, running, start, virsh

from openlpm.lab import Lab

pytestmark = pytest.mark.lab


def test_every_server_is_a_host_of_its_own(lab: Lab) -> None:
    for server in lab.servers:
        assert virsh(lab, server, "hostname").stdout.strip() == server.name
        assert server.host_uuid in virsh(lab, server, "capabilities").stdout
        assert "guest" in virsh(lab, server, "net-list", "--name").stdout
        assert "openlpm-leases" in virsh(lab, server, "pool-list", "--name").stdout


def test_a_guest_moves_there_and_back(lab: Lab) -> None:
    first, second = lab.servers
    with leased_guest(lab, "mover", first) as guest:
        move(lab, guest, first, second)
        assert (running(lab, first), running(lab, second)) == ([], [guest])
        move(lab, guest, second, first)
        assert (running(lab, first), running(lab, second)) == ([guest], [])


def test_a_lease_refuses_a_second_start_before_and_after_a_move(lab: Lab) -> None:
    first, second = lab.servers
    with leased_guest(lab, "leased", first) as guest:
        assert "is locked" in start(lab, second, guest, check=False)
        move(lab, guest, first, second)
        assert "is locked" in start(lab, first, guest, check=False)


def test_guests_outlive_a_killed_libvirtd(lab: Lab) -> None:
    server = lab.servers[0]
    with leased_guest(lab, "survivor", server) as guest:
        lab.kill_libvirtd(server)
        assert "libvirtd" not in server.daemons()
        assert virsh(lab, server, "list", check=False).returncode
        lab.start_libvirtd("s1")
        assert running(lab, server) == [guest]


def test_a_lost_server_takes_its_guests_along_and_frees_their_lease(lab: Lab) -> None:
    first, second = lab.servers
    with leased_guest(lab, "lost", second) as guest:
        lab.kill_server(second)
        try:
            start(lab, first, guest)
            assert running(lab, first) == [guest]
        finally:
            lab.start_server(second)
        assert running(lab, second) == []


def test_a_frozen_server_answers_again_once_thawed(lab: Lab) -> None:
    server = lab.servers[1]
    lab.freeze(server)
    try:
        assert server.is_frozen()
        hung = lab.popen(["virsh", "-c", server.uri, "hostname"], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            hung.wait(0.5)
    finally:
        lab.thaw(server)
    assert hung.communicate(timeout=10)[0].strip() == "s2"


def test_status_tells_programs_what_was_announced(lab: Lab) -> None:
    argv = [sys.executable, "-m", "openlpm.lab", "status", "--name", lab.name, "--json"]
    seen = json.loads(lab.run(argv).stdout)
    assert [one["name"] for one in seen["servers"]] == ["s1", "s2"]
    assert all(one["running"] and one["processors"] >= 1 for one in seen["servers"])
