"""Networks: what is reachable, at which rate, and that a cut link is really cut."""

import subprocess
import sys

import pytest

from openlpm.lab import Lab, LabError

pytestmark = pytest.mark.lab

PORT = 7777
RECEIVE = """
import socket, sys, time
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
peer, _ = server.accept()
begun, count = time.monotonic(), 0
while data := peer.recv(1 << 20):
    count += len(data)
print(count * 8 / (time.monotonic() - begun) / 1e6)
"""
SEND = """
import socket, sys, time
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
end, data = time.monotonic() + 1.5, bytes(1 << 18)
while time.monotonic() < end:
    peer.sendall(data)
"""
REACH = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)
"""


def reaches(lab: Lab, address: str, port: int, server: str | None = None) -> bool:
    argv = [sys.executable, "-c", REACH, address, str(port)]
    return lab.run(argv, server, check=False).returncode == 0


@pytest.mark.parametrize(("rate", "least", "most"), [("1gbit", 850, 1000), ("60mbit", 50, 66)])
def test_the_migration_link_has_the_given_rate(
    lab: Lab, rate: str, least: float, most: float
) -> None:
    for server in lab.servers:
        lab.set_rate(server, rate)
    try:
        measured = measured_mbit_s(lab)
        if measured <= least:  # a machine busy with other tests may not fill the link at once
            measured = max(measured_mbit_s(lab) for _ in range(2))
    finally:
        for server in lab.servers:
            lab.set_rate(server, lab.plan.link)
    assert least < measured < most


def measured_mbit_s(lab: Lab) -> float:
    where = [lab.servers[1].migration_address, str(PORT)]
    receiver = lab.popen([sys.executable, "-c", RECEIVE, *where], "s2", stdout=subprocess.PIPE)
    assert receiver.stdout
    assert receiver.stdout.readline() == "listening\n"
    lab.run([sys.executable, "-c", SEND, *where], "s1")
    return float(receiver.communicate(timeout=30)[0])


def test_a_cut_link_cuts_its_own_network_only(lab: Lab) -> None:
    first, second = lab.servers
    storage = lab.create_volume("cuttable", size_mib=1)
    lab.cut(first, "migration")
    try:
        assert lab.cut_links(first) == ["migration"]
        assert not reaches(lab, second.migration_address, 16514, "s1")
        assert reaches(lab, first.management_address, 16514)
        assert reaches(lab, storage.host, storage.port, "s1")
    finally:
        lab.heal(first, "migration")
        lab.delete_volume("cuttable")
    assert lab.cut_links(first) == []
    assert reaches(lab, second.migration_address, 16514, "s1")


@pytest.mark.parametrize("link", ["management", "storage"])
def test_other_links_are_cut_and_healed_too(lab: Lab, link: str) -> None:
    def reached() -> bool:
        if link == "storage":
            return reaches(lab, "198.18.2.1", 10809, "s2")
        return reaches(lab, lab.servers[1].management_address, 16514)

    lab.cut("s2", link)
    try:
        assert not reached()
    finally:
        lab.heal("s2", link)
    assert reached()


def test_what_stands_on_the_guest_bridge_is_reached_from_outside_until_cut(lab: Lab) -> None:
    # In a partition's stead: the bridge itself, and the libvirtd that listens on all addresses.
    address = "198.19.7.7"
    lab.run(["ip", "address", "add", f"{address}/16", "dev", "guest"], "s1")
    try:
        assert reaches(lab, address, 16514)
        lab.cut("s1", "guest")
        assert not reaches(lab, address, 16514)
        lab.heal("s1", "guest")
        assert reaches(lab, address, 16514)
    finally:
        lab.heal("s1", "guest")
        lab.run(["ip", "address", "del", f"{address}/16", "dev", "guest"], "s1")


def test_an_unknown_link_or_server_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="no link 'power'"):
        lab.cut("s1", "power")
    with pytest.raises(LabError, match="no server 's9'"):
        lab.cut("s9", "guest")


def test_a_new_volume_is_reached_from_all_servers_at_once(lab: Lab) -> None:
    volume = lab.create_volume("shared", size_mib=8)
    try:
        for server in lab.servers:
            said = lab.run(["qemu-img", "info", "-f", "raw", volume.uri], server).stdout
            assert "virtual size: 8 MiB" in said
        assert "shared" in [one.export for one in lab.volumes()]
        with pytest.raises(LabError, match="already"):
            lab.create_volume("shared", size_mib=8)
    finally:
        lab.delete_volume("shared")
