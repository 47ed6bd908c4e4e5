"""The archive format that the kernel unpacks as its first file system ("newc" cpio)."""

import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file, folder, link or device node; for a link, the content is where it points."""

    path: str
    content: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    return Entry(path, mode=stat.S_IFDIR | 0o755)


def program(path: str, content: bytes) -> Entry:
    return Entry(path, content, stat.S_IFREG | 0o755)


def link(path: str, target: str) -> Entry:
    return Entry(path, target.encode(), stat.S_IFLNK | 0o777)


def archive(entries: list[Entry]) -> bytes:
    """All entries, folders before what is in them, and the trailer that ends an archive."""
    trailer = Entry("TRAILER!!!", mode=0)
    return b"".join(_record(number, entry) for number, entry in enumerate([*entries, trailer], 1))


def _record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = [
        number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0,
    ]  # fmt: skip
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
