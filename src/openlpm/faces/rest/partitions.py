"""Partitions: create, list, show, delete, and what changes their state where they are.

`{partition}` is a name or a UUID; a name that several partitions have is refused. Moving them
is in `migrations`, their serial console in `console_stream`, their profiles in `profiles`.
"""

from urllib.parse import quote

from fastapi import APIRouter, Response

from openlpm.engine.views import Activated, Resized, SizeView
from openlpm.faces.rest.bodies import ActivateBody, PartitionBody, ResizeBody, ShutdownBody
from openlpm.faces.rest.uses import Uses
from openlpm.model.partition import Partition

router = APIRouter(prefix="/partitions", tags=["partitions"])


@router.get("")
def partitions(console: Uses, system: str = "") -> list[Partition]:
    """Every partition, or those of one system; others' domains too (their `mark` is null)."""
    return console.partitions(system)


@router.post("", status_code=201)
def create_partition(body: PartitionBody, console: Uses, response: Response) -> Partition:
    """Define a new partition. It is off until it is activated."""
    made = console.create_partition(body.value())
    response.headers["Location"] = f"/v1/partitions/{quote(made.uuid, safe='')}"
    return made


@router.get("/{partition}")
def partition(partition: str, console: Uses) -> Partition:
    """One partition."""
    return console.partition(partition)


@router.delete("/{partition}", status_code=204)
def delete_partition(partition: str, console: Uses) -> None:
    """Undefine a partition that is off. Its disks stay."""
    console.delete(partition)


@router.post("/{partition}/activate")
def activate(partition: str, console: Uses, body: ActivateBody | None = None) -> Activated:
    """Power it on, with its current profile or the one named, which becomes the current one."""
    return console.activate(partition, body.profile if body else "")


@router.post("/{partition}/shutdown")
def shutdown(partition: str, console: Uses, body: ShutdownBody | None = None) -> Partition:
    """Ask its guest to power off, without waiting for it; or pull the plug."""
    return console.shutdown(partition, force=body.force if body else False)


@router.post("/{partition}/pause")
def pause(partition: str, console: Uses) -> Partition:
    """Stop its processors; its memory stays."""
    return console.pause(partition)


@router.post("/{partition}/resume")
def resume(partition: str, console: Uses) -> Partition:
    """Let its processors run on."""
    return console.resume(partition)


@router.get("/{partition}/size")
def size(partition: str, console: Uses) -> SizeView:
    """What it has, how far it can be resized, and its current profile."""
    return console.size(partition)


@router.post("/{partition}/resize")
def resize(partition: str, body: ResizeBody, console: Uses) -> Resized:
    """Change it while it runs, within its current profile's limits: all of it, or nothing."""
    return console.resize(partition, body.value())


@router.post("/{partition}/adopt")
def adopt(partition: str, console: Uses) -> Partition:
    """Take a domain that others made under our care, by a mark in its metadata."""
    return console.adopt(partition)


@router.post("/{partition}/release")
def release(partition: str, console: Uses) -> Partition:
    """Give it back to whoever made it: our mark and its profiles go, all else stays."""
    return console.release(partition)
