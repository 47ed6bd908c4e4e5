"""`lpm partition set`, `add-disk` and so on: change a partition while it runs."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from openlpm.faces.cli.asking import complete_adapters, console, json_option, partition_name
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import print_json, say
from openlpm.faces.cli.problem import finding_lines
from openlpm.faces.cli.size import MEBIBYTES

F = TypeVar("F", bound=Callable[..., Any])


def save_option(command: F) -> F:
    """Add `--save`."""
    told = "In its current profile, too: without it, the next activation knows nothing of it."
    return click.option("--save", is_flag=True, help=told)(command)


@click.command("set")
@partition_name
@click.option("--memory", type=MEBIBYTES, help="MiB, 512M or 2G.")
@click.option("--processors", type=click.IntRange(min=1), metavar="N", help="Virtual processors.")
@click.option("--units", type=float, metavar="N", help="Processing units: its entitlement.")
@save_option
@json_option
def set_(
    *,
    partition: str,
    memory: int | None,
    processors: int | None,
    units: float | None,
    save: bool,
    as_json: bool,
) -> None:
    """Resize a partition while it runs, within its current profile's limits.

    All of it is done, or nothing. What of it lasts is for --save to say.

    \b
    Example:
      lpm partition set web1 --memory 384 --processors 2 --units 0.7
      lpm partition set web1 --memory 2G --save
    """
    body = {"memory_mib": memory, "processors": processors, "processing_units": units}
    _resize(partition, body, save=save, as_json=as_json)


@click.command()
@partition_name
@click.argument("url")
@click.option(
    "--bus", default="scsi", show_default=True, metavar="BUS", help="scsi, virtio, sata or ide."
)
@save_option
@json_option
def add_disk(*, partition: str, url: str, bus: str, save: bool, as_json: bool) -> None:
    """Plug the disk URL, nbd://host:port/export, into a running partition.

    \b
    Example:
      lpm partition add-disk web1 nbd://storage:10809/web1-data
    """
    _resize(partition, {"add": [{"disk": url, "bus": bus}]}, save=save, as_json=as_json)


@click.command()
@partition_name
@click.argument("url", shell_complete=complete_adapters("disk"))
@save_option
@json_option
def remove_disk(*, partition: str, url: str, save: bool, as_json: bool) -> None:
    """Unplug the disk URL from a running partition. Nothing on it is touched.

    \b
    Example:
      lpm partition remove-disk web1 nbd://storage:10809/web1-data
    """
    _resize(partition, {"remove": [url]}, save=save, as_json=as_json)


@click.command()
@partition_name
@click.argument("switch")
@click.option("--mac", default="", metavar="MAC", help="Its address; chosen unless given.")
@click.option("--port-group", default="", metavar="NAME", help="The switch's port group.")
@save_option
@json_option
def add_ethernet(
    *, partition: str, switch: str, mac: str, port_group: str, save: bool, as_json: bool
) -> None:
    """Plug an Ethernet adapter on the virtual switch SWITCH into a running partition.

    \b
    Example:
      lpm partition add-ethernet web1 guests
    """
    adapter = {"network": switch, "mac": mac, "port_group": port_group}
    _resize(partition, {"add": [adapter]}, save=save, as_json=as_json)


@click.command()
@partition_name
@click.argument("mac", shell_complete=complete_adapters("mac"))
@save_option
@json_option
def remove_ethernet(*, partition: str, mac: str, save: bool, as_json: bool) -> None:
    """Unplug the Ethernet adapter MAC from a running partition.

    \b
    Example:
      lpm partition remove-ethernet web1 52:54:00:12:34:56
    """
    _resize(partition, {"remove": [mac]}, save=save, as_json=as_json)


def _resize(partition: str, body: dict[str, Any], *, save: bool, as_json: bool) -> None:
    found = console().post(path_of("partitions", partition, "resize"), {**body, "save": save})
    if as_json:
        print_json(found)
        return
    done = ", ".join(found["done"]) or "nothing to do"
    say(f"{found['name']} on {found['system']}: {done}.")
    for warning in found["warnings"]:
        say("\n".join(finding_lines(warning)), err=True)
