"""`lpm network`: the managed systems' virtual switches."""

from typing import Any

import click

from openlpm.faces.cli.asking import complete_systems, console, json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import print_json, say, table
from openlpm.faces.cli.storage import warn_of_unseen


@click.group()
def network() -> None:
    """Virtual switches: libvirt's networks, and the bridges of each system.

    \b
    Example:
      lpm network list
    """


@network.command("list")
@click.argument("system", required=False, default="", shell_complete=complete_systems)
@json_option
def list_(system: str, as_json: bool) -> None:
    """List the virtual switches of all systems or of SYSTEM.

    ALSO ON names the systems that have the same one: an adapter in it could move there, as far as
    its network goes. Where it could not, it says why.

    \b
    Example:
      lpm network list server1
    """
    found = console().get(path_of("networks"), system=system)
    if as_json:
        print_json(found)
        return
    headings = ("SYSTEM", "SWITCH", "KIND", "STATE", "MTU", "VLANS", "ADAPTERS", "ALSO ON")
    say(table(headings, map(_row, found["switches"])))
    warn_of_unseen(found["unseen"])


def _row(known: dict[str, Any]) -> tuple[object, ...]:
    switch = known["switch"]
    return (
        known["system"],
        switch["name"],
        switch["kind"],
        "active" if switch["active"] else "inactive",
        switch["mtu"] or "?",
        _vlans(switch["vlans"]),
        ", ".join(sorted({each["partition"] for each in known["adapters"]})) or "-",
        ", ".join(map(_elsewhere, known["elsewhere"])) or "-",
    )


def _vlans(groups: list[Any]) -> str:
    """Each port group with its tags; those without are not told."""
    told = (
        f"{group}={'+'.join(map(str, tags))}" if group else "+".join(map(str, tags))
        for group, tags in groups
        if tags
    )
    return " ".join(told) or "-"


def _elsewhere(each: dict[str, Any]) -> str:
    return f"{each['system']} ({each['differs']})" if each["differs"] else each["system"]
