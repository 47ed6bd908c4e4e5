"""The same tests on the fake world and on real libvirt: what the engine may rely on.

The real one is a lab of two servers. The console stands in the lab's hub, so the test's thread
enters the hub's network namespace; threads that it starts are born there.
"""

import ctypes
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes.world import World
from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.lab import Lab, LabServer
from openlpm.model.errors import OpenLpmError
from openlpm.model.partition import Mark, PartitionSpec
from openlpm.model.system import Mover, System
from openlpm.ports import Host, Hypervisors

CLONE_NEWNET = 0x40000000


@dataclass
class Stand:
    """Two servers, s1 and s2, and what a console has of them."""

    hypervisors: Hypervisors
    s1: System
    s2: System
    lab: Lab | None = None
    hosts: dict[str, Host] = field(default_factory=dict)

    def host(self, system: System) -> Host:
        if system.name not in self.hosts:
            self.hosts[system.name] = self.hypervisors.connect(system)
        return self.hosts[system.name]

    @property
    def source(self) -> Host:
        return self.host(self.s1)

    @property
    def target(self) -> Host:
        return self.host(self.s2)

    def create(self, name: str = "", **spec: Any) -> str:
        """A partition of firmware only; its UUID."""
        spec = {"memory_mib": 64, **spec}
        name = name or f"c{secrets.token_hex(3)}"
        return self.source.create(PartitionSpec(name, "s1", **spec), Mark(1)).uuid

    def started(self) -> str:
        uuid = self.create()
        self.source.start(uuid)
        return uuid

    def sweep(self) -> None:
        """Remove what the test made, and close."""
        for system in (self.s1, self.s2):
            with suppress(OpenLpmError):
                host = self.host(system)
                for partition in host.partitions():
                    host.destroy(partition.uuid)
                    with suppress(OpenLpmError):
                        host.delete(partition.uuid)
        for host in self.hosts.values():
            host.close()


def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def within_network_of(pid: int) -> Iterator[None]:
    """This thread's network is that of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        assert libc.setns(there, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(here, CLONE_NEWNET) == 0
        os.close(here)
        os.close(there)


@pytest.fixture(scope="session")
def contract_lab(run_id: str) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Lab.up(f"{run_id}k", servers=2) as lab:
        yield lab


def system_of(server: LabServer) -> System:
    return System(server.name, server.uri, server.peer_uri, mover=Mover(server.migration_address))


@pytest.fixture
def real(contract_lab: Lab) -> Iterator[Stand]:
    s1, s2 = map(system_of, contract_lab.servers)
    with within_network_of(contract_lab.hub.pid):
        stand = Stand(LibvirtHypervisors(), s1, s2, contract_lab)
        yield stand
        stand.sweep()


@pytest.fixture
def fake() -> Iterator[Stand]:
    world = World(servers=2)
    stand = Stand(world.hypervisors(), world.server("s1").system, world.server("s2").system)
    yield stand
    stand.sweep()
    world.close()
    assert not world.ran_twice


@pytest.fixture(
    params=[
        pytest.param("fake", marks=pytest.mark.contract),
        pytest.param("real", marks=[pytest.mark.contract, pytest.mark.lab]),
    ]
)
def stand(request: pytest.FixtureRequest) -> Stand:
    return request.getfixturevalue(request.param)
