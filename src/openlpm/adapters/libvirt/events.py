"""libvirt's events about domains, reduced to "look at this partition again".

An event is a hint: what is true is looked up afterwards. So which event it was does not matter,
and one that is lost costs only time, until the next poll.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.adapters.libvirt.probe_name import is_probe
from openlpm.model.errors import OpenLpmError

_log = logging.getLogger(__name__)

_STOP_S = 5.0
_EVENTS = (
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
    libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
)


def watch(connection: Connection, changed: Callable[[str], None]) -> Callable[[], None]:
    """Call `changed(uuid)` on each event, in the event loop's thread: it must be quick."""

    def heard(_raw: libvirt.virConnect, domain: libvirt.virDomain, *_details: Any) -> None:
        # Name and UUID came with the event: asking for them is no call.
        try:
            if not is_probe(domain.name()):
                changed(domain.UUIDString())
        except Exception:  # noqa: BLE001 - the event loop must survive whatever it is
            _log.exception("%s: an event was not taken", connection.name)

    def register() -> list[int]:
        return [connection.raw.domainEventRegisterAny(None, e, heard, None) for e in _EVENTS]

    registered = connection.ask("tell its events", register, itself=True)

    def stop() -> None:
        def deregister() -> None:
            while registered:
                with suppress(libvirt.libvirtError):
                    connection.raw.domainEventDeregisterAny(registered.pop())

        # Where nobody answers any more, the events ended by themselves.
        with suppress(OpenLpmError):
            if connection.alive:
                connection.ask("stop telling its events", deregister, seconds=_STOP_S, itself=True)

    return stop
