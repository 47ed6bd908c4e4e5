"""May a QEMU of this host run a partition whose memory is not all there? Tried with a throwaway.

For post-copy, the target's QEMU must be told by the kernel which page the partition has touched
(`userfaultfd`). An unprivileged QEMU is refused that unless its host allows it, and many do not.
libvirt knows nothing of it; QEMU looks when it waits for memory and post-copy is allowed, which is
when a move begins. So a QEMU that waits for memory is started, paused, and post-copy is allowed in
it; it takes 0.6 s. It never runs, and libvirt ends it with the connection at the latest.

QEMU before 8.1 only says "Postcopy is not supported", and why in its log.
"""

import json
from contextlib import suppress

import libvirt
import libvirt_qemu

from openlpm.adapters.libvirt.commandline import add_arguments
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import said, sentence
from openlpm.adapters.libvirt.throwaway import in_turn, skeleton
from openlpm.adapters.libvirt.xml import to_text
from openlpm.model.errors import HypervisorRefused

_PATIENCE_S = 12.0
_FLAGS = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
_ALLOW = json.dumps(
    {
        "execute": "migrate-set-capabilities",
        "arguments": {"capabilities": [{"capability": "postcopy-ram", "state": True}]},
    }
)


def try_postcopy(connection: Connection, arch: str) -> str:
    """Why no partition may arrive here by post-copy, or why that cannot be tried; "" if it may."""
    with connection.apart() as line:
        try:
            return line.ask(
                "try post-copy",
                lambda: in_turn("postcopy", lambda name: _trouble(line, name, arch)),
                seconds=_PATIENCE_S,
                itself=True,
            )
        except HypervisorRefused as error:
            line.close()  # it ends the throwaway, and nobody else shall wait behind a call
            return f"It cannot be tried: {error.cause}"


def _trouble(line: Connection, name: str, arch: str) -> str:
    root, _ = skeleton(name, arch)
    add_arguments(root, "-incoming", "defer")
    try:
        guest = line.raw.createXML(to_text(root), _FLAGS)
    except libvirt.libvirtError as error:
        if not line.alive:
            raise
        return said(error)
    try:
        return refusal(libvirt_qemu.qemuMonitorCommand(guest, _ALLOW, 0))
    finally:
        with suppress(libvirt.libvirtError):
            guest.destroy()


def refusal(answer: str) -> str:
    """Why QEMU refuses a command, in its own words; "" when it does not."""
    try:
        return sentence(str(json.loads(answer)["error"]["desc"]))
    except LookupError:
        return ""
    except (ValueError, TypeError):
        return "QEMU's answer cannot be read."
