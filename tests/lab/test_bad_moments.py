"""What fails at the worst moment: the console's disk is full, or the target vanishes.

Each ends in a clear error or a move that failed cleanly; the partition runs on where it was.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from console_fixtures import Site, until

from openlpm.faces.cli.client import Client
from openlpm.faces.cli.problem import Problem
from openlpm.lab.stage import BIN

pytestmark = pytest.mark.lab

ON_A_TINY_DISK = (
    'mount -t tmpfs -o size=1m none "$1" && exec "$2" serve --socket "$3" --database "$4"'
)


@dataclass(frozen=True)
class Second:
    """Another console of the same servers, its database on a file system of its own."""

    site: Site
    process: "subprocess.Popen[str]"
    disk: Path

    def fill(self) -> None:
        """Take the last byte."""
        with suppress(OSError), (self.disk / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)

    def make_room(self) -> None:
        """Give it back."""
        (self.disk / "ballast").unlink()


@contextmanager
def second_console(site: Site, folder: Path) -> Iterator[Second]:
    lab = site.stage.lab
    listen = folder / "second.sock"
    disk = folder / "disk"
    disk.mkdir()
    script = ["sh", "-c", ON_A_TINY_DISK, "sh", disk, BIN / "lpm", listen, disk / "console.db"]
    with (folder / "second.log").open("w") as log:
        argv = ["unshare", "--mount", *map(str, script)]
        process = lab.popen(argv, stdout=log, stderr=log)
    try:
        client = Client(str(listen))
        until(lambda: _answers(client), 20, "the second console")
        for server in ("s1", "s2"):
            client.post("/v1/systems", site.system(server)["system"])
        yield Second(replace(site, client=client), process, Path(f"/proc/{process.pid}/root{disk}"))
    finally:
        process.terminate()
        process.wait(20)


def _answers(client: Client) -> bool:
    with suppress(Problem):
        client.get("/v1/systems")
        return True
    return False


def test_a_full_disk_under_the_database(site: Site, tmp_path: Path):
    argv = [str(BIN / "lpm"), "--socket", str(tmp_path / "second.sock")]
    with (
        site.guest(start="running") as tiny,
        site.guest() as idle,
        second_console(site, tmp_path) as second,
    ):
        other = second.site
        other.seen(tiny.name, "running")
        second.fill()
        done = subprocess.run(
            [*argv, "migrate", tiny.name, "--to", "s2", "--json"], capture_output=True, text=True
        )
        assert done.returncode == 7, done
        problem = json.loads(done.stderr)
        assert problem["code"] == "store-full"
        assert problem["remedy"]
        assert other.partition(tiny.name)["state"] == "running"
        assert other.client.get("/v1/migrations") == []
        # What happens meanwhile is seen all the same, although it cannot be written down.
        site.virsh("s1", "start", idle.name)
        other.seen(idle.name, "running")
        for _ in range(2):
            assert {v["link"] for v in other.client.get("/v1/systems")} == {"connected"}
            site.virsh("s1", "destroy", idle.name)
            other.seen(idle.name, "off")
            site.virsh("s1", "start", idle.name)
            other.seen(idle.name, "running")
        second.make_room()
        assert other.ended(other.migrate(tiny.name))["phase"] == "done"
        site.seen(tiny.name, "running")
        assert site.partition(tiny.name)["system"] == "s2"


def test_a_disk_that_fills_during_a_move(site: Site, tmp_path: Path):
    lab = site.stage.lab
    with site.guest(start="running") as tiny, second_console(site, tmp_path) as second:
        other = second.site
        other.seen(tiny.name, "running")
        lab.set_rate("s2", "4mbit")
        try:
            number = other.migrate(tiny.name, throttle=False)
            until(lambda: other.migration(number)["phase"] == "send", 10, "memory sent")
            second.fill()
            lab.set_rate("s2", lab.plan.link)
            there = lambda: "running" in site.virsh("s2", "list")  # noqa: E731
            until(there, 15, "its arrival")
            assert other.client.get(f"/v1/migrations/{number}")
            second.make_room()
            record = other.ended(number)
        finally:
            lab.set_rate("s2", lab.plan.link)
        assert record["phase"] == "done"
        assert site.virsh("s1", "list", "--all", "--uuid").split().count(tiny.uuid) == 0
        assert site.virsh("s2", "domstate", tiny.name).strip() == "running"


def test_a_target_that_freezes_after_validation(site: Site):
    with site.guest(start="running") as tiny:
        assert site.target(tiny.name).keys() == {"rmc-inactive"}
        site.stage.lab.freeze("s2")
        try:
            problem = site.problem("POST", "partitions", tiny.name, "migrate", body={"to": "s2"})
            assert problem.kind in ("refused", "unreachable")
            assert site.reservations() == 0
            assert site.partition(tiny.name)["state"] == "running"
        finally:
            site.stage.lab.thaw("s2")
        back = lambda: site.target(tiny.name).keys() == {"rmc-inactive"}  # noqa: E731
        until(back, 15, "s2 again a target")


def test_a_target_that_loses_its_power_as_the_move_begins(site: Site):
    lab = site.stage.lab
    with site.guest(start="running") as tiny:
        site.findings(tiny.name)
        lab.set_rate("s2", "1mbit")
        number = site.migrate(tiny.name, throttle=False)
        lab.kill_server("s2")
        try:
            assert site.virsh("s1", "domstate", tiny.name).strip() == "running"
            site.linked("s2", "unreachable", 12)
            record = site.migration(number)
            assert record["finished_at"] is None, "nothing is concluded from not seeing"
            assert site.reservations() == 1
        finally:
            lab.start_server("s2")
        record = site.ended(number, 30)
        # What had begun has failed; what had not waited for s2, and was then done.
        assert record["phase"] in ("failed", "done")
        place = "s1" if record["phase"] == "failed" else "s2"
        running = [s for s in ("s1", "s2") if tiny.uuid in site.virsh(s, "list", "--uuid")]
        listed = [s for s in ("s1", "s2") if tiny.uuid in site.virsh(s, "list", "--all", "--uuid")]
        assert running == listed == [place], record
        assert site.reservations() == 0
        assert site.seen(tiny.name, "running")["system"] == place
        site.linked("s2", "connected", 15)
