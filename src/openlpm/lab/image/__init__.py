"""The lab's partition: a small real Linux on a disk of its own, and how to look at that disk.

    disk = partition_image()            # a raw disk, built from Debian's packages, cached
    address_of("52:54:00:00:01:02")     # 198.19.1.2: where it answers
    check_sequence(volume)              # after it is off: did its disk lose or double a record?
    read_records(address)               # the same while it runs, over HTTP

`guest/` holds what runs inside: our service in C, and the scripts that start it.
"""

from openlpm.lab.image.address import NETWORK, address_of
from openlpm.lab.image.cache import PartitionFiles, cache_folder, partition_files, partition_image
from openlpm.lab.image.sequence import SequenceReport, check_records, check_sequence, read_records

__all__ = [
    "NETWORK",
    "PartitionFiles",
    "SequenceReport",
    "address_of",
    "cache_folder",
    "check_records",
    "check_sequence",
    "partition_files",
    "partition_image",
    "read_records",
]
