"""`lpm partition`: what runs on the managed systems, and its power.

Creating one is in `partition_create`, its serial console in `partition_console`, waiting for
it to be off in `partition_shutdown`, resizing it in `partition_resize`; moving it is `move`.
"""

from typing import Any

import click

from openlpm.faces.cli.asking import (
    complete_profiles,
    complete_systems,
    console,
    json_option,
    partition_name,
)
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.lazy import Lazy, LazyGroup
from openlpm.faces.cli.output import moment, print_json, say, sheet, table
from openlpm.faces.cli.partition_size import Size, size_of
from openlpm.faces.cli.problem import finding_lines

_CLI = "openlpm.faces.cli"


@click.group(
    cls=LazyGroup,
    lazy={
        "create": Lazy(f"{_CLI}.partition_create", "create", "Create a partition."),
        "shutdown": Lazy(f"{_CLI}.partition_shutdown", "shutdown", "Shut a partition down."),
        "set": Lazy(f"{_CLI}.partition_resize", "set_", "Resize a partition while it runs."),
        "add-disk": Lazy(f"{_CLI}.partition_resize", "add_disk", "Plug a disk while it runs."),
        "remove-disk": Lazy(f"{_CLI}.partition_resize", "remove_disk", "Unplug a disk."),
        "add-ethernet": Lazy(
            f"{_CLI}.partition_resize", "add_ethernet", "Plug an Ethernet adapter while it runs."
        ),
        "remove-ethernet": Lazy(
            f"{_CLI}.partition_resize", "remove_ethernet", "Unplug an Ethernet adapter."
        ),
        "console": Lazy(f"{_CLI}.partition_console", "serial_console", "Its serial console."),
    },
)
def partition() -> None:
    """Partitions: each one libvirt domain.

    PARTITION is a name or a UUID, in full.

    \b
    Example:
      lpm partition list
    """


@partition.command("list")
@click.option(
    "--system",
    default="",
    metavar="SYSTEM",
    shell_complete=complete_systems,
    help="Only those of one system.",
)
@json_option
def list_(system: str, as_json: bool) -> None:
    """List the partitions; ID is - for domains that others made.

    \b
    Example:
      lpm partition list --system server1
    """
    found = console().get(path_of("partitions"), system=system)
    if as_json:
        print_json(found)
        return
    headings = ("NAME", "ID", "SYSTEM", "STATE", "PROCESSORS", "MEMORY", "RMC")
    say(table(headings, (_row(each) for each in found)))


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    return (
        found["name"],
        found["mark"]["partition_id"] if found["mark"] else "-",
        found["system"],
        state_of(found),
        found["processors"],
        f"{found['memory_mib']} MiB",
        found["rmc"],
    )


def state_of(found: dict[str, Any]) -> str:
    """A partition's state in a few words; its reason where that is not the usual one."""
    usual = found["why"] in ("none", "user")
    return found["state"] if usual else f"{found['state']} ({found['why']})"


@partition.command()
@partition_name
@json_option
def show(partition: str, as_json: bool) -> None:
    """Show one partition.

    \b
    Example:
      lpm partition show web1
    """
    found = console().get(path_of("partitions", partition))
    if as_json:
        print_json(found)
    else:
        say(sheet(_particulars(found, size_of(found))))


def _particulars(found: dict[str, Any], size: Size) -> list[tuple[str, object]]:
    mark: dict[str, Any] = found["mark"] or {}
    policy: dict[str, Any] = mark.get("policy", {})
    return [
        ("Name", found["name"]),
        ("UUID", found["uuid"]),
        ("Partition ID", mark.get("partition_id", "none: made by others, see `adopt`")),
        ("System", found["system"]),
        ("State", f"{state_of(found)}, seen {moment(found['seen_at'])}"),
        ("RMC", found["rmc"]),
        ("OS type", mark.get("os_type")),
        ("Profile", size.profile),
        ("Processors", f"{found['processors']}{size.processors}"),
        ("Processing units", f"{mark['processing_units']:g}{size.units}" if mark else None),
        ("Memory", f"{found['memory_mib']} MiB{size.memory}"),
        *(("Adapter", adapter) for adapter in size.adapters),
        ("Writes to", ", ".join(found["writes"]) or None),
        ("Returns to", mark.get("came_from")),
        ("Longest pause", f"{policy['max_pause_ms']} ms" if policy else None),
        ("May be throttled", ("no", "yes")[policy["throttle"]] if policy else None),
        ("Post-copy", ("never", "allowed")[policy["postcopy"]] if policy else None),
    ]


@partition.command()
@partition_name
@click.option(
    "--profile",
    default="",
    metavar="PROFILE",
    shell_complete=complete_profiles,
    help="Another than the current one; it becomes the current one.",
)
@json_option
def activate(partition: str, profile: str, as_json: bool) -> None:
    """Power a partition on with what its profile says.

    It gets the desired amounts, or what is free down to the minimum.

    \b
    Example:
      lpm partition activate web1
      lpm partition activate web1 --profile night
    """
    found = console().post(path_of("partitions", partition, "activate"), {"profile": profile})
    print_state(found, as_json)
    if not as_json:
        for warning in found["warnings"]:
            say("\n".join(finding_lines(warning)), err=True)


@partition.command()
@partition_name
@json_option
def pause(partition: str, as_json: bool) -> None:
    """Stop a partition's processors; its memory stays.

    \b
    Example:
      lpm partition pause web1
    """
    _change(partition, "pause", as_json)


@partition.command()
@partition_name
@json_option
def resume(partition: str, as_json: bool) -> None:
    """Let a paused partition run on.

    \b
    Example:
      lpm partition resume web1
    """
    _change(partition, "resume", as_json)


@partition.command()
@partition_name
@json_option
def adopt(partition: str, as_json: bool) -> None:
    """Take a domain that others made under our care.

    \b
    Example:
      lpm partition adopt legacy7
    """
    _change(partition, "adopt", as_json)


@partition.command()
@partition_name
@json_option
def release(partition: str, as_json: bool) -> None:
    """Give a partition back to whoever made it: our mark and its profiles go, all else stays.

    \b
    Example:
      lpm partition release legacy7
    """
    _change(partition, "release", as_json)


def _change(partition: str, verb: str, as_json: bool) -> None:
    print_state(console().post(path_of("partitions", partition, verb)), as_json)


def print_state(found: dict[str, Any], as_json: bool) -> None:
    """What a partition is now."""
    if as_json:
        print_json(found)
    else:
        say(f"{found['name']} is {state_of(found)} on {found['system']}.")


@partition.command()
@partition_name
@json_option
def delete(partition: str, as_json: bool) -> None:
    """Delete a partition that is off. Its disks stay.

    \b
    Example:
      lpm partition delete web1
    """
    console().delete(path_of("partitions", partition))
    print_json({"deleted": partition}) if as_json else say(f"{partition} is deleted.")
