"""How far the database has come, noted outside of it: so a step back is seen.

A database whose last commits are gone (its -wal file cut or lost, an older copy put in its
place) is in perfect order, and wrong. After each commit the console notes in the lock file how
many there have been. The note is never synced: after a power failure it may be behind the
database, which means nothing; it is never ahead of it, unless commits are gone.
"""

import re
import zlib
from dataclasses import dataclass

_FORM = re.compile(rb"([0-9]+) ([0-9]+) ([0-9]+) ([0-9a-f]{8})\n")


@dataclass(frozen=True, slots=True)
class Mark:
    """The epoch, the number of commits, and the newest event's number."""

    epoch: int
    writes: int
    seq: int


def encoded(mark: Mark) -> bytes:
    """A line that a torn write cannot turn into another."""
    text = f"{mark.epoch} {mark.writes} {mark.seq}".encode()
    return text + f" {zlib.crc32(text):08x}\n".encode()


def decoded(line: bytes) -> Mark | None:
    """The mark, or None for what is none (a lock file of an older OpenLPM, a torn line)."""
    found = _FORM.match(line)
    if not found:
        return None
    mark = Mark(int(found[1]), int(found[2]), int(found[3]))
    return mark if encoded(mark) == found[0] else None
