"""RMC: does the partition's agent answer?

The channel may be connected while the agent in the guest hangs, so it is asked: `guest-ping`, with
a time-out. Waiting for it holds libvirt's agent job only; other calls about the domain go on.
"""

import libvirt
import libvirt_qemu

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.domain_xml import agent_state
from openlpm.adapters.libvirt.xml import parse
from openlpm.model.errors import Gone, HypervisorRefused
from openlpm.model.partition import Rmc

_PATIENCE_S = 2
_PING = '{"execute":"guest-ping"}'


def rmc(connection: Connection, uuid: str) -> Rmc:
    """ACTIVE when the agent answers, NONE when the partition has no channel for it."""

    def ping() -> Rmc:
        domain = connection.domain(uuid)
        state = agent_state(parse(domain.XMLDesc(), "domain"))
        if state is None:
            return Rmc.NONE
        if state != "connected" or domain.state()[0] != libvirt.VIR_DOMAIN_RUNNING:
            return Rmc.INACTIVE
        libvirt_qemu.qemuAgentCommand(domain, _PING, _PATIENCE_S, 0)
        return Rmc.ACTIVE

    try:
        return connection.ask("ask the partition's agent", ping, seconds=_PATIENCE_S + 1)
    except Gone:
        raise
    except HypervisorRefused:
        return Rmc.INACTIVE
