"""Has a paused partition run since it arrived from another server?

One that arrives paused leaves its disks inactive in QEMU until it is resumed. QEMU before 10.0 does
not survive the next transfer of such a partition: it ends with "bdrv_inactivate_recurse: Assertion
`!(bs->open_flags & BDRV_O_INACTIVE)' failed" (seen on 7.2), and the memory is lost. libvirt does
not tell, but a partition that has not run has used no time of its virtual processors.
"""

import libvirt

from openlpm.adapters.libvirt.errors import ignoring
from openlpm.adapters.libvirt.metadata import read_mark
from openlpm.adapters.libvirt.xml import parse
from openlpm.model.errors import BadRequest

_STARTING_UP_NS = 20_000_000
"""Two ticks of the kernel's clock: what QEMU's processor threads take to begin to wait."""
_COMPLETED = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED


def not_run_here(domain: libvirt.virDomain) -> bool:
    """Paused, come from elsewhere, and not a moment of processor time used. Waits for no QEMU."""
    if domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:
        return False
    with ignoring(libvirt.VIR_ERR_OPERATION_INVALID):  # it went off just now
        used_ns = sum(processor[2] for processor in domain.vcpus()[0])
        return used_ns < _STARTING_UP_NS and _came_from_elsewhere(domain)
    return False


def _came_from_elsewhere(domain: libvirt.virDomain) -> bool:
    """By libvirt's word, or (libvirtd forgets it when it starts anew) by our mark."""
    job = domain.jobStats(_COMPLETED).get(libvirt.VIR_DOMAIN_JOB_OPERATION)
    if job == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN:
        return True
    try:
        mark = read_mark(parse(domain.XMLDesc(), "domain"))
    except BadRequest:
        return False
    return mark is not None and bool(mark.came_from)
