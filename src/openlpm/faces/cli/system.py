"""`lpm system`: the managed systems. Their processor baseline is in `system_baseline`."""

from typing import Any

import click

from openlpm.faces.cli.asking import console, json_option, system_name
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.lazy import Lazy, LazyGroup
from openlpm.faces.cli.output import moment, print_json, say, sheet, table
from openlpm.faces.cli.size import MEBIBYTES


@click.group(
    cls=LazyGroup,
    lazy={
        "baseline": Lazy(
            "openlpm.faces.cli.system_baseline", "baseline", "What processor all of some can give."
        ),
    },
)
def system() -> None:
    """Managed systems: the libvirt hosts that partitions run on.

    \b
    Example:
      lpm system list
    """


@system.command()
@click.argument("name")
@click.argument("uri")
@click.option("--peer-uri", default="", metavar="URI", help="How other servers reach it.")
@click.option("--chassis", default="", metavar="NAME", help="The chassis that it belongs to.")
@click.option("--migration-address", default="", metavar="ADDRESS", help="Where memory is sent to.")
@click.option(
    "--bandwidth",
    type=click.IntRange(min=0),
    default=0,
    metavar="MIB",
    help="Its mover's limit in MiB/s; 0 for none.",
)
@click.option(
    "--concurrent",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="How many moves at once.",
)
@click.option("--processors", type=float, metavar="N", help="What partitions may use of it.")
@click.option("--memory", type=MEBIBYTES, help="What partitions may use of it: MiB, 512M or 64G.")
@click.option("--insecure", is_flag=True, help="Allow what is not encrypted, to and from it.")
@json_option
def add(
    *,
    name: str,
    uri: str,
    peer_uri: str,
    chassis: str,
    migration_address: str,
    bandwidth: int,
    concurrent: int,
    processors: float | None,
    memory: int | None,
    insecure: bool,
    as_json: bool,
) -> None:
    """Add the libvirt host at URI as the managed system NAME.

    \b
    Example:
      lpm system add server1 qemu+ssh://root@server1/system --migration-address 10.0.2.1
    """
    mover = {"address": migration_address, "bandwidth_mib_s": bandwidth, "concurrent": concurrent}
    added = console().post(
        path_of("systems"),
        {
            "name": name,
            "uri": uri,
            "peer_uri": peer_uri,
            "chassis": chassis,
            "mover": mover,
            "processors": processors,
            "memory_mib": memory,
            "insecure": insecure,
        },
    )
    print_json(added) if as_json else say(f"{name} is {_link(added)}.")


@system.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the managed systems.

    \b
    Example:
      lpm system list
    """
    found = console().get(path_of("systems"))
    if as_json:
        print_json(found)
        return
    headings = ("NAME", "STATE", "CHASSIS", "PARTITIONS", "FREE PROC", "FREE MEMORY", "TROUBLE")
    say(table(headings, (_row(view) for view in found)))


def _row(view: dict[str, Any]) -> tuple[object, ...]:
    free = view["free"]
    return (
        view["system"]["name"],
        view["link"],
        view["system"]["chassis"] or "-",
        view["partitions"],
        f"{free['processing_units']:g}" if free else "?",
        f"{free['memory_mib']} MiB" if free else "?",
        view["trouble"] or "-",
    )


@system.command()
@system_name
@json_option
def show(system: str, as_json: bool) -> None:
    """Show one managed system.

    \b
    Example:
      lpm system show server1
    """
    view = console().get(path_of("systems", system))
    print_json(view) if as_json else say(sheet(_particulars(view)))


def _particulars(view: dict[str, Any]) -> list[tuple[str, object]]:
    told: dict[str, Any] = view["system"]
    facts: dict[str, Any] = view["facts"] or {}
    lockspace: dict[str, Any] = facts.get("lockspace") or {}
    return [
        ("Name", told["name"]),
        ("State", f"{_link(view)} since {moment(view['since'])}"),
        ("Remedy", view["remedy"]),
        ("URI", told["uri"]),
        ("Peer URI", told["peer_uri"]),
        ("Encryption", "not demanded (--insecure)" if told["insecure"] else "demanded"),
        ("Chassis", told["chassis"]),
        ("Migration address", told["mover"]["address"]),
        ("Moves at once", told["mover"]["concurrent"]),
        ("Host name", facts.get("hostname")),
        ("Architecture", facts.get("arch")),
        ("Hypervisor", facts.get("hypervisor")),
        ("Partitions", view["partitions"]),
        ("Configurable", _resources(view["total"])),
        ("Free", _resources(view["free"])),
        ("Virtual switches", ", ".join(each["name"] for each in facts.get("switches", ()))),
        ("Lockspace", lockspace.get("name")),
    ]


def _resources(found: dict[str, Any] | None) -> str:
    if found is None:
        return "?"
    return f"{found['processing_units']:g} processing units, {found['memory_mib']} MiB"


def _link(view: dict[str, Any]) -> str:
    return f"{view['link']} ({view['trouble']})" if view["trouble"] else str(view["link"])


@system.command()
@system_name
@json_option
def remove(system: str, as_json: bool) -> None:
    """Forget a managed system. It and its partitions are not touched.

    \b
    Example:
      lpm system remove server1
    """
    console().delete(path_of("systems", system))
    print_json({"removed": system}) if as_json else say(f"{system} is no longer managed.")
