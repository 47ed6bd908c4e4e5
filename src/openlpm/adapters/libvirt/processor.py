"""Can a host give a partition its processor? By libvirt's own comparison.

A running domain's XML names the processor it really got, each feature, so the comparison is exact.
Modes host-passthrough and host-model are whatever the host has: there libvirt finds every host
fit, and validation judges the mode.
"""

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import said
from openlpm.model.hardware import Hardware
from openlpm.model.verdict import CpuVerdict


def compare(connection: Connection, hardware: Hardware) -> CpuVerdict:
    """libvirt names the missing features in its error, when asked to fail."""
    if not hardware.cpu_xml:
        return CpuVerdict(compatible=True)

    def ask() -> CpuVerdict:
        try:
            connection.raw.compareHypervisorCPU(
                None,
                hardware.arch or None,
                hardware.machine or None,
                hardware.hypervisor or None,
                hardware.cpu_xml,
                libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE,
            )
        except libvirt.libvirtError as error:
            if not connection.alive:
                raise
            return CpuVerdict(compatible=False, missing=said(error))
        return CpuVerdict(compatible=True)

    return connection.ask("compare processors", ask)
