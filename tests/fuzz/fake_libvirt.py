"""A libvirtd that answers whatever it likes, behind the real `Connection`."""

from types import SimpleNamespace
from typing import Any

import libvirt
from samples import (
    CAPABILITIES,
    CPU,
    DOMAIN_9,
    DOMAIN_CAPABILITIES,
    INTERFACE,
    NETWORK,
    POOL,
    UUID,
    VOLUME,
)

from openlpm.adapters.libvirt.connection import Connection


class FakeDaemon:
    """Fills the few methods of `virConnect` that are read from. Every answer may be replaced."""

    def __init__(self, **answers: Any) -> None:
        self.pool_name, self.volume_count = "p", 1
        self.volume = VOLUME
        self.domain = self.pool = self.network = self.interface = ""
        self.capabilities = self.domain_capabilities = self.cpu = ""
        self.asked_cpus: list[str] = []
        usual = {
            "domain": DOMAIN_9,
            "capabilities": CAPABILITIES,
            "domain_capabilities": DOMAIN_CAPABILITIES,
            "cpu": CPU,
            "network": NETWORK,
            "interface": INTERFACE,
            "pool": POOL,
        }
        self.name, self.uuid, self.hostname, self.memory = "web1", UUID, "s1", {"total": 2**20}
        self.job: dict[str, Any] = {}
        self.agent: Any = '{"return":{}}'
        for name, value in (usual | answers).items():
            setattr(self, name, value)
        self.setKeepAlive = self.registerCloseCallback = lambda *_: 0

    def connection(self) -> Connection:
        return Connection("s1", self, self.connection)  # type: ignore[arg-type]

    def isAlive(self) -> int:
        return 1

    def _domain(self) -> Any:
        return SimpleNamespace(
            name=lambda: _told(self.name),
            UUIDString=lambda: self.uuid,
            state=lambda: [libvirt.VIR_DOMAIN_RUNNING, 1],
            XMLDesc=lambda _flags=0: _told(self.domain),
            isActive=lambda: True,
            isPersistent=lambda: True,
            vcpus=lambda: ([], []),
            snapshotNum=lambda: 0,
            listAllCheckpoints=list,
            hasManagedSaveImage=lambda: 0,
            blockJobInfo=lambda _target: {},
            jobStats=lambda _flags=0: self.job,
        )

    def listAllDomains(self) -> list[Any]:
        return [self._domain()]

    def lookupByUUIDString(self, _uuid: str) -> Any:
        return self._domain()

    def listAllStoragePools(self) -> list[Any]:
        return [self.storagePoolLookupByName("p")]

    def storagePoolLookupByName(self, _name: str) -> Any:
        volume = SimpleNamespace(
            name=lambda: _told(self.name),
            key=lambda: _told(self.name),
            XMLDesc=lambda _flags=0: _told(self.volume),
        )
        return SimpleNamespace(
            name=lambda: _told(self.pool_name),
            isActive=lambda: 1,
            XMLDesc=lambda _flags=0: _told(self.pool),
            refresh=lambda: 0,
            listVolumes=lambda: ["k"],
            listAllVolumes=lambda: [volume] * self.volume_count,
        )

    def listAllNetworks(self) -> list[Any]:
        return [SimpleNamespace(isActive=lambda: 1, XMLDesc=lambda: _told(self.network))]

    def listAllInterfaces(self) -> list[Any]:
        return [SimpleNamespace(XMLDesc=lambda: _told(self.interface))]

    def getCapabilities(self) -> str:
        return _told(self.capabilities)

    def getDomainCapabilities(self, *_: Any) -> str:
        return _told(self.domain_capabilities)

    def baselineHypervisorCPU(self, *asked: Any) -> str:
        self.asked_cpus = asked[4]
        return _told(self.cpu)

    def getType(self) -> str:
        return _told(self.hostname)

    def getHostname(self) -> str:
        return _told(self.hostname)

    def getVersion(self) -> int:
        return 7_002_000

    def getLibVersion(self) -> int:
        return 9_000_000

    def getInfo(self) -> list[Any]:
        return ["x86_64", 1024, 2, 2000, 1, 1, 2, 1]

    def getMemoryStats(self, _cells: int) -> dict[str, Any]:
        return self.memory

    def getFreePages(self, sizes: list[int], _start: int, _count: int) -> dict[int, dict[int, int]]:
        assert all(0 < size < 2**31 for size in sizes), "the binding raises OverflowError"
        return {-1: dict.fromkeys(sizes, 0)}


def _told(answer: Any) -> Any:
    """The answer as libvirt's binding makes a text of it, or fails to: strictly as UTF-8."""
    data = answer if isinstance(answer, bytes) else answer.encode(errors="surrogatepass")
    return data.decode()
