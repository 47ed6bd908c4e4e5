"""`lpm console`: the console itself. Of several on one database, one leads."""

from typing import Any

import click

from openlpm.faces.cli.asking import console as asked
from openlpm.faces.cli.asking import json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import moment, print_json, say, sheet


@click.group()
def console() -> None:
    """The console that answers here, and the one that leads.

    \b
    Example:
      lpm console show
    """


@console.command()
@json_option
def show(as_json: bool) -> None:
    """Show this console, and which one leads.

    \b
    Example:
      lpm console show
    """
    view = asked().get(path_of("console"))
    print_json(view) if as_json else say(sheet(_particulars(view)))


def _particulars(view: dict[str, Any]) -> list[tuple[str, object]]:
    leader: dict[str, Any] = view["leader"] or {}
    left_s = leader.get("left_s")
    return [
        ("This console", view["name"]),
        ("Database", view["database"]),
        ("Trouble", view["trouble"]),
        ("Leads", "yes" if view["leads"] else "no"),
        ("Leader", leader.get("name") or "none"),
        ("Epoch", leader.get("epoch")),
        ("Since", moment(leader.get("since"))),
        ("Lease", "" if left_s is None else f"{left_s:.1f} s left"),
    ]
