"""A console beside a lab of two servers, and what tests of validation do with them.

    site.guest(XML of what is special)      a partition of firmware only, defined in milliseconds
    site.findings("v1")                     what validation says of a move to s2
    site.refused("v1", "name-taken")        so does a move, and nothing has changed by asking

One lab serves all modules: leave it as it was found. Every guest goes with its `with` block.
"""

import json
import os
import secrets
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from guests import virsh

from openlpm.adapters.libvirt.lost_writes import guard
from openlpm.adapters.libvirt.xml import parse, to_text
from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.problem import Problem
from openlpm.lab.configuration import LEASE_FOLDER, LEASE_POOL, LOCKSPACE
from openlpm.lab.stage import Stage

MARK = "<openlpm:partition xmlns:openlpm='urn:openlpm:partition:1' id='{}' units='0.05'/>"
Codes = dict[str, dict[str, Any]]


def until(happened: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first answer that is not nothing; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


@dataclass(frozen=True)
class Tiny:
    """A partition of firmware only, with what is needed to define it again."""

    name: str
    uuid: str
    server: str
    lease: bool
    marked: bool = True

    def xml(self, devices: str = "", outside: str = "", **change: Any) -> str:
        """Its definition. `outside` stands beside the devices; `change` replaces the defaults."""
        get = {"memory": 32, "vcpu": 1, "kind": "qemu", "arch": "x86_64", "os": ""} | change
        machine = change.get("machine", "pc-i440fx-7.2")
        cpu = change.get("cpu", "<cpu mode='custom'><model>qemu64</model></cpu>")
        mark = MARK.format(change.get("id", 1)) if self.marked else ""
        lease = (
            f"<lease><lockspace>{LOCKSPACE}</lockspace><key>{self.uuid}</key>"
            f"<target path='{LEASE_FOLDER}'/></lease>"
        )
        guard_mib = get["memory"] if get["kind"] == "qemu" else 0
        return guarded(
            guard_mib,
            f"""<domain type='{get["kind"]}'><name>{self.name}</name><uuid>{self.uuid}</uuid>
          <metadata>{change.get("mark", mark)}</metadata>
          <memory unit='MiB'>{get["memory"]}</memory><vcpu>{get["vcpu"]}</vcpu>
          <os><type arch='{get["arch"]}' machine='{machine}'>hvm</type>{get["os"]}</os>
          {cpu}{outside}
          <devices>{devices}{lease if self.lease else ""}</devices></domain>""",
        )


def guarded(memory_mib: int, xml: str) -> str:
    """The definition with the guard of those that `lpm` creates, or as it is for 0 MiB."""
    domain = parse(xml, "domain")
    if memory_mib:
        guard(domain, memory_mib)
    return to_text(domain)


@dataclass
class Site:
    """The stage, its console's REST API, and what tests ask of both."""

    stage: Stage
    client: Client
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(100, 10_000)))

    # Servers, by libvirt's own tools

    def virsh(self, server: str, *argv: str, stdin: str = "", check: bool = True) -> str:
        """What virsh prints."""
        lab = self.stage.lab
        return virsh(lab, lab.server(server), *argv, stdin=stdin, check=check).stdout

    def on(self, server: str, *argv: str, check: bool = True, stdin: str = "") -> str:
        """What a program on a server prints."""
        return self.stage.lab.run(list(argv), server, check=check, stdin=stdin).stdout

    def define(self, tiny: Tiny, devices: str = "", outside: str = "", **change: Any) -> None:
        """Define it anew; the console is given the time to notice a new one."""
        xml = tiny.xml(devices, outside, **change)
        self.virsh(tiny.server, "define", "/dev/stdin", stdin=xml)

    @contextmanager
    def guest(
        self,
        devices: str = "",
        outside: str = "",
        *,
        on: str = "s1",
        start: str = "",
        lease: bool = True,
        marked: bool = True,
        **change: Any,
    ) -> Iterator[Tiny]:
        """A partition, off unless `start` is "running" or "paused"; gone afterwards everywhere."""
        number = next(self.numbers)
        uuid = f"{secrets.token_hex(4)}-0000-4000-8000-{number:012d}"
        tiny = Tiny(f"v{number}", uuid, on, lease, marked)
        try:
            if lease:
                self.virsh(on, "vol-create-as", LEASE_POOL, uuid, "0")
            self.define(tiny, devices, outside, **{"id": number} | change)
            if start:
                paused = ["--paused"] if start == "paused" else []
                self.virsh(on, "start", tiny.name, *paused)
                self.seen(tiny.uuid, start)
            else:
                self.seen(tiny.uuid, "off")
            yield tiny
        finally:
            self.forget(tiny)

    @contextmanager
    def booted_guest(self) -> Iterator[str]:
        """The name of a partition from the project's image, on s1; its agent answers."""
        number = next(self.numbers)
        name = f"v{number}"
        guest = self.stage.make_partition(name, on="s1", memory_mib=256, number=1 + number % 250)
        try:
            self.client.post(path_of("partitions", name, "activate"))
            until(lambda: self.partition(name)["rmc"] == "active", 60, "its agent")
            yield name
        finally:
            self.client.post(path_of("partitions", name, "shutdown"), {"force": True})
            self.client.delete(path_of("partitions", name))
            self.stage.lab.delete_volume(name)
        assert not guest.volume.exists()

    def forget(self, tiny: Tiny) -> None:
        """Remove every trace of a guest from all servers."""
        for server in self.stage.lab.servers:
            flags = ("--managed-save", "--snapshots-metadata", "--checkpoints-metadata")
            script = f"destroy {tiny.uuid}\nundefine {tiny.uuid} {' '.join(flags)}\n"
            if tiny.lease and server.name == tiny.server:
                script += f"vol-delete {tiny.uuid} {LEASE_POOL}\n"
            self.virsh(server.name, stdin=script, check=False)

    # The console

    def partition(self, name: str) -> dict[str, Any]:
        """One partition, as the console shows it."""
        return self.client.get(path_of("partitions", name))

    def seen(self, name: str, state: str, seconds: float = 5) -> dict[str, Any]:
        """Wait until the console's list shows it in this state."""

        def shown() -> dict[str, Any] | None:
            found = self.client.get(path_of("partitions"))
            return next(
                (p for p in found if name in (p["name"], p["uuid"]) and p["state"] == state), None
            )

        return until(shown, seconds, f"{name} seen {state}")

    def system(self, name: str) -> dict[str, Any]:
        """One system, as the console shows it."""
        return self.client.get(path_of("systems", name))

    def linked(self, name: str, link: str, seconds: float) -> dict[str, Any]:
        """Wait until a system is shown as connected, or as unreachable."""

        def shown() -> dict[str, Any] | None:
            view = self.system(name)
            return view if view["link"] == link else None

        return until(shown, seconds, f"{name} {link}")

    def findings(self, name: str, to: str = "s2") -> Codes:
        """Validation's findings by code."""
        answer = self.client.post(path_of("partitions", name, "validate"), {"to": to})
        return _by_code(answer["validation"]["findings"])

    def target(self, name: str, to: str = "s2") -> Codes:
        """The same from `targets`, which does not measure how the guest dirties its memory."""
        for answer in self.client.get(path_of("partitions", name, "targets")):
            if answer["validation"]["target"] == to:
                return _by_code(answer["validation"]["findings"])
        raise AssertionError(f"{to} is no target")

    def fires(self, name: str, code: str, *, at: str, to: str = "s2") -> Codes:
        """Validation finds this about this server, and if an error a move is refused for it."""
        found = self.findings(name, to)
        assert code in found, f"{code} not in {found}"
        assert found[code]["system"] == at
        for part in ("looked_at", "message", "remedy"):
            assert found[code][part].strip()
        if found[code]["severity"] == "error":
            self.refused(name, code, to=to)
        return found

    def refused(self, name: str, code: str, *, to: str = "s2") -> None:
        """A move is refused for this, and everything is as it was."""
        before = self.picture(name)
        problem = self.problem("POST", "partitions", name, "migrate", body={"to": to})
        assert problem.kind == "refused", problem.text()
        assert code in {finding["code"] for finding in problem.findings}
        assert self.picture(name) == before

    def picture(self, name: str) -> tuple[object, ...]:
        """All that a refused request must leave alone."""
        with closing(sqlite3.connect(f"file:{self.stage.database}?mode=ro", uri=True)) as store:
            counts = tuple(
                store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("migrations", "reservations")
            )
        shown = self.partition(name) | {"seen_at": 0, "rmc": ""}
        lists = tuple(
            self.virsh(server.name, "list", "--all", "--uuid", check=False)
            for server in self.stage.lab.servers
        )
        return counts, shown, lists

    def reservations(self) -> int:
        """How many rooms the console holds."""
        with closing(sqlite3.connect(f"file:{self.stage.database}?mode=ro", uri=True)) as store:
            return store.execute("SELECT count(*) FROM reservations").fetchone()[0]

    def problem(self, method: str, *path: str, body: dict[str, Any] | None = None) -> Problem:
        """The problem that a request ends in."""
        ask = {"POST": lambda p: self.client.post(p, body), "DELETE": self.client.delete}
        try:
            answer = ask.get(method, self.client.get)(path_of(*path))
        except Problem as problem:
            return problem
        raise AssertionError(f"{method} {path} was done: {answer}")

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The real command line."""
        argv = [*self.stage.command(), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60)

    def cli_refused(self, *words: str) -> Codes:
        """The command line's findings; it ends with exit code 3."""
        done = self.cli(*words, "--json")
        assert done.returncode == 3, done
        if words[0] == "validate":
            return _by_code(json.loads(done.stdout)["validation"]["findings"])
        return _by_code(json.loads(done.stderr)["findings"])

    # Moves

    def migrate(self, name: str, to: str = "s2", **limits: Any) -> str:
        """Start a move; its id."""
        body = {"to": to, **limits}
        return self.client.post(path_of("partitions", name, "migrate"), body)["migration"]["id"]

    def migration(self, number: str) -> dict[str, Any]:
        """Its record."""
        return self.client.get(path_of("migrations", number))["migration"]

    def ended(self, number: str, seconds: float = 20) -> dict[str, Any]:
        """Its record, once it is final."""

        def final() -> dict[str, Any] | None:
            record = self.migration(number)
            return record if record["finished_at"] else None

        return until(final, seconds, f"the end of migration {number}")

    @contextmanager
    def slow_move(self, name: str, to: str = "s2") -> Iterator[str]:
        """A move that is sending memory for as long as the block lasts; then it is stopped.

        Only a booted guest's: firmware alone fits the sockets' buffers, and may be over already.
        """
        lab = self.stage.lab
        lab.set_rate(to, "1mbit")
        try:
            number = self.migrate(name, to, throttle=False)
            until(lambda: self.migration(number)["phase"] == "send", 10, "memory sent")
            try:
                with self.frozen_qemu(name, to):
                    lab.set_rate(to, lab.plan.link)  # what others send meanwhile is not slow
                    yield number
                    lab.set_rate(to, "1mbit")
            finally:
                self.client.post(path_of("migrations", number, "stop"))
                record = self.ended(number)
            assert record["phase"] == "stopped"
        finally:
            lab.set_rate(to, lab.plan.link)

    @contextmanager
    def frozen_qemu(self, name: str, server: str) -> Iterator[None]:
        """Its QEMU there stands still meanwhile."""
        (pid,) = self.stage.lab.server(server).qemus(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def other_system(self, name: str, **change: Any) -> Iterator[None]:
        """A system managed with other particulars meanwhile: fewer processors, say."""
        told = self.system(name)["system"]
        body = told | change | {"mover": told["mover"] | change.get("mover", {})}
        self.client.delete(path_of("systems", name))
        try:
            self.client.post(path_of("systems"), body)
            yield
        finally:
            with suppress(Problem):
                self.client.delete(path_of("systems", name))
            self.client.post(path_of("systems"), told)

    @contextmanager
    def firewall(self, server: str, *rule: str) -> Iterator[None]:
        """A rule of the server's firewall, at the head of its INPUT."""
        self.on(server, "iptables", "-I", "INPUT", *rule)
        try:
            yield
        finally:
            self.on(server, "iptables", "-D", "INPUT", *rule)

    @contextmanager
    def cut(self, server: str, link: str) -> Iterator[None]:
        """A cable pulled for as long as the block lasts."""
        self.stage.lab.cut(server, link)
        try:
            yield
        finally:
            self.stage.lab.heal(server, link)


def _by_code(findings: list[dict[str, Any]]) -> Codes:
    return {finding["code"]: finding for finding in findings}
