"""`lpm partition shutdown`: ask the guest to power off, and wait until it has.

The wait looks whenever the console tells an event or a sign of life, so it neither polls fast
nor misses the end.
"""

import time
from collections.abc import Iterator
from typing import Any

import click

from openlpm.faces.cli.asking import console, json_option, partition_name
from openlpm.faces.cli.client import Client, Message, path_of
from openlpm.faces.cli.partition import print_state
from openlpm.faces.cli.problem import Problem
from openlpm.model.spoken import spoken


@click.command()
@partition_name
@click.option("--force", is_flag=True, help="Pull the plug instead of asking the guest.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until it is off.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="S",
    help="How long to wait.",
)
@json_option
def shutdown(*, partition: str, force: bool, wait: bool, timeout: float, as_json: bool) -> None:
    """Shut a partition down.

    \b
    Example:
      lpm partition shutdown web1 --timeout 60
    """
    client = console()
    # Listen first: what happens between the request and the wait must not be missed.
    signs = client.stream(path_of("events", "stream")) if wait else iter(())
    found = client.post(path_of("partitions", partition, "shutdown"), {"force": force})
    if wait:
        found = _once_off(client, found, signs, time.monotonic() + timeout)
    print_state(found, as_json)


def _once_off(
    client: Client, found: dict[str, Any], signs: Iterator[Message], deadline: float
) -> dict[str, Any]:
    while found["state"] != "off":
        if time.monotonic() >= deadline:
            raise _still(found)
        if next(signs, None) is None:
            raise client.lost()
        found = client.get(path_of("partitions", found["uuid"]))
    return found


def _still(found: dict[str, Any]) -> Problem:
    word = spoken(found["name"], found["uuid"])
    return Problem(
        "still-not-off",
        "failed",
        f"{found['name']} is still {found['state']} on {found['system']}.",
        cause="Its guest was asked to power off, and has not done so in time.",
        remedy=f"Wait longer, or pull the plug: lpm partition shutdown {word} --force.",
    )
