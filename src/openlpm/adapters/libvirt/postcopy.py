"""May a QEMU of this host run a partition whose memory is not all there? Tried with a throwaway.

For post-copy, the target's QEMU must be told by the kernel which page the partition has touched
(`userfaultfd`). An unprivileged QEMU is refused that unless its host allows it, and many do not.
libvirt knows nothing of it; QEMU looks when it waits for memory and post-copy is allowed, which is
when a move begins. So a QEMU that waits for memory is started, paused, and post-copy is allowed in
it; it takes 0.6 s. It never runs, and libvirt ends it with the connection at the latest.

QEMU before 8.1 only says "Postcopy is not supported", and why in its log.
"""

import json

import libvirt
import libvirt_qemu

from openlpm.adapters.libvirt.commandline import add_arguments
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import sentence
from openlpm.adapters.libvirt.throwaway import skeleton, tried_paused
from openlpm.adapters.libvirt.xml import Element
from openlpm.model.errors import HypervisorRefused

_ALLOW = json.dumps(
    {
        "execute": "migrate-set-capabilities",
        "arguments": {"capabilities": [{"capability": "postcopy-ram", "state": True}]},
    }
)


def try_postcopy(connection: Connection, arch: str) -> str:
    """Why no partition may arrive here by post-copy, or why that cannot be tried; "" if it may."""
    try:
        return tried_paused(connection, "postcopy", lambda name: _waiting(name, arch), _forbidden)
    except HypervisorRefused as error:
        return f"It cannot be tried: {error.cause}"


def _waiting(name: str, arch: str) -> Element:
    """It waits for memory."""
    root, _ = skeleton(name, arch)
    add_arguments(root, "-incoming", "defer")
    return root


def _forbidden(guest: libvirt.virDomain) -> str:
    return refusal(libvirt_qemu.qemuMonitorCommand(guest, _ALLOW, 0))


def refusal(answer: str) -> str:
    """Why QEMU refuses a command, in its own words; "" when it does not."""
    try:
        return sentence(str(json.loads(answer)["error"]["desc"]))
    except LookupError:
        return ""
    except (ValueError, TypeError):
        return "QEMU's answer cannot be read."
