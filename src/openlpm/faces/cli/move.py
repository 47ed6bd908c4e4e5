"""`lpm validate`, `targets`, `migrate` and `return`.

`migrate` is one request and one stream: the console itself validates when it starts a move.
"""

from typing import Any

import click

from openlpm.faces.cli import exits
from openlpm.faces.cli.asking import console, json_option, partition_name, target_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.follow import follow
from openlpm.faces.cli.move_text import errors_in, heading, verdict
from openlpm.faces.cli.output import print_json, say, table

no_wait_option = click.option("--no-wait", is_flag=True, help="Return once it has begun.")


pool_option = click.option(
    "--pool",
    default="",
    metavar="POOL",
    help="Where to copy disks of its own server; the usual: the pool named like theirs.",
)


@click.command()
@partition_name
@target_option
@pool_option
@json_option
def validate(partition: str, to: str, pool: str, as_json: bool) -> int:
    """Check whether PARTITION could move to SYSTEM. Changes nothing; exits 3 if it could not.

    \b
    Example:
      lpm validate web1 --to server2
    """
    body = {"to": to, "pool": pool}
    examined = console().post(path_of("partitions", partition, "validate"), body)
    print_json(examined) if as_json else say(verdict(examined))
    return exits.REFUSED if errors_in(examined) else exits.DONE


@click.command()
@partition_name
@json_option
def targets(partition: str, as_json: bool) -> None:
    """Each system that PARTITION could go to, and why not the others.

    \b
    Example:
      lpm targets web1
    """
    found = console().get(path_of("partitions", partition, "targets"))
    if as_json:
        print_json(found)
        return
    say(table(("SYSTEM", "POSSIBLE", "WHY NOT, OR WHAT TO KNOW"), _verdicts(found)))


def _verdicts(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """A row for each system and finding; the system is named in its first row only."""
    rows = list[tuple[str, str, str]]()
    for examined in found:
        name = examined["validation"]["target"]
        possible = "no" if errors_in(examined) else "yes"
        notes = [f"{f['code']}: {f['message']}" for f in examined["validation"]["findings"]]
        rows.append((name, possible, notes[0] if notes else "-"))
        rows.extend(("", "", note) for note in notes[1:])
    return rows


@click.command()
@partition_name
@target_option
@no_wait_option
@click.option(
    "--max-pause",
    type=click.IntRange(min=1),
    metavar="MS",
    help="How long it may be paused, this time.",
)
@click.option("--no-throttle", is_flag=True, help="Never slow the partition down.")
@click.option(
    "--bandwidth", type=click.IntRange(min=1), metavar="MIB", help="Send at most so many MiB/s."
)
@click.option(
    "--postcopy",
    type=click.Choice(["allowed", "never"]),
    help="May the target run it before all of its memory is there, if it does not converge?",
)
@pool_option
@click.option("--keep-disks", is_flag=True, help="Disks that are copied stay where they were.")
@json_option
def migrate(
    *,
    partition: str,
    to: str,
    no_wait: bool,
    max_pause: int | None,
    no_throttle: bool,
    bandwidth: int | None,
    postcopy: str | None,
    pool: str,
    keep_disks: bool,
    as_json: bool,
) -> int:
    """Move PARTITION to SYSTEM: running, powered off or paused, as it is.

    Disks that only its own server can reach are copied while it runs.

    \b
    Example:
      lpm migrate web1 --to server2
      lpm migrate web2 --to server2 --pool fast --keep-disks
    """
    body = {
        "to": to,
        "max_pause_ms": max_pause,
        "throttle": False if no_throttle else None,
        "bandwidth_mib_s": bandwidth,
        "postcopy": None if postcopy is None else postcopy == "allowed",
        "pool": pool,
        "keep_disks": keep_disks,
    }
    return _move(partition, "migrate", body, no_wait, as_json)


@click.command("return")
@partition_name
@no_wait_option
@json_option
def return_(partition: str, no_wait: bool, as_json: bool) -> int:
    """Move PARTITION back to where it last came from.

    \b
    Example:
      lpm return web1
    """
    return _move(partition, "return", None, no_wait, as_json)


def _move(
    partition: str, verb: str, body: dict[str, Any] | None, no_wait: bool, as_json: bool
) -> int:
    client = console()
    try:
        view = client.post(path_of("partitions", partition, verb), body)
    except KeyboardInterrupt:
        say("\nThe move may have begun: see `lpm migration list`.", err=True)
        raise
    if not no_wait:
        return follow(client, view, as_json=as_json)
    if as_json:
        print_json(view)
    else:
        say(f"{heading(view)}\nWatch it: lpm migration watch {view['migration']['id']}")
    return exits.DONE
