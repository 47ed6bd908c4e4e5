"""`lpm storage`: the managed systems' storage pools and volumes."""

from typing import Any

import click

from openlpm.faces.cli.asking import (
    complete_systems,
    console,
    json_option,
    on_option,
    pool_name,
    volume_name,
)
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import mib, print_json, say, table
from openlpm.faces.cli.size import MEBIBYTES

_SIZES = ("available", "capacity")


@click.group()
def storage() -> None:
    """Storage pools and volumes. A pool that several systems have is recognized by what it is.

    \b
    Example:
      lpm storage pools
    """


@storage.command()
@click.argument("system", required=False, default="", shell_complete=complete_systems)
@json_option
def pools(system: str, as_json: bool) -> None:
    """List the storage pools of all systems or of SYSTEM, and which are the same storage.

    \b
    Example:
      lpm storage pools server1
    """
    found = console().get(path_of("storage", "pools"), system=system)
    if as_json:
        print_json(found)
        return
    headings = ("SYSTEM", "POOL", "KIND", "STATE", "FREE", "OF", "SAME AS")
    say(table(headings, map(pool_row, found["pools"])))
    warn_of_unseen(found["unseen"])


def pool_row(known: dict[str, Any]) -> tuple[object, ...]:
    """One line of the list."""
    pool = known["pool"]
    same = ", ".join(f"{each['system']} {each['pool']}" for each in known["same_as"])
    state = pool["trouble"] or ("active" if pool["active"] else "inactive")
    sizes = [mib(pool[f"{each}_bytes"]) if pool["active"] else "?" for each in _SIZES]
    alone = "(no other)" if known["shared"] else "(local)"
    return known["system"], pool["name"], pool["kind"], state, *sizes, same or alone


def warn_of_unseen(unseen: list[list[str]]) -> None:
    """On stderr: the answer says nothing of these."""
    for name, why in unseen:
        say(f"warning: {name} was not seen: {why}", err=True)


@storage.command()
@pool_name
@on_option
@json_option
def volumes(pool: str, on: str, as_json: bool) -> None:
    """List the volumes of POOL, and who uses them on whichever system.

    \b
    Example:
      lpm storage volumes images
    """
    found = console().get(path_of("storage", "pools", pool, "volumes"), system=on)
    if as_json:
        print_json(found)
        return
    say(table(("VOLUME", "SIZE", "ALLOCATED", "FORMAT", "USED BY"), map(_row, found["volumes"])))
    warn_of_unseen(found["unseen"])


def _row(view: dict[str, Any]) -> tuple[object, ...]:
    volume = view["volume"]
    return (
        volume["name"],
        mib(volume["capacity_bytes"]),
        mib(volume["allocation_bytes"]),
        volume["format"] or volume["kind"] or "-",
        ", ".join(map(_use, view["uses"])) or "-",
    )


def _use(use: dict[str, Any]) -> str:
    doubt = "" if use["certain"] else "perhaps "
    below = ", below" if use["behind"] else ""
    return f"{doubt}{use['partition']} on {use['system']} ({use['disk']}{below})"


def _size_option(text: str) -> Any:
    return click.option("--size", type=MEBIBYTES, required=True, help=text)


@storage.command()
@pool_name
@click.argument("volume", metavar="NAME")
@_size_option("MiB, 512M, 10G or 10GiB.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["raw", "qcow2"]),
    help="Of a file; raw unless given.",
)
@on_option
@json_option
def create(
    *, pool: str, volume: str, size: int, file_format: str | None, on: str, as_json: bool
) -> None:
    """Make the volume NAME in POOL, empty.

    \b
    Example:
      lpm storage create images web1 --size 10GiB
    """
    body = {"name": volume, "size_mib": size, "format": file_format or ""}
    made = console().post(path_of("storage", "pools", pool, "volumes"), body, system=on)
    told = made["volume"]
    where = told["path"] or told["name"]
    print_json(made) if as_json else say(f"{told['name']} has {size} MiB: {where}")


@storage.command()
@pool_name
@volume_name
@_size_option("What it should have: MiB, 512M, 10G or 10GiB.")
@on_option
@json_option
def grow(pool: str, volume: str, size: int, on: str, as_json: bool) -> None:
    """Enlarge VOLUME of POOL. The guest of a running partition that has it as a disk is told.

    \b
    Example:
      lpm storage grow images web1 --size 20GiB
    """
    path = path_of("storage", "pools", pool, "volumes", volume)
    view = console().patch(path, {"size_mib": size}, system=on)
    print_json(view) if as_json else say(f"{volume} has {size} MiB.")


@storage.command()
@pool_name
@volume_name
@on_option
@json_option
def delete(pool: str, volume: str, on: str, as_json: bool) -> None:
    """Remove VOLUME of POOL for good. Refused while a partition uses it, on whichever system.

    \b
    Example:
      lpm storage delete images web1
    """
    console().delete(path_of("storage", "pools", pool, "volumes", volume), system=on)
    print_json({"deleted": volume}) if as_json else say(f"{volume} is deleted.")
