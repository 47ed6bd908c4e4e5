"""`lpm migration`: the moves that were made, and those that go on."""

from typing import Any

import click

from openlpm.faces.cli.asking import complete_partitions, console, json_option, migration_id
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.follow import JsonLines, follow
from openlpm.faces.cli.move_text import copied
from openlpm.faces.cli.output import duration, mib, moment, print_json, say, sheet, table


@click.group()
def migration() -> None:
    """Moves: each one partition from one system to another.

    MIGRATION is an id, in full.

    \b
    Example:
      lpm migration list
    """


@migration.command("list")
@click.option(
    "--partition",
    default="",
    metavar="PARTITION",
    shell_complete=complete_partitions,
    help="Only those of one partition.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help="At most so many, the newest.",
)
@json_option
def list_(partition: str, limit: int, as_json: bool) -> None:
    """List the moves, newest first.

    \b
    Example:
      lpm migration list --partition web1 --limit 5
    """
    found = console().get(path_of("migrations"), partition=partition, limit=limit)
    if as_json:
        print_json(found)
        return
    headings = ("ID", "PARTITION", "FROM", "TO", "KIND", "PHASE", "BEGUN", "PAUSE")
    say(table(headings, (_row(view["migration"]) for view in found)))


def _row(move: dict[str, Any]) -> tuple[object, ...]:
    return (
        move["id"],
        move["partition"],
        move["source"],
        move["target"],
        move["kind"],
        move["phase"],
        moment(move["created_at"]),
        _pause(move) or "-",
    )


def _pause(move: dict[str, Any]) -> str:
    pause = move["figures"]["pause_ms"]
    return "" if pause is None else f"{pause} ms"


@migration.command()
@migration_id
@json_option
def show(migration: str, as_json: bool) -> None:
    """Show one move.

    \b
    Example:
      lpm migration show 5f0c2a91
    """
    view = console().get(path_of("migrations", migration))
    print_json(view) if as_json else say(sheet(_particulars(view)))


def _particulars(view: dict[str, Any]) -> list[tuple[str, object]]:
    move, figures = view["migration"], view["migration"]["figures"]
    return [
        ("ID", move["id"]),
        ("Partition", f"{move['partition']} ({move['partition_uuid']})"),
        ("From", move["source"]),
        ("To", move["target"]),
        ("Kind", f"{move['kind']}{', a return' if move['is_return'] else ''}"),
        ("Phase", move["phase"]),
        ("Reason", move["reason"]),
        ("Attention", view["attention"]),
        ("Given up", move["gone"]),
        ("Disks", " ".join(copied(move))),
        ("Begun", moment(move["created_at"])),
        ("Ended", moment(move["finished_at"])),
        ("Left", _if_known(duration, view["remaining_s"])),
        ("Pause", _pause(move)),
        ("Total", _if_known(duration, figures["total_s"])),
        ("Sent", _if_known(mib, figures["bytes_sent"])),
        ("Passes", figures["iterations"]),
        ("Steps", ", ".join(f"{step} {duration(spent)}" for step, spent in figures["phase_s"])),
    ]


def _if_known(text: Any, value: float | None) -> str:
    return "" if value is None else text(value)


@migration.command()
@migration_id
@json_option
def watch(migration: str, as_json: bool) -> int:
    """Watch a move to its end; with --json, one line for each change.

    \b
    Example:
      lpm migration watch 5f0c2a91
    """
    client = console()
    view = client.get(path_of("migrations", migration))
    return follow(client, view, as_json=as_json, json=JsonLines)


@migration.command()
@migration_id
@json_option
def stop(migration: str, as_json: bool) -> None:
    """Stop a move; the partition stays where it was. Refused once it switches over.

    \b
    Example:
      lpm migration stop 5f0c2a91
    """
    view = console().post(path_of("migrations", migration, "stop"))
    if as_json:
        print_json(view)
        return
    move = view["migration"]
    say(f"The move of {move['partition']} to {move['target']} is being stopped.")


@migration.command()
@migration_id
@click.option(
    "--force",
    is_flag=True,
    help="End it without the system that cannot be seen, if that is proved not to run it.",
)
@json_option
def recover(migration: str, force: bool, as_json: bool) -> None:
    """Look anew at an unfinished move, finish it or clean it up, and say what was seen.

    With --force, a move whose other system is gone for good ends without it. That is refused while
    the partition may still run there: its lease must be free, or the system in sight must run it.

    \b
    Example:
      lpm migration recover 5f0c2a91
      lpm migration recover 5f0c2a91 --force
    """
    path = path_of("migrations", migration, "recover")
    recovery = console().post(path, {"force": force})
    print_json(recovery) if as_json else say(recovery["explanation"])
