"""The lease cannot be bypassed, tried by hand with virsh; what it cannot stop is reported.

Every attempt is one that an operator could make at the second server while the partition runs at
the first, moves, or has lost its storage.
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import moving
import pytest
from moving import FINAL, NAME, Scene, until

from openlpm.adapters.libvirt.xml import parse, to_text
from openlpm.chaos.scene import lock_holders
from openlpm.faces.cli.client import path_of
from openlpm.lab.configuration import LEASE_FOLDER, LOCKSPACE

pytestmark = pytest.mark.lab
scene = moving.scene

COPY = "copy1"
HELD = "resource busy"


def definition(scene: Scene, change: Callable[[str], str] = str) -> str:
    """What somebody would copy from the server where it runs."""
    return change(scene.virsh(scene.here, "dumpxml", NAME, "--inactive", "--security-info"))


def as_copy(xml: str, *, leased: bool) -> str:
    """The same under another name and UUID: another partition, for libvirt."""
    domain = parse(xml, "domain")
    for name in ("uuid", "metadata"):
        domain.remove(domain.find(name))
    domain.find("name").text = COPY
    devices = domain.find("devices")
    for tag in ("interface", *(() if leased else ("lease",))):
        for element in devices.findall(tag):
            devices.remove(element)
    return to_text(domain)


@contextmanager
def defined(scene: Scene, server: str, xml: str, name: str) -> Iterator[None]:
    """Defined there by hand, and gone afterwards."""
    scene.lab.run(["virsh", "define", "/dev/stdin"], server, stdin=xml)
    try:
        yield
    finally:
        scene.virsh(server, "destroy", name, check=False)
        scene.virsh(server, "undefine", name, check=False)


def start(scene: Scene, server: str, name: str) -> str:
    """What libvirt says against it; empty when it starts."""
    return scene.lab.run(["virsh", "start", name], server, check=False).stderr


def test_a_start_by_hand_on_the_second_server_is_refused(scene: Scene) -> None:
    there = scene.there
    with defined(scene, there, definition(scene), NAME):
        assert HELD in start(scene, there, NAME)
        assert scene.state(there).startswith("shut off")
        assert scene.here != there


def test_a_start_after_the_first_server_lost_its_storage_is_refused(scene: Scene) -> None:
    here, there = scene.here, scene.there
    with defined(scene, there, definition(scene), NAME):
        scene.lab.cut(here, "storage")
        try:
            assert HELD in start(scene, there, NAME)
        finally:
            scene.lab.heal(here, "storage")
        assert scene.here == here
    until(scene.serves, 20, "it to go on")


def test_a_source_that_is_only_cut_off_is_not_given_up(scene: Scene) -> None:
    """It still runs the partition, and sends it: its lease tells so at the target."""
    scene.link("20mbit")
    here, move = scene.here, scene.begin()
    scene.in_step(move)
    scene.lab.cut(here, "management")
    try:
        until(lambda: scene.link_of(here) == "unreachable", 12, "the cut to be noticed")
        refused = scene.run("migration", "recover", move, "--force")
        assert refused.returncode == 6, refused.stderr
        assert f"{here} still runs '{NAME}'" in refused.stderr
    finally:
        scene.lab.heal(here, "management")
    scene.link()
    assert scene.ended(move)["phase"] == "done"


def test_a_start_while_it_moves_never_makes_two(scene: Scene) -> None:
    """All through a move somebody starts a copy with the same lease, at the target.

    The lease is free for a moment, when the source is paused and the target has not taken it yet.
    A copy that takes it then is the only one that runs: the partition waits, paused, with all its
    memory, at its source. There are never two, and no record is lost.
    """
    here, there, first = scene.here, scene.there, scene.fetch("/seq")["last"]
    said: list[str] = []
    with defined(scene, there, as_copy(definition(scene), leased=True), COPY):
        move = scene.begin()
        while scene.move(move)["phase"] not in FINAL and "" not in said:
            said.append(start(scene, there, COPY))
        won = "" in said
        assert all(HELD in text for text in said if text), said
        running = [
            scene.virsh(s, "list", "--name", "--state-running").split() for s in (here, there)
        ]
        assert sorted(running) == [[], [COPY if won else NAME]]
    if won:
        _lend_hands(scene, move, here)
    record = scene.ended(move)
    scene.assert_only_at(there if record["phase"] == "done" else here)
    assert won == (record["phase"] != "done")
    scene.assert_sequence(first)


def _lend_hands(scene: Scene, move: str, here: str) -> None:
    """As the console asks for when libvirt has left a definition at the target, and cannot say
    whether it has run there. It has not: the copy had its lease."""

    def asks_or_ends() -> bool:
        told = "migration-attention" in scene.events_of(move)
        return told or scene.move(move)["phase"] in FINAL

    until(asks_or_ends, 30, "the end of the move, or its call for hands")
    if scene.state(here).startswith("paused"):
        scene.virsh(here, "resume", NAME, check=False)


@contextmanager
def block_device(path: Path) -> Iterator[str]:
    """A loop device on a file, seen by both servers; skips where the machine has none."""
    made = subprocess.run(["losetup", "--find", "--show", path], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no loop device to be had: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def on_disk(name: str, kind: str, path: str) -> str:
    """A partition of firmware only, without a lease, on a disk of the server's own."""
    source = f"<source {'dev' if kind == 'block' else 'file'}='{path}'/>"
    return f"""<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>
      <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>
      <cpu mode='custom'><model>qemu64</model></cpu>
      <devices><disk type='{kind}' device='disk'><driver name='qemu' type='raw' cache='none'/>
        {source}<target dev='hda' bus='ide'/></disk></devices></domain>"""


def assert_second_is_refused(scene: Scene, kind: str, path: str) -> None:
    here, there = scene.here, scene.there
    with (
        defined(scene, here, on_disk("first1", kind, path), "first1"),
        defined(scene, there, on_disk(COPY, kind, path), COPY),
    ):
        assert start(scene, here, "first1") == ""
        # QEMU's own lock, of this one machine, is asked first; across machines the lease is.
        said = start(scene, there, COPY)
        assert HELD in said or 'Failed to get "write" lock' in said
        lease = scene.lab.folder.leases / LOCKSPACE / hashlib.sha256(path.encode()).hexdigest()
        assert lock_holders(lease) == 1


def test_a_copy_without_the_lease_on_a_file_is_refused(scene: Scene) -> None:
    disk = scene.lab.folder.leases / "disk.img"  # a folder that both servers have
    disk.write_bytes(bytes(2**20))
    assert_second_is_refused(scene, "file", f"{LEASE_FOLDER}/{disk.name}")


def test_a_copy_without_the_lease_on_a_block_device_is_refused(
    scene: Scene, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(2**20))
    with block_device(disk) as device:
        assert_second_is_refused(scene, "block", device)


def test_a_copy_without_the_lease_on_a_network_disk_is_reported(scene: Scene) -> None:
    there = scene.there
    last = scene.client.get(path_of("events"), last=1)[-1]["seq"]

    def told(code: str) -> list[str]:
        events = scene.client.get(path_of("events"), after=last)
        return [event["message"] for event in events if event["code"] == code]

    scene.virsh(scene.here, "suspend", NAME)  # nothing is written to the disk meanwhile
    try:
        with defined(scene, there, as_copy(definition(scene), leased=False), COPY):
            assert scene.lab.run(["virsh", "start", COPY, "--paused"], there).returncode == 0
            message = until(lambda: told("partitions-clash"), 10, "the clash to be told")[0]
            assert COPY in message
            assert NAME in message
            assert "nbd://" in message
        until(lambda: told("partitions-clash-over"), 10, "its end to be told")
    finally:
        scene.virsh(scene.here, "resume", NAME)
