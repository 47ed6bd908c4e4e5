"""`lpm events`: what happened, and with `--follow` what happens."""

from typing import Any

import click

from openlpm.faces.cli.asking import console, json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import moment, print_json, print_json_line, printable, say


@click.command()
@click.option("--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "--last",
    type=click.IntRange(0, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="Begin with the last N.",
)
@click.option("--after", type=click.IntRange(min=0), metavar="SEQ", help="Begin after event SEQ.")
@json_option
def events(*, follow: bool, last: int, after: int | None, as_json: bool) -> None:
    """Print the events; with --follow and --json, a line for each.

    \b
    Example:
      lpm events --last 10 --follow
    """
    client = console()
    begin = {"last": last} if after is None else {"after": after}
    found = client.get(path_of("events"), **begin)
    if not follow:
        print_json(found) if as_json else _print_all(found)
        return
    show = print_json_line if as_json else _print
    for event in found:
        show(event)
    # Nothing is missed between the two requests. Without an event to go on from, either there
    # has been none at all (0), or none was wanted (None: from now).
    seen = found[-1]["seq"] if found else after or (0 if last else None)
    for message in client.stream(path_of("events", "stream"), after=seen):
        if message.data is not None:
            show(message.data)
    raise client.lost()


def _print_all(found: list[dict[str, Any]]) -> None:
    for event in found:
        _print(event)


def _print(event: dict[str, Any]) -> None:
    level = "" if event["level"] == "info" else f"{event['level']}: "
    about = " ".join(filter(None, (event["system"], event["partition"])))
    message = printable(f"{about}  {level}{event['message']}")
    say(f"{event['seq']:>6}  {moment(event['at'])}  {message}")
