"""What libvirt says of a domain's state, in the engine's words.

During a transfer of a running domain, libvirt 9.0 says in this order (measured):

    source                     target
    running                    none
    running                    paused (starting up)      QEMU has started and waits
    running                    paused (migration)        memory arrives
    paused (migration)         paused (migration)        the switch-over
    paused (migration)         running (migrated)
    shut off (migrated)        running (migrated)

In post-copy the target runs before all memory is there:

    paused (post-copy)         paused (migration)        device state is sent
    paused (post-copy)         running (post-copy)       memory is fetched
    paused (post-copy failed)  running (either)          the connection broke
    shut off (migrated)        running (migrated)

A domain that its user paused stays "paused (user)" at the source throughout, and becomes so at
the target at its end: only then has it arrived.
"""

import libvirt

from openlpm.adapters.libvirt.connection import Connection
from openlpm.model.errors import Gone
from openlpm.model.sight import ABSENT, Place, Sight, Why

_PAUSED = {
    # libvirtd was away when it happened: a transfer may have paused it, nobody's wish is known.
    libvirt.VIR_DOMAIN_PAUSED_UNKNOWN: Why.NONE,
    libvirt.VIR_DOMAIN_PAUSED_USER: Why.USER,
    # Somebody's snapshot, save or dump: it goes on, or off, by itself.
    libvirt.VIR_DOMAIN_PAUSED_SAVE: Why.USER,
    libvirt.VIR_DOMAIN_PAUSED_DUMP: Why.USER,
    libvirt.VIR_DOMAIN_PAUSED_FROM_SNAPSHOT: Why.USER,
    libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT: Why.USER,
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: Why.MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP: Why.MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY: Why.POSTCOPY,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED: Why.POSTCOPY_FAILED,
}
_RUNNING = {
    libvirt.VIR_DOMAIN_RUNNING_UNPAUSED: Why.RESUMED,
    libvirt.VIR_DOMAIN_RUNNING_POSTCOPY: Why.POSTCOPY,
    libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED: Why.POSTCOPY_FAILED,
}
_OFF = {
    # libvirtd forgets the reason when it starts anew, and a fresh definition has none.
    libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN: Why.NONE,
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: Why.USER,
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: Why.USER,
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: Why.USER,
    libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT: Why.USER,
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: Why.MIGRATED,
}


def place(state: int, reason: int) -> Place:
    """libvirt's state and reason as a Place. Reasons not listed above are faults."""
    match state:
        case libvirt.VIR_DOMAIN_PAUSED:
            return Place(Sight.PAUSED, _PAUSED.get(reason, Why.FAULT))
        case libvirt.VIR_DOMAIN_PMSUSPENDED:
            return Place(Sight.PAUSED, Why.USER)  # the guest itself went to sleep
        case libvirt.VIR_DOMAIN_SHUTOFF:
            return Place(Sight.OFF, _OFF.get(reason, Why.FAULT))
        case libvirt.VIR_DOMAIN_CRASHED:
            return Place(Sight.OFF, Why.FAULT)
        case libvirt.VIR_DOMAIN_RUNNING:
            return Place(Sight.RUNNING, _RUNNING.get(reason, Why.NONE))
        case _:
            # Waiting for a resource, or being shut down: its QEMU is at work.
            return Place(Sight.RUNNING)


def look(connection: Connection, uuid: str) -> Place:
    """Where the partition is on this server, now. Waits for no QEMU."""
    try:
        state, reason = connection.ask(
            "tell a partition's state", lambda: connection.domain(uuid).state()
        )
    except Gone:
        return ABSENT
    return place(state, reason)
