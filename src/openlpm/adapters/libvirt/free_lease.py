"""Does anybody run it? Asked of its lease: who can take it, proves that nobody holds it.

A throwaway guest that needs the same lease is started, and ended at once. The lock manager
refuses it while the partition runs on any server that shares the lockspace, in sight or not.
"""

import libvirt

from openlpm.adapters.libvirt import lease
from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.errors import ignoring, said
from openlpm.adapters.libvirt.throwaway import ARCHS, definition, in_turn
from openlpm.model.errors import HypervisorRefused

_PATIENCE_S = 10.0


def is_free(connection: Connection, arch: str, key: str) -> bool:
    """Whether the lease can be taken. Raises `HypervisorRefused` where that cannot be tried."""
    space = lease.lockspace(connection)
    if space is None or key not in space.keys:
        raise _untried(connection.name, "It shares no lockspace in which the lease is.")
    if arch not in ARCHS:
        raise _untried(connection.name, f"Throwaway guests do not end by themselves on {arch}.")
    wanted = lease.lease_element(space, key)
    held: list[str] = []

    def attempt(name: str) -> str:
        try:
            guest = connection.raw.createXML(definition(name, arch, wanted))
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_RESOURCE_BUSY:
                return said(error)
            held.append(said(error))
            return ""
        with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
            guest.destroy()
        return ""

    why = connection.ask("try a lease", lambda: in_turn("lease", attempt), seconds=_PATIENCE_S)
    if why:
        raise _untried(connection.name, why)
    return not held


def _untried(system: str, cause: str) -> HypervisorRefused:
    return HypervisorRefused(
        "lease-unseen", f"{system} cannot tell whether the partition's lease is held.", cause=cause
    )
