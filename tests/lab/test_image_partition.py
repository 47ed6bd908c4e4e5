"""The partition's image, booted: it serves, obeys its agent, and its disk tells what happened.

One guest under TCG in a network namespace of its own, for all tests here. They run in the order
of a partition's life; the probes are tried on outages that we make and can measure ourselves.
"""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from openlpm.lab.image import address_of, check_records, check_sequence, partition_image
from openlpm.lab.image import read_records as read_records_of
from openlpm.lab.image.disk import ROOT_SIZE, ROOT_START, run_tool
from openlpm.lab.probe.clients import OutsideClients

pytestmark = pytest.mark.lab
T = TypeVar("T")
MAC = "52:54:00:00:17:2a"
UUID = "6f0f7a46-37a1-4a3e-9f6c-1f9a3c1b2d4e"
ADDRESS = address_of(MAC)


class Line:
    """Requests and answers in JSON over a UNIX socket: QMP, and the guest agent."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rwb", buffering=0)

    def ask(self, command: str, **arguments: Any) -> Any:
        request = {"execute": command, "arguments": arguments}
        self.file.write(json.dumps(request).encode() + b"\n")
        while "return" not in (answer := json.loads(self.file.readline())):
            assert "error" not in answer, answer
        return answer["return"]


class Machine:
    """A namespace with one guest in it, as an outside client in that namespace sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.disk = folder, folder / "disk.raw"
        self.space = f"lpm-image-{os.getpid()}"
        subprocess.run(["cp", "--sparse=always", partition_image(), self.disk], check=True)
        for words in (
            "netns add {0}", "-n {0} link set lo up", "-n {0} tuntap add dev tap0 mode tap",
            "-n {0} address add 198.19.255.1/16 dev tap0", "-n {0} link set tap0 up",
        ):  # fmt: skip
            subprocess.run(["ip", *words.format(self.space).split()], check=True)
        self.thread = ThreadPoolExecutor(1, initializer=self._enter)
        self.boot()

    def _enter(self) -> None:
        with open(f"/run/netns/{self.space}") as space:
            assert ctypes.CDLL(None, use_errno=True).setns(space.fileno(), 0x40000000) == 0

    def inside(self, argv: list[str]) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.space}", *argv]

    def boot(self) -> None:
        began = time.monotonic()
        channel = f"socket,server=on,wait=off,id=agent,path={self.folder}/agent"
        self.qemu = subprocess.Popen(self.inside([
            "qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", "qemu64", "-m", "512",
            "-nodefaults", "-display", "none", "-uuid", UUID, "-smbios", "type=1,serial=web1",
            "-drive", f"if=none,id=disk,file={self.disk},format=raw,cache=none",
            "-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk",
            "-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev=net,mac={MAC}",
            "-serial", f"file:{self.folder}/serial.log", "-device", "virtio-serial",
            "-chardev", channel, "-device",
            "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
        ]))  # fmt: skip
        while not self.served():
            assert self.qemu.poll() is None, "QEMU ended"
            assert time.monotonic() - began < 30, (self.folder / "serial.log").read_text()
            time.sleep(0.02)
        self.boot_s = time.monotonic() - began
        self.qmp, self.agent = Line(self.folder / "qmp"), Line(self.folder / "agent")
        self.qmp.ask("qmp_capabilities")

    def served(self) -> bool:
        try:
            return self.get("/health", 0.3) == {"status": "ok"}
        except OSError:
            return False

    def get(self, path: str, timeout: float = 5) -> Any:
        def ask() -> bytes:
            with urllib.request.urlopen(f"http://{ADDRESS}{path}", timeout=timeout) as answer:
                return answer.read()

        return json.loads(self.do(ask))

    def do(self, action: Callable[[], T]) -> T:
        return self.thread.submit(action).result()

    def remove(self) -> None:
        self.qemu.kill()
        self.qemu.wait()
        self.thread.shutdown()
        subprocess.run(["ip", "netns", "delete", self.space], check=True)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("partition"))
    yield made
    made.remove()


def sequence_reaches(machine: Machine, number: int) -> None:
    deadline = time.monotonic() + 10
    while machine.get("/seq")["last"] < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_serves_soon_and_knows_who_it_is(machine: Machine) -> None:
    assert machine.boot_s < 15
    assert machine.get("/identity") == {"hostname": "web1", "mac": MAC, "uuid": UUID}
    assert machine.get("/")["hostname"] == "web1"


def test_agent_does_what_rmc_would(machine: Machine) -> None:
    machine.agent.ask("guest-ping")
    assert machine.agent.ask("guest-get-host-name") == {"host-name": "web1"}
    assert machine.agent.ask("guest-fsfreeze-freeze") >= 1
    stopped = machine.get("/seq")["last"]
    assert machine.get("/health") == {"status": "ok"}  # a frozen disk does not stop the service
    assert machine.get("/seq")["last"] <= stopped + 1
    machine.agent.ask("guest-fsfreeze-thaw")
    sequence_reaches(machine, stopped + 3)
    machine.agent.ask("guest-set-time", time=time.time_ns())
    run = machine.agent.ask("guest-exec", path="/bin/true")
    assert run["pid"] > 0


def test_http_keeps_connections_and_survives_bad_clients(machine: Machine) -> None:
    def talk() -> bytes:
        at = (ADDRESS, 80)
        with socket.create_connection(at, 5), socket.create_connection(at, 5) as link:
            two = b"GET /health HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\n\r\n"
            link.sendall(two + b"POST / HTTP/1.1\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: link.recv(4096), b""))

    assert re.findall(rb"HTTP/1.1 (\d+)", machine.do(talk)) == [b"200", b"404", b"405"]

    def endless_head() -> bytes:
        with socket.create_connection((ADDRESS, 80), 5) as link:
            link.sendall(b"x" * 4096)
            return link.recv(10)

    assert machine.do(endless_head) == b""
    assert machine.served()


def test_dirtier_dirties_at_the_rate_asked_for(machine: Machine) -> None:
    def measured() -> float:
        machine.qmp.ask("calc-dirty-rate", **{"calc-time": 1, "sample-pages": 4096})
        deadline = time.monotonic() + 10
        while (seen := machine.qmp.ask("query-dirty-rate"))["status"] != "measured":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return seen["dirty-rate"]

    idle = measured()
    machine.get("/dirty?mb_per_s=20&mib=64")
    before, began = machine.get("/dirty")["pages"], time.monotonic()
    busy = measured()
    rate = (machine.get("/dirty")["pages"] - before) * 4096 / 1e6 / (time.monotonic() - began)
    assert machine.get("/dirty?mb_per_s=0")["mb_per_s"] == 0
    assert 15 < rate < 22
    assert busy > idle + 10


def test_probes_measure_an_outage_and_the_guest_sees_it_too(machine: Machine) -> None:
    with OutsideClients(ADDRESS, machine.inside) as outside:
        outside.wait_until_served(10)
        with outside.window() as calm:
            time.sleep(0.5)
        machine.get("/gap?reset=1")
        with outside.window() as outage:
            machine.qemu.send_signal(signal.SIGSTOP)
            stopped = time.monotonic_ns()
            time.sleep(0.3)
            machine.qemu.send_signal(signal.SIGCONT)
            length_ms = (time.monotonic_ns() - stopped) / 1e6
        machine.qemu.send_signal(signal.SIGSTOP)
        began = time.monotonic_ns()
        time.sleep(0.2)
        ended = time.monotonic_ns()
        machine.qemu.send_signal(signal.SIGCONT)
        still_silent = outside.between(began, ended)
    assert calm.report.silence_ms < 100
    assert calm.report.udp["sent"] > 200
    assert length_ms - 5 < outage.report.silence_ms < length_ms + 100
    assert abs(outage.report.udp["silence_start_monotonic_ns"] - stopped) < 50e6
    assert outage.report.http_lost == 0
    assert still_silent.silence_ms > 190
    assert machine.get("/gap")["monotonic_ms"] > 190


def test_probe_counts_http_requests_lost(machine: Machine) -> None:
    nobody = "198.19.255.1"  # our own end, where no server listens
    with OutsideClients(nobody, machine.inside) as outside, outside.window() as window:
        time.sleep(0.2)
    assert window.report.http_lost >= 2
    assert "ConnectionRefusedError" in window.report.http["lost_because"][0]
    assert window.report.udp["answered"] == 0


def test_sequence_has_no_gap_and_goes_on_after_a_sudden_death(machine: Machine) -> None:
    records = machine.do(lambda: list(read_records_of(ADDRESS)))
    running = check_records(records)
    assert running.intact
    assert running.first == 1
    machine.qemu.kill()
    machine.qemu.wait()
    dead = check_sequence(machine.disk)
    assert dead.intact
    assert dead.last >= running.last
    machine.boot()
    sequence_reaches(machine, dead.last + 10)
    again = machine.get("/seq")
    assert again["first_of_boot"] == dead.last + 1
    assert check_records(machine.do(lambda: list(read_records_of(ADDRESS)))).gaps == 0


def test_power_button_powers_off_cleanly(machine: Machine) -> None:
    last = machine.get("/seq")["last"]
    machine.qmp.ask("system_powerdown")
    machine.qemu.wait(10)
    report = check_sequence(machine.disk)
    assert report.intact
    assert report.torn == 0
    assert report.last >= last
    root = machine.folder / "root.ext4"
    mib = 1 << 20
    run_tool(
        "dd", f"if={machine.disk}", f"of={root}", "bs=1M", f"skip={ROOT_START // mib}",
        f"count={ROOT_SIZE // mib}", "conv=sparse", "status=none",
    )  # fmt: skip
    run_tool("e2fsck", "-f", "-n", root)  # fails unless the file system is clean


def test_agent_powers_off(machine: Machine) -> None:
    machine.boot()
    request = b'{"execute": "guest-shutdown"}\n'  # it never answers: the machine goes
    machine.agent.file.write(request)
    machine.qemu.wait(10)
    assert check_sequence(machine.disk).intact
