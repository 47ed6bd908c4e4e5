"""Does anything tie the partition to its server?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import DiskKind


def no_physical_adapters(e: Examination) -> Iterator[Finding]:
    """Physical I/O pins a partition."""
    for device in e.hardware.host_devices if e.hardware else ():
        yield Finding(
            "physical-adapter",
            Severity.ERROR,
            e.source.name,
            f"physical I/O adapter {device.address} ({device.kind})",
            f"The partition holds {device.kind} device {device.address} of {e.source.name}.",
            "Remove the adapter from the partition, or power it off and move it inactive.",
        )


def no_host_local_media(e: Examination) -> Iterator[Finding]:
    """Inserted media, kernel files, sockets and folders of one host."""
    if e.hardware is None:
        return
    for disk in e.hardware.disks:
        local = disk.kind in (DiskKind.FILE, DiskKind.BLOCK) and not disk.on_shared_storage
        if disk.device in ("cdrom", "floppy") and local:
            yield Finding(
                "host-local-media",
                Severity.ERROR,
                e.source.name,
                f"{disk.device} {disk.target}: {disk.source}",
                f"Medium {disk.source} in {disk.target} lies on {e.source.name} only.",
                "Eject it (virsh change-media --eject).",
            )
    for local_thing in e.hardware.host_local:
        yield Finding(
            "host-local-file",
            Severity.ERROR,
            e.source.name,
            f"{local_thing.what}: {local_thing.path}",
            f"The partition uses {local_thing.what} {local_thing.path} of {e.source.name}.",
            "Remove it from the partition, or put it where both servers see the same.",
        )


def no_snapshots_or_block_jobs(e: Examination) -> Iterator[Finding]:
    """libvirt keeps these on one host; a move would lose them, so it refuses."""
    if e.hardware is None:
        return
    found = (
        ("snapshots", e.hardware.snapshots, "virsh snapshot-delete"),
        ("checkpoints", e.hardware.checkpoints, "virsh checkpoint-delete"),
        ("block-job", len(e.hardware.block_jobs), "virsh blockjob --abort, or wait"),
        ("managed-save", int(e.hardware.managed_save), "virsh managedsave-remove, or activate it"),
    )
    for code, count, how in found:
        if count:
            yield Finding(
                code,
                Severity.ERROR,
                e.source.name,
                f"the partition's {code}",
                f"It has {count} ({code}), kept on {e.source.name} only.",
                f"End or delete them first: {how}.",
            )
