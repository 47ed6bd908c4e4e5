"""The fake console's Virtual I/O Servers.

`images` is one storage that server1 and server2 have, with the volume `web1`, which is used, and
`free`; `local` is a pool of either. `server2` is out of reach where the faces ask for pools.
"""

from dataclasses import replace
from typing import Any

from openlpm.engine.views import NetworksView, PoolsView, VolumesView, VolumeView
from openlpm.model.errors import Conflict, NotFound
from openlpm.model.hardware import VirtualEthernet
from openlpm.model.sight import Sight
from openlpm.model.storage import KnownPool, Pool, PoolPlace, PoolSource, Use, Volume
from openlpm.model.system import Mover, VirtualSwitch
from openlpm.model.vios import (
    DiskMapping,
    KnownSwitch,
    Mapping,
    Plug,
    SwitchElsewhere,
    Vios,
)

GIB = 2**30
SOURCE = PoolSource(hosts=("nfs1",), folder="/srv")
IMAGES = Pool(
    *("images", "netfs", "u1", True, "/mnt/images", SOURCE),
    capacity_bytes=8 * GIB,
    available_bytes=6 * GIB,
)
SHARED = KnownPool("server1", IMAGES, True, "It is nfs://nfs1/srv.", (PoolPlace("server2", "nfs"),))
LOCAL = KnownPool("server1", Pool("local", "dir", active=False), False, "It is its own.")
USE = Use("web1", "u", "server2", Sight.RUNNING, "sda", "runs")
UNSEEN = (("narrow", "No route to host."),)
NIC = VirtualEthernet("52:54:00:00:00:01", "network", "guest", "dmz")
SWITCH = KnownSwitch(
    "server1",
    VirtualSwitch("guest", "network", mtu=1500, vlans=(("", ()), ("dmz", (7, 8)))),
    (Plug("web1", "u", NIC.mac, "dmz"),),
    (SwitchElsewhere("server2"), SwitchElsewhere("narrow", "it is inactive there")),
)
BRIDGE = KnownSwitch("server1", VirtualSwitch("br\x1b[31m0", "bridge", active=False))


class FakeVios:
    """As `engine.console.Console` has them."""

    given: dict[str, object]

    def __init__(self) -> None:
        self._volumes = {
            name: Volume(name, f"/mnt/images/{name}", kind="file", format="raw", capacity_bytes=GIB)
            for name in ("web1", "free")
        }

    def system(self, name: str) -> Any: ...

    def vios(self, system: str) -> Vios:
        self.system(system)
        disk = DiskMapping(
            *("sda", "scsi", "disk", "file", "/mnt/images/web1", "images", "web1"), shared=True
        )
        nbd = DiskMapping("sdb", "scsi", "disk", "network", "nbd://h/x", shared=True)
        partitions = (
            Mapping("web1", "u", Sight.RUNNING, (disk, nbd), (NIC,)),
            Mapping("odd", "v", Sight.OFF, trouble="It has a document type declaration."),
        )
        mover = Mover("10.0.0.1", 500, 2)
        return Vios(system, mover, 1, (SHARED, LOCAL), (SWITCH,), partitions, UNSEEN)

    def set_vios(self, system: str, **given: Any) -> Any:
        view = self.system(system)
        self.given["vios"] = given
        mover = replace(
            view.system.mover,
            address=given["mover_address"] or "",
            bandwidth_mib_s=given["mover_bandwidth_mib_s"] or 0,
            concurrent=given["concurrent"] or 4,
        )
        return replace(view, system=replace(view.system, mover=mover))

    def networks(self, system: str = "") -> NetworksView:
        return NetworksView((SWITCH, BRIDGE) if system in ("", "server1") else (), UNSEEN)

    def pools(self, system: str = "") -> PoolsView:
        return PoolsView((SHARED, LOCAL) if system in ("", "server1") else (), UNSEEN)

    def volumes(self, pool: str, system: str = "") -> VolumesView:
        self._pool(pool, system)
        uses = {"web1": (USE, replace(USE, system="server1", certain=False, behind=True))}
        return VolumesView(
            SHARED, tuple(VolumeView(v, uses.get(v.name, ())) for v in self._volumes.values())
        )

    def create_volume(
        self, pool: str, name: str, size_mib: int, *, system: str = "", file_format: str = ""
    ) -> VolumeView:
        self._pool(pool, system)
        made = Volume(
            name, f"/mnt/images/{name}", format=file_format, capacity_bytes=size_mib << 20
        )
        self._volumes[name] = made
        return VolumeView(made)

    def grow_volume(self, pool: str, name: str, size_mib: int, *, system: str = "") -> VolumeView:
        volume = self._volume(pool, name, system)
        self._volumes[name] = replace(volume, capacity_bytes=size_mib << 20)
        return VolumeView(self._volumes[name])

    def delete_volume(self, pool: str, name: str, *, system: str = "") -> None:
        self._volume(pool, name, system)
        if name == "web1":
            raise Conflict("volume-in-use", "Volume 'web1' is used.", remedy="Take it out.")
        del self._volumes[name]

    def _pool(self, pool: str, system: str) -> None:
        if pool == "local" and not system:
            raise Conflict("ambiguous-pool", "There are several.", remedy="Name the system.")
        if pool not in ("images", "local"):
            raise NotFound("no-such-pool", f"There is no storage pool {pool!r}.")

    def _volume(self, pool: str, name: str, system: str) -> Volume:
        self._pool(pool, system)
        if name not in self._volumes:
            raise NotFound("no-such-volume", f"There is no volume {name!r}.")
        return self._volumes[name]
