"""Storage pools and their volumes.

`{pool}` is a name; where systems have different pools of that name, `system` says which is meant.
"""

from urllib.parse import quote

from fastapi import APIRouter, Response

from openlpm.engine.views import PoolsView, VolumesView, VolumeView
from openlpm.faces.rest.bodies import GrowBody, VolumeBody
from openlpm.faces.rest.uses import Uses

router = APIRouter(prefix="/storage/pools", tags=["storage"])


@router.get("")
def pools(console: Uses, system: str = "") -> PoolsView:
    """Every storage pool, or those of one system, and which are the same storage."""
    return console.pools(system)


@router.get("/{pool}/volumes")
def volumes(pool: str, console: Uses, system: str = "") -> VolumesView:
    """The volumes of a pool, and which partitions use them."""
    return console.volumes(pool, system)


@router.post("/{pool}/volumes", status_code=201)
def create_volume(
    pool: str, body: VolumeBody, console: Uses, response: Response, system: str = ""
) -> VolumeView:
    """Make a volume. Its blocks are allocated as they are written, where the pool can do that."""
    made = console.create_volume(
        pool, body.name, body.size_mib, system=system, file_format=body.format
    )
    name = quote(made.volume.name, safe="")
    response.headers["Location"] = f"/v1/storage/pools/{quote(pool, safe='')}/volumes/{name}"
    return made


@router.patch("/{pool}/volumes/{volume}")
def grow_volume(
    pool: str, volume: str, body: GrowBody, console: Uses, system: str = ""
) -> VolumeView:
    """Enlarge a volume. The guest that has it open is told; it is never made smaller."""
    return console.grow_volume(pool, volume, body.size_mib, system=system)


@router.delete("/{pool}/volumes/{volume}", status_code=204)
def delete_volume(pool: str, volume: str, console: Uses, system: str = "") -> None:
    """Remove a volume that no partition uses, on whichever system, running or not."""
    console.delete_volume(pool, volume, system=system)
