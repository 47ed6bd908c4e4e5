"""What every command shares: whom to ask, `--json`, names that the shell can complete.

@group.command()
@partition_name
@json_option
def show(partition: str, as_json: bool) -> None:
    found = console().get(path_of("partitions", partition))
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.output import printable
from openlpm.faces.cli.problem import Problem
from openlpm.model.spoken import PLAIN

COMPLETION_S = 0.5
"""What somebody waits for at most after pressing Tab."""

PLAIN_ADAPTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9:/._%-]{0,255}\Z")
"""A disk's URL or a MAC address that is one word in every shell."""

F = TypeVar("F", bound=Callable[..., Any])


def console(context: click.Context | None = None, **options: float) -> Client:
    """The console that `--socket`, $LPM_SOCKET or the default names."""
    root = (context or click.get_current_context()).find_root()
    return Client(root.params["socket"], **options)


def json_option(command: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def system_name(command: F) -> F:
    """Add the argument SYSTEM."""
    return click.argument("system", shell_complete=complete_systems)(command)


def partition_name(command: F) -> F:
    """Add the argument PARTITION: a name or a UUID."""
    return click.argument("partition", shell_complete=complete_partitions)(command)


def profile_name(command: F) -> F:
    """Add the argument PROFILE: a name, after PARTITION."""
    return click.argument("profile", shell_complete=complete_profiles)(command)


def pool_name(command: F) -> F:
    """Add the argument POOL: a name."""
    return click.argument("pool", shell_complete=complete_pools)(command)


def volume_name(command: F) -> F:
    """Add the argument VOLUME: a name, after POOL."""
    return click.argument("volume", shell_complete=complete_volumes)(command)


def on_option(command: F) -> F:
    """Add `--on SYSTEM`, for pools that are not the same everywhere."""
    return click.option(
        "--on",
        default="",
        metavar="SYSTEM",
        shell_complete=complete_systems,
        help="Whose pool is meant, where systems have different ones of that name.",
    )(command)


def migration_id(command: F) -> F:
    """Add the argument MIGRATION: an id."""
    return click.argument("migration", shell_complete=complete_migrations)(command)


def target_option(command: F) -> F:
    """Add `--to SYSTEM`."""
    return click.option(
        "--to",
        required=True,
        metavar="SYSTEM",
        shell_complete=complete_systems,
        help="The system to move to.",
    )(command)


def complete_systems(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The managed systems' names, with their state."""
    return _completed(
        ctx,
        ("systems",),
        incomplete,
        _listed(lambda row: (row["system"]["name"], str(row["link"]))),
    )


def complete_further_systems(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The same but those that were named already, where several may be."""
    named: tuple[str, ...] = ctx.params.get(parameter.name or "") or ()
    found = complete_systems(ctx, parameter, incomplete)
    return [item for item in found if item.value not in named]


def complete_partitions(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The partitions' names, with where they are."""
    return _completed(
        ctx,
        ("partitions",),
        incomplete,
        _listed(lambda row: (row["name"], f"{row['state']} on {row['system']}")),
    )


def complete_profiles(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the profiles of the partition that was named before, the current one marked."""
    partition = _named_before(ctx, "partition")
    if not partition:
        return []

    def rows(found: Any) -> list[tuple[str, str]]:
        current = found["current"]
        names = [each["name"] for each in found["profiles"]]
        return [(name, "current" if name == current else "") for name in names]

    return _completed(ctx, ("partitions", partition, "profiles"), incomplete, rows)


def complete_pools(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of storage pools, with where they are."""

    def rows(found: Any) -> list[tuple[str, str]]:
        systems: dict[str, list[str]] = {}
        for each in found["pools"]:
            systems.setdefault(each["pool"]["name"], []).append(each["system"])
        return [(name, f"on {', '.join(on)}") for name, on in systems.items()]

    return _completed(ctx, ("storage", "pools"), incomplete, rows)


def complete_volumes(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the volumes of the pool that was named before, with who uses them."""
    pool = _named_before(ctx, "pool")
    if not pool:
        return []

    def rows(found: Any) -> list[tuple[str, str]]:
        return [
            (each["volume"]["name"], ", ".join(sorted({use["partition"] for use in each["uses"]})))
            for each in found["volumes"]
        ]

    return _completed(ctx, ("storage", "pools", pool, "volumes"), incomplete, rows)


def complete_adapters(
    member: str,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """The adapters of the running partition that was named before: "disk" URLs, or "mac"s."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        partition = _named_before(ctx, "partition")
        if not partition:
            return []

        def rows(found: Any) -> list[tuple[str, str]]:
            return [(each[member], "") for each in found["adapters"] if member in each]

        path = ("partitions", partition, "size")
        return _completed(ctx, path, incomplete, rows, plain=PLAIN_ADAPTER)

    return complete


def _named_before(ctx: click.Context, parameter: str) -> str:
    """While an option lacks its value, click has put no argument in its place yet."""
    return ctx.params.get(parameter) or next(iter(ctx.args), "")


def complete_migrations(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The latest migrations' ids, with what they moved."""

    def item(row: Any) -> tuple[str, str]:
        move = row["migration"]
        return move["id"], f"{move['partition']} to {move['target']}: {move['phase']}"

    return _completed(ctx, ("migrations",), incomplete, _listed(item))


def _listed(item: Callable[[Any], tuple[str, str]]) -> Callable[[Any], list[tuple[str, str]]]:
    return lambda rows: [item(row) for row in rows]


def _completed(
    ctx: click.Context,
    path: tuple[str, ...],
    incomplete: str,
    items: Callable[[Any], list[tuple[str, str]]],
    plain: re.Pattern[str] = PLAIN,
) -> list[CompletionItem]:
    try:
        found = items(console(ctx, timeout_s=COMPLETION_S).get(path_of(*path)))
    except Problem:
        return []  # a message would land in the middle of the user's command line
    # bash puts on the command line what it is given, unquoted: `web1;reboot` would be two commands.
    return [
        CompletionItem(name, help=printable(note))
        for name, note in found
        if name.startswith(incomplete) and plain.match(name)
    ]
