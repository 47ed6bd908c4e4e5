"""`lpm system baseline`: the processor that all of some systems can give, and who fits it."""

from collections import Counter
from typing import Any

import click

from openlpm.faces.cli.asking import complete_further_systems, console, json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import print_json, say, sheet, table

_FITS = {
    "fits": "fitting",
    "restart": "fitting once activated anew",
    "change": "in need of another processor",
    "other": "not concerned",
    "unknown": "unreadable",
}


@click.command()
@click.argument(
    "systems",
    metavar="SYSTEM...",
    nargs=-1,
    required=True,
    shell_complete=complete_further_systems,
)
@click.option("--xml", "as_xml", is_flag=True, help="Print only the <cpu> element to paste.")
@json_option
def baseline(systems: tuple[str, ...], as_xml: bool, as_json: bool) -> None:
    """Find the processor that each SYSTEM can give, and which partitions fit it.

    Those can be moved among all of them; the others come with what they need. Of one SYSTEM, it is
    the most that a partition can have there. Nothing is changed.

    \b
    Example:
      lpm system baseline server1 server2
      lpm system baseline server1 server2 --xml
    """
    if as_xml and as_json:
        raise click.UsageError("Give --xml or --json, not both.")
    found = console().get(path_of("baseline"), system=systems)
    if as_json:
        print_json(found)
    elif as_xml:
        say(found["cpu"]["xml"])
    else:
        say("\n\n".join(filter(None, (_particulars(found), _partitions(found), _needs(found)))))


def _particulars(found: dict[str, Any]) -> str:
    cpu = found["cpu"]
    return sheet(
        [
            ("Systems", ", ".join(found["systems"])),
            ("Run by", found["hypervisor"]),
            ("Baseline", cpu["model"]),
            ("Maker", cpu["vendor"]),
            ("With", " ".join(cpu["features"])),
            ("Without", " ".join(cpu["without"])),
            ("Models", " ".join(found["models"])),
            ("Partitions", _counted(found["partitions"])),
        ]
    )


def _counted(partitions: list[dict[str, Any]]) -> str:
    count = Counter(each["fit"] for each in partitions)
    return ", ".join(f"{count[fit]} {words}" for fit, words in _FITS.items() if count[fit])


def _partitions(found: dict[str, Any]) -> str:
    columns = ("partition", "system", "state", "processor", "fit")
    rows = [[each[column] for column in columns] for each in found["partitions"]]
    return table([column.upper() for column in columns], rows) if rows else ""


def _needs(found: dict[str, Any]) -> str:
    """What is to be said of a partition: why, then what to do about it."""
    return "\n".join(
        line
        for each in found["partitions"]
        if each["reason"]
        for line in (f"{each['partition']}: {each['reason']}", f"    {each['remedy']}")
        if line.strip()
    )
