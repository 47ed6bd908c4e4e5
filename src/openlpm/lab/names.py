"""What things in a lab may be called, and what a link's rate may look like.

A lab's name becomes part of paths of UNIX sockets (at most 107 bytes) and a server's name part
of interface names (at most 15 bytes), so both are short. Servers are s1, s2, s3 …

>>> lab_name("demo"), server_name(2), rate_in_bits("2.5gbit")
('demo', 's2', 2500000000)
>>> lab_name("../etc")  # doctest: +ELLIPSIS
Traceback (most recent call last):
    ...
openlpm.lab.errors.LabError: '../etc' cannot name a lab. Use 1 to 16 of ...
"""

import re

from openlpm.lab.errors import LabError

MOST_SERVERS = 32
_LAB = re.compile(r"[a-z][a-z0-9-]{0,15}")
_VOLUME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(k|m|g)bit")
_FACTOR = {"k": 10**3, "m": 10**6, "g": 10**9}


def lab_name(name: str) -> str:
    """The name itself when it may be one, LabError otherwise."""
    if not _LAB.fullmatch(name):
        raise LabError(
            "bad-name",
            f"{name!r} cannot name a lab.",
            remedy="Use 1 to 16 of a-z, 0-9 and '-', a letter first.",
        )
    return name


def volume_name(name: str) -> str:
    """The name itself when it may be one; it becomes a file name and an NBD export."""
    if not _VOLUME.fullmatch(name):
        raise LabError(
            "bad-name",
            f"{name!r} cannot name a volume.",
            remedy="Use 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first.",
        )
    return name


def server_name(number: int) -> str:
    """Servers are numbered from 1."""
    return f"s{number}"


def rate_in_bits(rate: str) -> int:
    """Bits a second of a rate such as '1gbit' or '60mbit'."""
    found = _RATE.fullmatch(rate)
    bits = int(float(found[1]) * _FACTOR[found[2]]) if found else 0
    if not bits:
        raise LabError(
            "bad-rate",
            f"{rate!r} is no rate of a link.",
            remedy="Write a number and kbit, mbit or gbit: 1gbit, 60mbit.",
        )
    return bits
