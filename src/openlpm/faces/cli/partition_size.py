"""What `lpm partition show` tells of a partition's size: what it has, beside its profile."""

from dataclasses import dataclass
from typing import Any

from openlpm.faces.cli.asking import console
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.problem import Problem


@dataclass(frozen=True)
class Size:
    """The profile's name, what follows each amount, and the adapters of one that runs."""

    profile: str = ""
    memory: str = ""
    processors: str = ""
    units: str = ""
    adapters: tuple[str, ...] = ()


def size_of(found: dict[str, Any]) -> Size:
    """Of a partition that was shown; why there is nothing to tell, where that is so."""
    if not found["mark"]:
        return Size()
    try:
        size = console().get(path_of("partitions", found["uuid"], "size"))
    except Problem as problem:
        why = filter(None, ("unknown:", problem.message, problem.cause, problem.remedy))
        return Size(" ".join(why))
    running = size["running"]
    adapters = tuple(adapter_text(each) for each in size["adapters"])
    if size["implied"]:
        return Size("none: activated as it is", adapters=adapters)
    profile = size["profile"]
    memory = _limits(profile["memory"], " MiB")
    processors, units = _limits(profile["processors"]), ""
    if "processing_units" in profile:
        units = _limits(profile["processing_units"])
    if running:
        memory += _ceiling(running["most_memory_mib"], profile["memory"]["maximum"], " MiB")
        processors += _ceiling(running["most_processors"], profile["processors"]["maximum"])
        given = running["units"]
        if given is not None and given != found["mark"]["processing_units"]:
            units += f"; its server gives it {given:g}"
    return Size(profile["name"], memory, processors, units, adapters)


def _limits(span: dict[str, float], unit: str = "") -> str:
    return f" (its profile: {span['minimum']:g} to {span['maximum']:g}{unit})"


def _ceiling(most: int, maximum: int, unit: str = "") -> str:
    """How far it can go now, where that is not as far as its profile."""
    return f"; at most {most}{unit} until it is activated anew" if most < maximum else ""


def adapter_text(adapter: dict[str, Any]) -> str:
    """One adapter, for people."""
    if "disk" in adapter:
        return f"disk {adapter['disk']} ({adapter['bus']})"
    group = f", port group {adapter['port_group']}" if adapter["port_group"] else ""
    return f"network {adapter['network']}, MAC {adapter['mac']}{group}"
