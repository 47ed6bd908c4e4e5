"""What every command shares: whom to ask, `--json`, names that the shell can complete.

@group.command()
@partition_name
@json_option
def show(partition: str, as_json: bool) -> None:
    found = console().get(path_of("partitions", partition))
"""

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
        ctx, "systems", incomplete, lambda row: (row["system"]["name"], str(row["link"]))
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
        "partitions",
        incomplete,
        lambda row: (row["name"], f"{row['state']} on {row['system']}"),
    )


def complete_migrations(
    ctx: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The latest migrations' ids, with what they moved."""

    def item(row: Any) -> tuple[str, str]:
        move = row["migration"]
        return move["id"], f"{move['partition']} to {move['target']}: {move['phase']}"

    return _completed(ctx, "migrations", incomplete, item)


def _completed(
    ctx: click.Context, nouns: str, incomplete: str, item: Callable[[Any], tuple[str, str]]
) -> list[CompletionItem]:
    try:
        rows = console(ctx, timeout_s=COMPLETION_S).get(path_of(nouns))
    except Problem:
        return []  # a message would land in the middle of the user's command line
    # bash puts on the command line what it is given, unquoted: `web1;reboot` would be two commands.
    return [
        CompletionItem(name, help=printable(note))
        for name, note in map(item, rows)
        if name.startswith(incomplete) and PLAIN.match(name)
    ]
