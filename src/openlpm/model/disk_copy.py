"""A disk that moves with its partition: what is copied, and where to.

Servers that share no storage have each their own pools. The volume at the target is named after the
move that makes it (`named`), so that whatever is left of a move, by whichever crash, is known for
what it is, and no move ever meets a volume of somebody else.
"""

import re
from dataclasses import dataclass, replace

_OF_A_MOVE = re.compile(r"-m[0-9a-f]{8}(?=(?:\.[^.]{1,16})?\Z)")
_LONGEST = 200
"""Bytes of a file's name are 255 on every file system; this leaves room for the rest."""


@dataclass(frozen=True, slots=True)
class DiskCopy:
    """One disk's way. `disk`: its name in the partition (`VirtualDisk.target`).

    `volume` lies in `pool` at the source, `to_volume` in `to_pool` at the target, whose files are
    in `to_folder`. `format` raw or qcow2; sizes in bytes, `allocation_bytes` of it written so far.
    """

    disk: str
    pool: str
    volume: str
    to_pool: str
    to_folder: str
    format: str
    capacity_bytes: int
    allocation_bytes: int = 0
    to_volume: str = ""

    @property
    def to_path(self) -> str:
        """Its file at the target."""
        return f"{self.to_folder.rstrip('/')}/{self.to_volume}"


def named(copy: DiskCopy, migration_id: str) -> DiskCopy:
    """The same, made by this move: web1.qcow2 becomes web1-m5f0c2a91.qcow2, and so on again."""
    stem, dot, ending = _OF_A_MOVE.sub("", copy.volume).rpartition(".")
    if not stem:
        stem, dot, ending = f"{dot}{ending}", "", ""
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    return replace(copy, to_volume=f"{stem}-m{migration_id}{dot}{ending[:16]}")
