"""Is there room at the target, and are the partition's name and UUID free there?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.decide.reserve import free, shortages
from openlpm.model.finding import Finding, Severity
from openlpm.model.system import configurable


def room_is_free(e: Examination) -> Iterator[Finding]:
    """Memory and processing units, promises to other moves counted."""
    if not e.is_live or e.target.facts is None:
        return
    total = configurable(e.target.system, e.target.facts)
    others = [r for r in e.target.reservations if r.partition_uuid != e.partition.uuid]
    left = free(total, e.target.partitions, others)
    yield from shortages(e.target.name, e.partition.demand, left)


def huge_pages_are_free(e: Examination) -> Iterator[Finding]:
    """A partition on huge pages needs free ones of the same size."""
    if not e.is_live or e.hardware is None or e.target.facts is None:
        return
    size_kib = e.hardware.huge_page_kib
    free_pages = dict(e.target.facts.huge_pages_free).get(size_kib, 0)
    if size_kib and free_pages * size_kib < e.hardware.memory_mib * 1024:
        yield Finding(
            "huge-pages-short",
            Severity.ERROR,
            e.target.name,
            f"free huge pages of {size_kib} KiB",
            f"{e.hardware.memory_mib} MiB in pages of {size_kib} KiB are needed, "
            f"{free_pages * size_kib // 1024} MiB are free.",
            f"Reserve huge pages on {e.target.name} (vm.nr_hugepages).",
        )


def identity_is_free(e: Examination) -> Iterator[Finding]:
    """A definition under the same name or UUID would be overwritten, or refuse the move."""
    for other in e.target.partitions:
        if other.uuid == e.partition.uuid:
            yield Finding(
                "uuid-taken",
                Severity.ERROR,
                e.target.name,
                "UUIDs of the partitions there",
                f"{e.target.name} has a partition with UUID {other.uuid} ({other.state}).",
                f"If it is a left-over, remove it there (virsh undefine {other.uuid}).",
            )
        elif other.name == e.partition.name:
            yield Finding(
                "name-taken",
                Severity.ERROR,
                e.target.name,
                "names of the partitions there",
                f"{e.target.name} has another partition named {other.name!r} ({other.uuid}).",
                "Rename one of the two.",
            )
