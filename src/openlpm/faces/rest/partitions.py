"""Partitions: create, list, show, delete, and what changes their state where they are.

`{partition}` is a name or a UUID; a name that several partitions have is refused. Moving them
is in `migrations`, their serial console in `console_stream`.
"""

from urllib.parse import quote

from fastapi import APIRouter, Response

from openlpm.faces.rest.bodies import PartitionBody, ShutdownBody
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
def activate(partition: str, console: Uses) -> Partition:
    """Power it on."""
    return console.activate(partition)


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


@router.post("/{partition}/adopt")
def adopt(partition: str, console: Uses) -> Partition:
    """Take a domain that others made under our care, by a mark in its metadata."""
    return console.adopt(partition)
