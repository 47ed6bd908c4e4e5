"""What the partition wrote to its disk: is a record missing, there twice, or half there?

The service inside writes "NUMBER MONOTONIC-NS CRC32" every 40 ms and fsyncs each; guest/sequence.c
says where. Numbers go on over restarts, and the last 11 hours are kept. A gap means that the disk
lost what it had confirmed, a double that one number was written twice: neither may a move cause.
"""

import tempfile
import urllib.request
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from openlpm.lab.image.disk import ROOT_SIZE, ROOT_START, run_tool

RECORD = 43


@dataclass(frozen=True)
class SequenceReport:
    """Gaps and doubles are counted in numbers: three records missing in a row are three gaps."""

    first: int
    last: int
    records: int
    gaps: int
    doubles: int
    torn: int

    @property
    def intact(self) -> bool:
        """Nothing lost, nothing doubled (a torn last record was never confirmed)."""
        return self.records > 0 and self.gaps == 0 and self.doubles == 0


def parse_record(line: bytes) -> int | None:
    """The number of a record, or nothing when it is not whole."""
    if len(line) != RECORD or not line.endswith(b"\n"):
        return None
    head, _, crc = line[:-1].rpartition(b" ")
    if crc != b"%08x" % zlib.crc32(head):
        return None
    return int(head.split()[0])


def check_records(slots: Iterable[bytes]) -> SequenceReport:
    """Judges records in the order of the disk; slots of zeroes are unused ones."""
    first = last = records = doubles = torn = 0
    seen: set[int] = set()
    for slot in slots:
        if not slot.strip(b"\0"):
            continue
        number = parse_record(slot)
        if number is None:
            torn += 1
            continue
        doubles += number in seen
        seen.add(number)
        records += 1
    if seen:
        first, last = min(seen), max(seen)
    gaps = last - first + 1 - len(seen) if seen else 0
    return SequenceReport(first, last, records, gaps, doubles, torn)


def check_sequence(volume: Path) -> SequenceReport:
    """Reads the raw disk of a partition that is off (or died): the disk itself is not changed."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        copy = work / "root.ext4"
        _take_root(volume, copy)
        # After a sudden death the newest records are in the file system's journal only.
        run_tool("e2fsck", "-f", "-y", copy, good=(0, 1, 2))
        run_tool("debugfs", "-R", f"rdump /data {work}", copy)
        segments = sorted((work / "data").glob("seq-*.log"))
        return check_records(slot for path in segments for slot in slots_of(path.read_bytes()))


def read_records(address: str, first: int = 1, timeout: float = 10) -> Iterator[bytes]:
    """The records of a running partition from a number on, to the newest one."""
    while True:
        url = f"http://{address}/log?from={first}"
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            slots = slots_of(answer.read())
        if not slots:
            return
        yield from slots
        # What cannot be read is the checker's to report; go on behind it.
        first = (parse_record(slots[-1]) or first + len(slots) - 1) + 1


def slots_of(data: bytes) -> list[bytes]:
    """The places of records, one after the other; the last one may be cut short."""
    return [data[at : at + RECORD] for at in range(0, len(data), RECORD)]


def _take_root(volume: Path, target: Path) -> None:
    """The root partition's blocks, as a sparse file."""
    mib = 1 << 20
    run_tool(
        "dd", f"if={volume}", f"of={target}", "bs=1M", f"skip={ROOT_START // mib}",
        f"count={ROOT_SIZE // mib}", "conv=sparse", "status=none",
    )  # fmt: skip
