"""Does the target's hypervisor know how to run this machine and this processor?"""

from collections.abc import Iterator

from openlpm.decide.examination import Examination
from openlpm.model.finding import Finding, Severity
from openlpm.model.hardware import EMULATION_MENDED_IN
from openlpm.model.migration import Kind


def hypervisor_fits(e: Examination) -> Iterator[Finding]:
    """Same architecture; a target QEMU older than the source's may not know the device state."""
    source, target = e.source.facts, e.target.facts
    if e.hardware is None or target is None:
        return
    if e.hardware.arch not in target.archs:
        yield Finding(
            "architecture-unknown",
            Severity.ERROR,
            e.target.name,
            "the guest architectures that the hypervisor offers",
            f"{e.target.name} runs no {e.hardware.arch} partitions.",
            f"Install QEMU for {e.hardware.arch} on {e.target.name}, or choose another server.",
        )
    elif e.hardware.hypervisor not in target.hypervisors:
        yield Finding(
            "hypervisor-differs",
            Severity.ERROR,
            e.target.name,
            "the virtualization that the hypervisor offers",
            f"The partition runs under {e.hardware.hypervisor}, which {e.target.name} lacks.",
            "Enable hardware virtualization there, or choose another server.",
        )
    if source is not None and target.hypervisor_version < source.hypervisor_version:
        yield Finding(
            "hypervisor-older",
            Severity.WARNING,
            e.target.name,
            "QEMU's versions on both servers",
            f"{e.target.name} runs QEMU {version(target.hypervisor_version)}, "
            f"{e.source.name} runs {version(source.hypervisor_version)}.",
            f"Upgrade {e.target.name}: moving back to an older QEMU is not always possible.",
        )


def version(number: int) -> str:
    """libvirt's packed version number in words.

    >>> version(7002022)
    '7.2.22'
    """
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def memory_is_sent_whole(e: Examination) -> Iterator[Finding]:
    """Under software emulation, older QEMUs do not send again all that was written meanwhile."""
    if e.hardware is None or e.source.facts is None or e.kind is not Kind.ACTIVE:
        return
    number = e.source.facts.hypervisor_version
    emulated = e.hardware.hypervisor == "qemu" and number < EMULATION_MENDED_IN
    if emulated and not e.hardware.guarded_memory:
        yield Finding(
            "writes-may-be-lost",
            Severity.ERROR,
            e.source.name,
            "QEMU's version, and how the partition's memory is laid out",
            f"QEMU {version(number)} emulates its processor, and may lose writes to its memory in "
            "a live move.",
            "Move it powered off, or use KVM or QEMU 10; partitions created by lpm are guarded.",
        )


def machine_type_known(e: Examination) -> Iterator[Finding]:
    """A versioned machine type is the same hardware everywhere, or unknown."""
    if e.hardware is None or e.target.facts is None or e.hardware.arch not in e.target.facts.archs:
        return
    if e.hardware.machine not in e.target.facts.machines:
        yield Finding(
            "machine-type-unknown",
            Severity.ERROR,
            e.target.name,
            "the machine types that the hypervisor offers",
            f"{e.target.name} does not know machine type {e.hardware.machine!r}.",
            f"Upgrade QEMU on {e.target.name}, or give the partition an older machine type.",
        )


def processor_fits(e: Examination) -> Iterator[Finding]:
    """libvirt's own comparison of model and features with the target's processor."""
    if e.cpu is not None and not e.cpu.compatible:
        yield Finding(
            "processor-incompatible",
            Severity.ERROR,
            e.target.name,
            "libvirt's comparison of the partition's processor with the server's",
            f"{e.target.name} cannot give the partition its processor: {e.cpu.missing}",
            "Give the partition a processor model that both servers have; it takes effect at its "
            "next activation.",
        )
