"""`lpm partition create`: what a partition is made of, said in options."""

from typing import Any

import click

from openlpm.faces.cli.asking import complete_systems, console, json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.partition import print_state
from openlpm.faces.cli.profile_change import change_of, limit_options
from openlpm.faces.cli.size import MEBIBYTES


class Network(click.ParamType[dict[str, str]]):
    """SWITCH or SWITCH,mac=52:54:00:…"""

    name = "SWITCH[,mac=MAC]"

    def convert(
        self,
        value: str | dict[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, str]:
        """The body of a virtual Ethernet adapter."""
        if isinstance(value, dict):
            return value
        switch, *rest = value.split(",")
        given = {name: text for name, _, text in (part.partition("=") for part in rest)}
        if not switch or len(given) != len(rest) or not given.keys() <= {"mac"}:
            self.fail(f"{value!r} is not SWITCH or SWITCH,mac=MAC.", param, ctx)
        return {"switch": switch, **given}


@click.command()
@click.argument("name")
@click.option(
    "--on",
    "system",
    required=True,
    metavar="SYSTEM",
    shell_complete=complete_systems,
    help="The system to define it on.",
)
@click.option("--memory", required=True, type=MEBIBYTES, help="MiB, 512M or 2G.")
@click.option(
    "--processors",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Virtual processors.",
)
@click.option("--units", type=float, metavar="N", help="Processing units: its entitlement.")
@click.option(
    "--disk",
    "disks",
    multiple=True,
    metavar="URL",
    help="A disk, nbd://host:port/export. May be given again.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    type=Network(),
    help="An adapter on a virtual switch. May be given again.",
)
@click.option("--cpu-model", default="", metavar="MODEL", help="The processor that it sees.")
@click.option("--machine", default="", metavar="TYPE", help="QEMU's machine type.")
@click.option(
    "--max-pause",
    type=click.IntRange(min=1),
    metavar="MS",
    help="How long a move may pause it (2000 ms unless given).",
)
@click.option(
    "--postcopy",
    type=click.Choice(["allowed", "never"]),
    default="never",
    show_default=True,
    help="May a target run it before all of its memory is there, if a move does not converge?",
)
@limit_options
@json_option
def create(
    *,
    name: str,
    system: str,
    memory: int,
    processors: int,
    units: float | None,
    disks: tuple[str, ...],
    networks: tuple[dict[str, str], ...],
    cpu_model: str,
    machine: str,
    max_pause: int | None,
    postcopy: str,
    as_json: bool,
    **limits: Any,
) -> None:
    """Create the partition NAME. It stays off until it is activated.

    \b
    Example:
      lpm partition create web1 --on server1 --memory 2G --processors 2 \\
          --disk nbd://storage:10809/web1 --network partitions
    """
    body: dict[str, Any] = {
        "name": name,
        "system": system,
        "memory_mib": memory,
        "processors": processors,
        "processing_units": units,
        "disks": [{"url": url} for url in disks],
        "ethernets": list(networks),
        "cpu_model": cpu_model,
        "machine": machine,
    }
    # What is given once, the body has; its first profile is told how far amounts may differ.
    body["profile"] = change_of(limits)
    policy = {"max_pause_ms": max_pause, "postcopy": postcopy == "allowed"}
    body["policy"] = {key: value for key, value in policy.items() if value is not None}
    print_state(console().post(path_of("partitions"), body), as_json)
