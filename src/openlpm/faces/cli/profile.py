"""`lpm profile`: what partitions get when they are activated.

Files are in `profile_file`; what a change may say, as options, is in `profile_change`.
"""

from typing import Any

import click

from openlpm.faces.cli.asking import (
    complete_profiles,
    console,
    json_option,
    partition_name,
    profile_name,
)
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.lazy import Lazy, LazyGroup
from openlpm.faces.cli.output import print_json, say, sheet, table
from openlpm.faces.cli.partition_size import adapter_text
from openlpm.faces.cli.problem import Problem
from openlpm.faces.cli.profile_change import change_of, change_options, need_options

_CLI = "openlpm.faces.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "export": Lazy(f"{_CLI}.profile_file", "export", "Write all profiles into a file."),
        "import": Lazy(f"{_CLI}.profile_file", "import_", "Take all profiles from a file."),
    },
)
def profile() -> None:
    """Profiles: what a partition gets when it is activated.

    A change takes effect at the next activation.

    \b
    Example:
      lpm profile show web1
    """


@profile.command("list")
@partition_name
@json_option
def list_(partition: str, as_json: bool) -> None:
    """List a partition's profiles; * marks the current one.

    \b
    Example:
      lpm profile list web1
    """
    found = console().get(path_of("partitions", partition, "profiles"))
    if as_json:
        print_json(found)
        return
    headings = ("", "PROFILE", "MEMORY (MiB)", "PROCESSORS", "UNITS", "SHARING", "ADAPTERS")
    rows = (_row(each, found["current"]) for each in found["profiles"])
    say(table(headings, rows))
    _tell_implied(found)


def _row(each: dict[str, Any], current: str) -> tuple[object, ...]:
    return (
        "*" if each["name"] == current else "",
        each["name"],
        _span(each["memory"]),
        _span(each["processors"]),
        _span(each["processing_units"]) if "processing_units" in each else "-",
        _sharing(each),
        len(each["adapters"]),
    )


def _span(span: dict[str, float]) -> str:
    """Minimum, desired and maximum; one figure where they are the same."""
    levels = [f"{span[level]:g}" for level in ("minimum", "desired", "maximum")]
    return levels[0] if len(set(levels)) == 1 else " / ".join(levels)


def _sharing(each: dict[str, Any]) -> str:
    uncapped = each["sharing"] == "uncapped"
    return f"uncapped, weight {each['weight']}" if uncapped else each["sharing"]


def _tell_implied(found: dict[str, Any]) -> None:
    if found["implied"]:
        say(f"{found['partition']} keeps no profile of its own: this is what it is.")


@profile.command()
@partition_name
@click.argument("profile", required=False, default="", shell_complete=complete_profiles)
@json_option
def show(partition: str, profile: str, as_json: bool) -> None:
    """Show one profile, the current one unless it is named.

    \b
    Example:
      lpm profile show web1
      lpm profile show web1 night
    """
    found = console().get(path_of("partitions", partition, "profiles"))
    name = profile or found["current"]
    for each in found["profiles"]:
        if each["name"] == name:
            print_json(each) if as_json else say(sheet(_particulars(each, found)))
            return
    raise Problem(
        "no-such-profile",
        "not-found",
        f"{partition} has no profile {profile!r}.",
        remedy=f"lpm profile list {partition} shows all.",
    )


def _particulars(each: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, object]]:
    current = "yes" if each["name"] == found["current"] else "no"
    return [
        ("Profile", f"{each['name']} of {found['partition']}"),
        ("Current", f"{current}, told from what it is" if found["implied"] else current),
        ("Memory (MiB)", _span(each["memory"])),
        ("Processors", _span(each["processors"])),
        ("Processing units", _span(each["processing_units"]) if "processing_units" in each else ""),
        ("Sharing", _sharing(each)),
        ("Processor model", each["cpu_model"] or "as defined"),
        *(("Adapter", _adapter(adapter)) for adapter in each["adapters"]),
        ("Boot order", ", ".join(each["boot"]) or "as defined"),
    ]


def _adapter(adapter: dict[str, Any]) -> str:
    need = "required" if adapter["required"] else "desired"
    return f"{adapter_text(adapter)}, {need}"


@profile.command()
@partition_name
@click.argument("name")
@change_options
@json_option
def create(partition: str, name: str, as_json: bool, **options: Any) -> None:
    """Create the profile NAME: what the partition is now, but for what the options say.

    \b
    Example:
      lpm profile create web1 night --memory 512M --units 0.1 --sharing capped
    """
    body = {"name": name, "change": change_of(options)}
    _print(console().post(path_of("partitions", partition, "profiles"), body), name, as_json)


@profile.command()
@partition_name
@profile_name
@click.argument("name")
@json_option
def copy(partition: str, profile: str, name: str, as_json: bool) -> None:
    """Create the profile NAME, the same as PROFILE.

    \b
    Example:
      lpm profile copy web1 default night
    """
    body = {"name": name, "copy_of": profile}
    _print(console().post(path_of("partitions", partition, "profiles"), body), name, as_json)


@profile.command("set")
@partition_name
@profile_name
@change_options
@need_options
@click.option("--current", is_flag=True, help="Activate with it from now on.")
@json_option
def set_(partition: str, profile: str, current: bool, as_json: bool, **options: Any) -> None:
    """Change a profile. Of three amounts, those not given make room for the one that is.

    \b
    Example:
      lpm profile set web1 default --memory 2G --maximum-memory 4G
      lpm profile set web1 night --current
    """
    needs = {"require": options["require"], "desire": options["desire"]}
    body = {"change": change_of(options), "current": current, **needs}
    path = path_of("partitions", partition, "profiles", profile)
    _print(console().patch(path, body), profile, as_json)


@profile.command()
@partition_name
@profile_name
@json_option
def delete(partition: str, profile: str, as_json: bool) -> None:
    """Delete a profile; the current one cannot be.

    \b
    Example:
      lpm profile delete web1 night
    """
    done = console().delete(path_of("partitions", partition, "profiles", profile))
    print_json(done) if as_json else say(f"Profile {profile} of {partition} is deleted.")


def _print(found: dict[str, Any], name: str, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    made = [each for each in found["profiles"] if each["name"] == name]
    say("\n".join(sheet(_particulars(each, found)) for each in made) or f"{name}: done.")
