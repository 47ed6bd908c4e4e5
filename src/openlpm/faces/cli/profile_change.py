"""A change of a profile, as options: for `profile create` and `set`, and `partition create`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from openlpm.faces.cli.size import MEBIBYTES

F = TypeVar("F", bound=Callable[..., Any])
_SPANS = {"memory": "memory", "processors": "processors", "units": "processing_units"}


def limit_options(command: F) -> F:
    """Add the options that say how far amounts may be from the desired ones, and how shared."""
    options = [
        click.option("--minimum-memory", type=MEBIBYTES, help="What activation needs at least."),
        click.option("--maximum-memory", type=MEBIBYTES, help="As far as it may be given more."),
        click.option("--minimum-processors", type=int, metavar="N", help="The same of processors."),
        click.option("--maximum-processors", type=int, metavar="N", help="The same of processors."),
        click.option("--minimum-units", type=float, metavar="N", help="The same of units."),
        click.option("--maximum-units", type=float, metavar="N", help="The same of units."),
        click.option(
            "--sharing",
            type=click.Choice(("dedicated", "capped", "uncapped")),
            help="Whole processors, no more than its units, or what is idle too.",
        ),
        click.option(
            "--weight",
            type=int,
            metavar="N",
            help="0 to 255, of an uncapped one: kept, but only 0 has an effect yet (as capped).",
        ),
    ]
    return _with(command, options)


def change_options(command: F) -> F:
    """Add all that may be changed of a profile."""
    options = [
        click.option("--memory", type=MEBIBYTES, help="Desired: MiB, 512M or 2G."),
        click.option("--processors", type=int, metavar="N", help="Desired virtual processors."),
        click.option("--units", type=float, metavar="N", help="Desired processing units."),
        click.option(
            "--cpu-model",
            metavar="MODEL",
            help="The processor that it sees: its compatibility mode.",
        ),
        click.option("--boot", metavar="DEVICES", help="In that order: disk,network,cdrom."),
    ]
    return _with(limit_options(command), options)


def need_options(command: F) -> F:
    """Add the options that say which of a profile's adapters it needs."""
    options = [
        click.option(
            "--require",
            multiple=True,
            metavar="ADAPTER",
            help="A disk's URL or a MAC address: no activation without it. May be given again.",
        ),
        click.option(
            "--desire",
            multiple=True,
            metavar="ADAPTER",
            help="The same, to be activated without it where it is missing.",
        ),
    ]
    return _with(command, options)


def _with(command: F, options: list[Callable[[F], F]]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def change_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The change that these options ask for, as members of a profile's document."""
    change: dict[str, Any] = {}
    for name, member in _SPANS.items():
        levels = {
            "minimum": options.get(f"minimum_{name}"),
            "desired": options.get(name),
            "maximum": options.get(f"maximum_{name}"),
        }
        if given := {level: value for level, value in levels.items() if value is not None}:
            change[member] = given
    for name in ("sharing", "weight", "cpu_model"):
        if options.get(name) is not None:
            change[name] = options[name]
    if options.get("boot") is not None:
        change["boot"] = [device for device in options["boot"].split(",") if device]
    return change
