"""What processors a host can give, compare and combine: libvirt's own answers to all three.

A running domain's XML names the processor it really got, each feature, so the comparison is exact.
Modes host-passthrough and host-model are whatever the host has: there libvirt finds every host
fit, and whoever asks judges the mode.

What a host offers is host-model of its *domain* capabilities: what QEMU can give there under that
hypervisor, emulation included. The processor of its capabilities proper is the machine's own, with
features that QEMU cannot give; a baseline of those would promise what no partition gets.
"""

from collections.abc import Sequence

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.cpu_xml import cpu_xml, named_cpu
from openlpm.adapters.libvirt.errors import said
from openlpm.adapters.libvirt.facts import Capabilities
from openlpm.adapters.libvirt.xml import parse
from openlpm.model.errors import BadRequest, HypervisorRefused
from openlpm.model.processor import GuestCpu, NamedCpu, OfferedCpu
from openlpm.model.verdict import CpuVerdict


def compare(connection: Connection, cpu: GuestCpu) -> CpuVerdict:
    """libvirt names the missing features in its error, when asked to fail."""
    if not cpu.xml:
        return CpuVerdict(compatible=True)

    def ask() -> CpuVerdict:
        try:
            connection.raw.compareHypervisorCPU(
                None,
                cpu.arch or None,
                cpu.machine or None,
                cpu.hypervisor or None,
                cpu.xml,
                libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE,
            )
        except libvirt.libvirtError as error:
            if not connection.alive:
                raise
            return CpuVerdict(compatible=False, missing=said(error))
        return CpuVerdict(compatible=True)

    return connection.ask("compare processors", ask)


def offered(connection: Connection, capabilities: Capabilities) -> list[OfferedCpu]:
    """By each hypervisor that works here, KVM first; none where libvirt knows no host-model."""
    return [
        OfferedCpu(each.hypervisor, _read(connection, each.host_model, "mode"), each.cpu_models)
        for each in capabilities.accelerators
        if each.host_model
    ]


def baseline(
    connection: Connection, arch: str, hypervisor: str, cpus: Sequence[NamedCpu]
) -> NamedCpu:
    """libvirt's computation; without what would keep a partition from moving (invtsc, say)."""
    asked = [cpu_xml(cpu) for cpu in cpus]
    answer = connection.ask(
        "compute a processor baseline",
        lambda: connection.raw.baselineHypervisorCPU(
            None, arch, None, hypervisor, asked, libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE
        ),
    )
    return _read(connection, answer, "cpu")


def _read(connection: Connection, xml: str, root: str) -> NamedCpu:
    try:
        return named_cpu(parse(xml, root))
    except BadRequest as error:
        raise HypervisorRefused(
            "answer-unreadable",
            f"{connection.name} tells of its processor what cannot be understood.",
            cause=error.cause,
            remedy=f"See virsh domcapabilities on {connection.name}: can it be trusted?",
        ) from error
