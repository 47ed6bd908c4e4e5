"""What a move of a running guest would have to send: resident memory, and its dirty rate."""

import time

import libvirt

from openlpm.adapters.libvirt.connection import CALL_S, Connection
from openlpm.adapters.libvirt.errors import whole
from openlpm.model.estimate import Load

_MEASURED = 2  # VIR_DOMAIN_DIRTYRATE_MEASURED
_LATEST_S, _STEP_S = 2.0, 0.05


def load(connection: Connection, uuid: str, seconds: int) -> Load:
    """QEMU samples pages for `seconds`, while the guest runs on undisturbed."""

    def resident() -> int:
        stats = connection.domain(uuid).memoryStats()
        if "unused" in stats and "actual" in stats:  # the guest's own word, by its balloon
            return (stats["actual"] - stats["unused"]) * 1024
        # QEMU's own memory is in it: too much, never too little.
        return stats.get("rss", stats.get("actual", 0)) * 1024

    size = connection.ask("tell the partition's memory", resident)
    if not seconds:
        return Load(size)
    rate = connection.ask(
        "measure the partition's dirty rate",
        lambda: _dirty_rate(connection, uuid, seconds),
        seconds=seconds + CALL_S,
    )
    return Load(size, rate)


def _dirty_rate(connection: Connection, uuid: str, seconds: int) -> float | None:
    domain = connection.domain(uuid)
    try:
        domain.startDirtyRateCalc(seconds)
    except libvirt.libvirtError:
        if not connection.alive:
            raise
        return None  # QEMU is too old, or measures already
    time.sleep(seconds)
    patience = time.monotonic() + _LATEST_S
    while time.monotonic() < patience:
        listed = connection.raw.domainListGetStats([domain], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)
        stats = listed[0][1] if listed else {}
        if stats.get("dirtyrate.calc_status") == _MEASURED:
            return float(whole(stats, "dirtyrate.megabytes_per_second")) * 2**20
        time.sleep(_STEP_S)
    return None
