"""What a resizing asks for: checked, adapters in one spelling and with addresses."""

from dataclasses import replace

from openlpm.engine.creation import new_mac
from openlpm.model.errors import BadRequest
from openlpm.model.names import checked_mac, checked_range, checked_unlike
from openlpm.model.network_disk import checked_bus, network_disk
from openlpm.model.profile import (
    MOST_ADAPTERS,
    MOST_MEMORY_MIB,
    MOST_PROCESSORS,
    Adapter,
    DiskAdapter,
    keys,
)
from openlpm.model.resize import Resize


def checked(asked: Resize) -> Resize:
    """The same, if it can be understood. Raises `BadRequest`."""
    if asked.is_empty:
        raise BadRequest(
            "nothing-asked", "Nothing is asked to be changed.", remedy="Say what: --memory, say."
        )
    for what, amount, most in (
        ("Memory in MiB", asked.memory_mib, MOST_MEMORY_MIB),
        ("The number of virtual processors", asked.processors, MOST_PROCESSORS),
        ("The number of processing units", asked.units, MOST_PROCESSORS),
    ):
        if amount is not None:
            checked_range(what, amount, 0, most)
    checked_range("The number of adapters", len(asked.add) + len(asked.remove), 0, MOST_ADAPTERS)
    add = tuple(map(_checked_adapter, asked.add))
    remove = tuple(map(_spelled, asked.remove))
    checked_unlike("The adapter", [*keys(add), *remove])
    return replace(asked, add=add, remove=remove)


def _checked_adapter(adapter: Adapter) -> Adapter:
    if isinstance(adapter, DiskAdapter):
        checked_bus(adapter.bus)
        return replace(adapter, url=adapter.key)
    if not adapter.switch:
        raise BadRequest(
            "bad-switch",
            "An Ethernet adapter names no virtual switch.",
            remedy="Say which network it is plugged into.",
        )
    return replace(adapter, mac=checked_mac(adapter.mac or new_mac()))


def _spelled(adapter: str) -> str:
    """A disk's URL or a MAC address as it is known by."""
    return network_disk(adapter).url if "/" in adapter else checked_mac(adapter).lower()
