"""`lpm vios`: the Virtual I/O Server of a managed system."""

from collections.abc import Iterator
from typing import Any

import click

from openlpm.faces.cli.asking import console, json_option, system_name
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import print_json, say, sheet, table
from openlpm.faces.cli.storage import pool_row, warn_of_unseen


@click.group()
def vios() -> None:
    """Virtual I/O Servers: what partitions' virtual adapters hang on, and the mover of each system.

    \b
    Example:
      lpm vios show server1
    """


@vios.command()
@system_name
@json_option
def show(system: str, as_json: bool) -> None:
    """Show each virtual adapter and its backing, the pools and switches, and the mover.

    \b
    Example:
      lpm vios show server1
    """
    found = console().get(path_of("systems", system, "vios"))
    if as_json:
        print_json(found)
        return
    parts = [_mover(system, found["mover"], f", {found['moves']} under way")]
    adapters = list(_adapters(found["partitions"]))
    if adapters:
        parts.append(table(("PARTITION", "ADAPTER", "BACKING", "POOL", "SHARED"), adapters))
    if found["pools"]:
        headings = ("POOL", "KIND", "STATE", "FREE", "OF", "SAME AS")
        parts.append(table(headings, (pool_row(each)[1:] for each in found["pools"])))
    if found["switches"]:
        rows = (_switch_row(each) for each in found["switches"])
        parts.append(table(("SWITCH", "KIND", "MTU", "ADAPTERS"), rows))
    say("\n\n".join(parts))
    warn_of_unseen(found["unseen"])


def _mover(system: str, mover: dict[str, Any], moves: str = "") -> str:
    limit = mover["bandwidth_mib_s"]
    return sheet(
        [
            ("System", system),
            ("Mover's address", mover["address"] or "the host of its URI"),
            ("Bandwidth", f"{limit} MiB/s" if limit else "no limit"),
            ("Moves at once", f"{mover['concurrent']}{moves}"),
        ]
    )


def _adapters(partitions: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for each in partitions:
        for disk in each["disks"]:
            pool = f"{disk['pool']}/{disk['volume']}" if disk["pool"] else "-"
            shared = "yes" if disk["shared"] else "no"
            yield each["partition"], f"{disk['bus']} {disk['target']}", disk["source"], pool, shared
        for adapter in each["ethernets"]:
            group = f", {adapter['port_group']}" if adapter["port_group"] else ""
            switch = f"{adapter['kind']} {adapter['switch']}{group}"
            yield each["partition"], adapter["mac"], switch, "-", "-"
        if each["trouble"]:
            yield each["partition"], "?", each["trouble"], "-", "-"


def _switch_row(known: dict[str, Any]) -> tuple[object, ...]:
    switch = known["switch"]
    return switch["name"], switch["kind"], switch["mtu"] or "?", len(known["adapters"])


@vios.command("set")
@system_name
@click.option(
    "--mover-address", metavar="ADDRESS", help="Where memory is sent to; '' for the URI's host."
)
@click.option(
    "--mover-bandwidth",
    type=click.IntRange(min=0),
    metavar="MIB",
    help="Its mover's limit in MiB/s; 0 for none.",
)
@click.option(
    "--concurrent", type=click.IntRange(min=1), metavar="N", help="How many moves at once."
)
@json_option
def set_(
    system: str,
    mover_address: str | None,
    mover_bandwidth: int | None,
    concurrent: int | None,
    as_json: bool,
) -> None:
    """Change the mover of SYSTEM, for the moves that begin from now on.

    Those under way keep what they began with; the address stays while there are any.

    \b
    Example:
      lpm vios set server1 --mover-bandwidth 500 --concurrent 2
    """
    given: dict[str, Any] = {
        "mover_address": mover_address,
        "mover_bandwidth_mib_s": mover_bandwidth,
        "concurrent": concurrent,
    }
    body = {name: value for name, value in given.items() if value is not None}
    view = console().patch(path_of("systems", system, "vios"), body)
    print_json(view) if as_json else say(_mover(system, view["system"]["mover"]))
