"""The Virtual I/O Server's side of a fake host: pools, volumes, and what partitions refer to.

A `Store` is a pool with its bytes. Put the same volumes behind the pools of two servers, and they
are the same storage:

    share(world, "images", PoolSource(hosts=("nfs",), folder="/srv"), on=("s1", "s2"))
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from openlpm.model.errors import AlreadyExists, Gone, HypervisorRefused
from openlpm.model.hardware import DiskKind
from openlpm.model.profile import DiskAdapter
from openlpm.model.storage import Backing, PartitionIo, Pool, PoolSource, Volume

if TYPE_CHECKING:
    from fakes.guest import Domain
    from fakes.line import Line
    from fakes.server import FakeServer
    from fakes.world import World

GIB = 2**30


@dataclass
class Store:
    """A pool of one server, and its volumes, which may be those of another server's too."""

    pool: Pool
    volumes: dict[str, Volume] = field(default_factory=dict)
    refreshes: int = 0


def local_pool() -> Store:
    """A folder of the server itself."""
    path = "/var/lib/libvirt/images"
    sizes = {"capacity_bytes": 8 * GIB, "available_bytes": 6 * GIB, "allocation_bytes": 2 * GIB}
    return Store(Pool("local", "dir", path=path, **sizes))


def share(
    world: "World", name: str, source: PoolSource, *, on: Sequence[str], kind: str = "netfs"
) -> dict[str, Volume]:
    """The same storage as a pool of each of these servers; its volumes."""
    volumes: dict[str, Volume] = {}
    path = f"/mnt/{name}" if kind == "netfs" else ""
    for server in on:
        pool = Pool(name, kind, path=path, source=source)
        pool = replace(pool, capacity_bytes=8 * GIB, available_bytes=6 * GIB)
        world.server(server).stores[name] = Store(pool, volumes)
    return volumes


class FakeStorage:
    """What `FakeHost` says and does of storage."""

    _server: "FakeServer"
    _line: "Line"

    def pools(self) -> Sequence[Pool]:
        with self._line.calling("pools"):
            return [store.pool for store in self._server.stores.values()]

    def volumes(self, pool: str) -> Sequence[Volume]:
        with self._line.calling("volumes"):
            return sorted(self._store(pool).volumes.values(), key=lambda v: v.name)

    def partition_io(self) -> Sequence[PartitionIo]:
        with self._line.calling("partition_io"):
            return [_io(self._server.name, domain) for domain in self._server.domains.values()]

    def refresh_pool(self, pool: str) -> None:
        with self._line.calling("refresh_pool"):
            self._store(pool).refreshes += 1

    def create_volume(self, pool: str, volume: Volume) -> Volume:
        with self._line.calling("create_volume"):
            store = self._store(pool)
            if volume.name in store.volumes:
                message = f"There is a volume {volume.name!r} already."
                raise AlreadyExists("volume-exists", message, remedy="Choose another name.")
            path = f"{store.pool.path}/{volume.name}"
            made = replace(volume, path=path, key=path, kind="file")
            store.volumes[volume.name] = made
            return made

    def grow_volume(self, pool: str, volume: str, capacity_bytes: int) -> None:
        with self._line.calling("grow_volume"):
            self._resize(self._store(pool), volume, capacity_bytes)

    def grow_disk(self, uuid: str, target: str, capacity_bytes: int) -> None:
        with self._line.calling("grow_disk"):
            domain = self._server.domain(uuid)
            if not domain.place.alive:
                raise HypervisorRefused("hypervisor-refused", "domain is not running")
            disks = {disk.target: disk for disk in domain.guest.hardware.disks}
            for store in self._server.stores.values():
                for volume in list(store.volumes.values()):
                    if disks[target].source in (volume.path, f"{store.pool.name}/{volume.name}"):
                        self._resize(store, volume.name, capacity_bytes)
            self._server.told_guests.append((domain.guest.name, target, capacity_bytes))

    def delete_volume(self, pool: str, volume: str) -> None:
        with self._line.calling("delete_volume"):
            if self._store(pool).volumes.pop(volume, None) is None:
                raise Gone("no-such-volume", f"There is no volume {volume!r}.")

    def _store(self, pool: str) -> Store:
        if pool not in self._server.stores:
            raise Gone("no-such-pool", f"There is no pool {pool!r}.")
        return self._server.stores[pool]

    def _resize(self, store: Store, name: str, capacity_bytes: int) -> None:
        if name not in store.volumes:
            raise Gone("no-such-volume", f"There is no volume {name!r}.")
        volume = store.volumes[name]
        if capacity_bytes < volume.capacity_bytes:
            raise HypervisorRefused("hypervisor-refused", "Can't shrink capacity.")
        store.volumes[name] = replace(volume, capacity_bytes=capacity_bytes)


def _io(system: str, domain: "Domain") -> PartitionIo:
    guest, state = domain.guest, domain.place.state
    how = "runs" if domain.place.alive else "defined"
    disks = [d for d in guest.hardware.disks if d.kind is not DiskKind.EMPTY]
    backings = [Backing(d.target, d.kind, d.source, how) for d in disks]
    for profile in domain.profiles.each if domain.profiles else ():
        backings += [
            Backing(f"profile {profile.name}", DiskKind.NETWORK, adapter.key, "profile")
            for adapter in profile.adapters
            if isinstance(adapter, DiskAdapter)
        ]
    return PartitionIo(
        *(guest.uuid, guest.name, system, state),
        guest.hardware.disks,
        guest.hardware.ethernets,
        tuple(backings),
        domain.damaged or guest.unreadable,
    )
