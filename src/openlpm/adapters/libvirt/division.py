"""Does this server divide processor time among its partitions? Tried with a throwaway.

libvirt does so by the kernel's cpu controller, and tells nowhere whether it has that. Where its
control groups lack it, libvirt refuses to start a partition that has shares or a quota, an arriving
one too; where it has no control groups at all, it starts it and says nothing. So a QEMU that has
shares is started, paused, and libvirt asked what schedules it. It never runs, and libvirt ends it
with the connection at the latest.
"""

import libvirt
from lxml import etree

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.cputune import SHARES_A_UNIT
from openlpm.adapters.libvirt.throwaway import skeleton, tried_paused
from openlpm.adapters.libvirt.xml import Element
from openlpm.model.errors import HypervisorRefused
from openlpm.model.verdict import TimeVerdict

NO_CONTROLLER = "CPU tuning is not available"
"""libvirt's words where it has no cpu controller, or is a user's own (session): the error's code
says no more than "refused"."""
_NOT_DIVIDED = (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_OPERATION_UNSUPPORTED)


def try_division(connection: Connection, arch: str) -> TimeVerdict:
    """What would become of a partition's shares and quota here."""
    try:
        why = tried_paused(connection, "time", lambda name: _with_shares(name, arch), _undivided)
    except HypervisorRefused as error:
        return TimeVerdict(trouble=f"It cannot be tried: {error.cause}")
    return TimeVerdict(refusal=why) if NO_CONTROLLER in why else TimeVerdict(trouble=why)


def _with_shares(name: str, arch: str) -> Element:
    root, _ = skeleton(name, arch)
    shares = etree.SubElement(etree.SubElement(root, "cputune"), "shares")
    shares.text = str(SHARES_A_UNIT)
    return root


def _undivided(guest: libvirt.virDomain) -> str:
    return "" if divides(guest) else "libvirt has no control groups there."


def divides(running: libvirt.virDomain) -> bool:
    """Whether a running partition gets its time by shares and quota."""
    try:
        running.schedulerType()
    except libvirt.libvirtError as error:
        return error.get_error_code() not in _NOT_DIVIDED
    return True
