"""Volumes: sparse raw files, exported over NBD to all servers by the hub's nbdkit.

nbdkit's file plug-in takes several connections at once and flushes, so a volume may be open on two
servers while a partition moves between them; QEMU must use cache=none, as for any shared disk.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.command import run
from openlpm.lab.errors import LabError
from openlpm.lab.hub import NBD_PORT
from openlpm.lab.names import volume_name
from openlpm.lab.plan import address
from openlpm.lab.state import Folder

MIB = 2**20


@dataclass(frozen=True)
class Volume:
    """Where servers find it: `<source protocol='nbd' name=EXPORT><host name=HOST port=PORT/>`."""

    export: str
    size_mib: int
    path: Path
    host: str = address("storage", 0)
    port: int = NBD_PORT

    @property
    def uri(self) -> str:
        """For qemu-img and the like, on a server."""
        return f"nbd://{self.host}:{self.port}/{self.export}"


def create(folder: Folder, name: str, source: Path | None, size_mib: int | None) -> Volume:
    """Copy a raw image, or make an empty volume; a size beyond the image's enlarges it."""
    path = folder.volumes / volume_name(name)
    if path.exists():
        raise LabError("volume-exists", f"There is a volume '{name}' already.")
    if source is None and not size_mib:
        raise LabError("bad-volume", "A volume needs an image or a size.")
    draft = folder.data / f"{name}.new"  # not in the folder of exports until it is whole
    try:
        if source is not None:
            copy = ["cp", "--sparse=always", "--reflink=auto", "--", str(source), str(draft)]
            run(copy, doing=f"copy {source}", timeout=300)
        with draft.open("ab") as file:
            file.truncate(max(draft.stat().st_size, (size_mib or 0) * MIB))
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return _volume(path)


def volumes(folder: Folder) -> list[Volume]:
    """All of the lab's; none where a `down` has been interrupted."""
    with suppress(FileNotFoundError):
        return [_volume(path) for path in sorted(folder.volumes.iterdir())]
    return []


def delete(folder: Folder, name: str) -> None:
    """Whoever has it open keeps it until closing."""
    try:
        (folder.volumes / volume_name(name)).unlink()
    except FileNotFoundError:
        raise LabError("no-such-volume", f"There is no volume '{name}'.") from None


def _volume(path: Path) -> Volume:
    return Volume(path.name, -(-path.stat().st_size // MIB), path)
