"""A running partition resized: what its own kernel says of it, before and after a move."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from console_fixtures import until
from inside import Inside

from openlpm.lab.stage import Stage

LOOK = "grep MemTotal /proc/meminfo; nproc; ls /sys/block; ls /sys/class/net"
MOUNTED = "mke2fs /dev/sdb && mkdir -p /tmp/data && mount /dev/sdb /tmp/data"


@dataclass(frozen=True)
class Size:
    """What the guest's kernel tells of itself."""

    memory_kib: int
    processors: int
    devices: frozenset[str]


class Guest(Inside):
    """A booted partition, wherever it is."""

    def virsh(self, *words: str) -> str:
        system = self.stage.lpm("partition", "show", self.name)["system"]
        return self.stage.lab.run(["virsh", *words], server=system).stdout

    def do(self, script: str) -> str:
        """What a script prints inside."""
        return self.output(self.start(script))

    def look(self) -> Size:
        _, memory, _, processors, *devices = self.do(LOOK).split()
        return Size(int(memory), int(processors), frozenset(devices))

    def set(self, *options: str) -> None:
        self.stage.lpm("partition", "set", self.name, *options)

    def refusal(self, *words: str) -> str:
        """Why a command is refused."""
        with pytest.raises(RuntimeError) as refused:
            self.stage.lpm("partition", *words)
        return str(refused.value)


@pytest.fixture(scope="module")
def guest(run_id: str) -> Iterator[Guest]:
    """One with 320 MiB (64 to 384), 1 processor (to 2), 0.5 units (0.1 to 1)."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Stage.up(f"{run_id}z") as stage:
        stage.make_partition("web1", on="s1", memory_mib=320)
        stage.lpm(
            *("profile", "set", "web1", "default", "--minimum-memory", "64"),
            *("--maximum-memory", "384", "--maximum-processors", "2"),
            *("--minimum-units", "0.1", "--maximum-units", "1"),
        )
        stage.lpm("partition", "activate", "web1")
        made = Guest(stage, "web1")
        until(lambda: shown(made)["rmc"] == "active", 60, "its agent answers")
        until(lambda: shown(made)["memory_mib"] == 320, 20, "its balloon has taken the rest")
        yield made


def shown(guest: Guest) -> dict[str, object]:
    found: dict[str, object] = guest.stage.lpm("partition", "show", guest.name)
    return found


@pytest.mark.lab
def test_a_booted_guest_is_resized_moves_and_keeps_its_size(guest: Guest) -> None:
    stage, before = guest.stage, guest.look()
    disk = stage.lab.create_volume("data", size_mib=8)
    guest.set("--memory", "384", "--processors", "2", "--units", "0.7")
    stage.lpm("partition", "add-disk", "web1", disk.uri)
    mac = "52:54:00:6c:77:31"
    stage.lpm("partition", "add-ethernet", "web1", "guest", "--mac", mac)
    until(lambda: {"sdb", "eth1"} <= guest.look().devices, 10, "its kernel has seen them")
    after = guest.look()
    assert after.memory_kib - before.memory_kib == 64 * 1024
    assert (before.processors, after.processors) == (1, 2)
    # The guest and the hypervisor have their say.
    assert "exit 3" in guest.refusal("set", "web1", "--memory", "512")
    assert "memory-in-use" in guest.refusal("set", "web1", "--memory", "64")
    assert "processors-stay" in guest.refusal("set", "web1", "--processors", "1")
    guest.do(MOUNTED)
    assert "disk-mounted" in guest.refusal("remove-disk", "web1", disk.uri)
    assert guest.look() == after, "refused, nothing has changed"

    stage.lpm("migrate", "web1", "--to", "s2")
    assert guest.look() == after
    seen = shown(guest)
    assert (seen["system"], seen["memory_mib"], seen["processors"]) == ("s2", 384, 2)
    guest.set("--memory", "256")
    assert after.memory_kib - guest.look().memory_kib == 128 * 1024
    stage.lpm("partition", "remove-ethernet", "web1", mac)
    until(lambda: "eth1" not in guest.look().devices, 10, "its kernel has seen that it left")
