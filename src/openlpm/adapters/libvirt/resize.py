"""A running partition resized: what it has, its memory, its processors, its entitlement.

Of memory and processors its guest has a say. It is asked and waited for; when it does not follow,
the wish is taken back, so that it does not follow later, unnoticed. What libvirt calls current is
up to a second behind what QEMU says (its events are told once a second): both must have come there
before others are told how much is held.
"""

import time
from collections.abc import Callable

import libvirt

from openlpm.adapters.libvirt import cputune
from openlpm.adapters.libvirt.connection import CALL_S, Connection
from openlpm.adapters.libvirt.division import divides
from openlpm.adapters.libvirt.domain_xml import (
    agent_state,
    current_mib,
    hardware,
    memory_mib,
    most_processors,
    processors,
)
from openlpm.adapters.libvirt.errors import whole
from openlpm.adapters.libvirt.xml import parse
from openlpm.decide.implied import adapters
from openlpm.model.errors import HypervisorRefused
from openlpm.model.resize import Running

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_LOOK_S = 0.1
_STANDSTILL_S = 8.0
"""A guest that has given or taken nothing for so long, will not."""
_MOST_S = 90.0
_ONLINE_S = 8.0
# Under what its guest says, it may need a little more in the next moment.
_KEPT_MIB = 32


def running(connection: Connection, uuid: str) -> Running:
    """What it has now. Raises `HypervisorRefused` where it does not run."""

    def read() -> tuple[str, dict[str, int]]:
        domain = connection.domain(uuid)
        return domain.XMLDesc(), domain.memoryStats()

    xml, stats = connection.ask("tell what the partition has", read)
    domain = parse(xml, "domain")
    shares, capped = cputune.read(domain)
    told = hardware(xml)
    return Running(
        memory_mib=_actual_mib(stats, memory_mib(domain)),
        most_memory_mib=memory_mib(domain),
        processors=processors(domain),
        most_processors=most_processors(domain),
        units=None if shares is None else shares / cputune.SHARES_A_UNIT,
        capped=capped,
        keeps_processors=told.hypervisor == "qemu",
        spare_mib=whole(stats, "usable") // 1024 - _KEPT_MIB if "usable" in stats else None,
        adapters=tuple(adapters(told)),
    )


def _actual_mib(stats: dict[str, int], most: int) -> int:
    """By QEMU's word, now. Rounded up; the guard's few KiB do not count."""
    return min(-(-whole(stats, "actual") // 1024), most) if "actual" in stats else most


def set_memory(connection: Connection, uuid: str, mib: int) -> None:
    """Let its guest give up or take memory, and wait for it. What it refuses is taken back."""
    before = running(connection, uuid).memory_mib
    _ask_balloon(connection, uuid, mib)
    last, since, began = before, time.monotonic(), time.monotonic()
    while True:
        now, told = connection.ask("tell the partition's memory", lambda: _memory(connection, uuid))
        if now == told == mib:
            return
        if now != last:
            last, since = now, time.monotonic()
        if time.monotonic() > min(since + _STANDSTILL_S, began + _MOST_S):
            break
        time.sleep(_LOOK_S)
    _ask_balloon(connection, uuid, before)
    verb = "give up" if mib < before else "take"
    raise HypervisorRefused(
        "memory-refused",
        f"Its guest did not {verb} the memory.",
        cause=f"Of {before} MiB it came to {last}, not to {mib} MiB; it was told to go back.",
        remedy="Its kernel needs the virtio-balloon driver, and as much memory to spare.",
    )


def _ask_balloon(connection: Connection, uuid: str, mib: int) -> None:
    connection.ask(
        "change the partition's memory",
        lambda: connection.domain(uuid).setMemoryFlags(mib * 1024, _LIVE),
    )


def _memory(connection: Connection, uuid: str) -> tuple[int, int]:
    """By QEMU's word, and by libvirt's."""
    domain = connection.domain(uuid)
    root = parse(domain.XMLDesc(), "domain")
    return _actual_mib(domain.memoryStats(), memory_mib(root)), current_mib(root)


def set_processors(connection: Connection, uuid: str, count: int) -> str:
    """Plug or unplug virtual processors; "" or why its guest may not use what it got."""
    before = _plugged(connection, uuid)
    try:
        connection.ask(
            "change the partition's processors",
            lambda: connection.domain(uuid).setVcpusFlags(count, _LIVE),
            seconds=CALL_S + _MOST_S,  # libvirt waits five seconds for each that is taken away
        )
    except HypervisorRefused as error:
        now = _plugged(connection, uuid)
        if now == count:
            return ""  # it took longer than libvirt had waited
        raise HypervisorRefused(
            "processors-refused",
            f"It has {now} virtual processors, not {count}.",
            cause=error.cause,
            remedy=error.remedy
            if now == before
            else f"Ask for {before} again, or go on with {now}.",
        ) from error
    return _online(connection, uuid, count) if count > before else ""


def _plugged(connection: Connection, uuid: str) -> int:
    return processors(parse(_xml(connection, uuid), "domain"))


def _xml(connection: Connection, uuid: str) -> str:
    return connection.ask("describe the partition", lambda: connection.domain(uuid).XMLDesc())


def _online(connection: Connection, uuid: str, count: int) -> str:
    """A kernel does not use a processor that came later until somebody inside says so."""
    if agent_state(parse(_xml(connection, uuid), "domain")) != "connected":
        return "Its agent does not answer, so nobody told its kernel to use them."

    def told() -> bool:
        domain = connection.domain(uuid)
        return domain.setVcpusFlags(count, libvirt.VIR_DOMAIN_VCPU_GUEST) == 0

    deadline = time.monotonic() + _ONLINE_S
    while True:
        try:
            connection.ask("let the guest use its processors", told)
        except HypervisorRefused as error:  # its kernel may not have seen them yet
            if time.monotonic() > deadline:
                return error.cause
            time.sleep(_LOOK_S)
        else:
            return ""


def set_entitlement(
    connection: Connection, uuid: str, units: float, count: int, *, capped: bool
) -> bool:
    """Other shares, and another quota where it has one. False: time is not divided here."""
    figures = {
        libvirt.VIR_DOMAIN_SCHEDULER_CPU_SHARES: cputune.shares(units),
        **(
            {
                libvirt.VIR_DOMAIN_SCHEDULER_VCPU_PERIOD: cputune.PERIOD_US,
                libvirt.VIR_DOMAIN_SCHEDULER_VCPU_QUOTA: cputune.quota_us(units, count),
            }
            if capped
            else {}
        ),
    }

    def change() -> bool:
        domain = connection.domain(uuid)
        if not divides(domain):
            return False
        domain.setSchedulerParametersFlags(figures, _LIVE)
        return True

    return connection.ask("change the partition's entitlement", change)


def awaited(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether it has happened within so long."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True
