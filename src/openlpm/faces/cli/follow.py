"""Following a move to its end: for `migrate`, `return` and `migration watch` alike.

    follow(client, view, as_json=False)   -> the exit code

The console tells each change through one event stream, so the prompt is back the moment that
the move is final. What is shown on the way is up to a `Display`: `show_rich` on a terminal,
`show_plain` elsewhere; what is said is in `move_text`.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any, Protocol

from openlpm.faces.cli import exits, move_text
from openlpm.faces.cli.client import Client, path_of
from openlpm.faces.cli.output import print_json, print_json_line, say
from openlpm.faces.cli.problem import Problem
from openlpm.faces.cli.steps import is_final


class Display(Protocol):
    """Shows a move while it goes on."""

    def show(self, view: dict[str, Any]) -> None:
        """The move has changed."""
        ...

    def close(self) -> None:
        """Nothing more will come; what was shown stays."""
        ...


class JsonLines:
    """Each change as a line of JSON, for programs that watch."""

    def show(self, view: dict[str, Any]) -> None:
        """The move has changed."""
        print_json_line(view)

    def close(self) -> None:
        """Every line is printed already."""


class JsonAtTheEnd:
    """Only the last change, for programs that wait."""

    def __init__(self) -> None:
        self._view: dict[str, Any] | None = None

    def show(self, view: dict[str, Any]) -> None:
        """The move has changed."""
        self._view = view

    def close(self) -> None:
        """Print what it came to."""
        if self._view is not None:
            print_json(self._view)


def follow(
    client: Client, view: dict[str, Any], *, as_json: bool, json: type[Display] = JsonAtTheEnd
) -> int:
    """Show the move to its end; raise the problem that ended it, if one did."""
    try:
        # Connect first: whatever is imported and printed meanwhile costs the move no time.
        views = _watched(client, view["migration"]["id"])
        if not as_json:
            say(move_text.heading(view))
        view = _shown(views, json() if as_json else _display())
    except KeyboardInterrupt:
        say(move_text.going_on(view["migration"]), err=True)
        raise
    if view["migration"]["phase"] != "done":
        raise _failure(client, view["migration"])
    if not as_json:
        say(move_text.success(view["migration"]))
    return exits.DONE


def _watched(client: Client, migration: str) -> Iterator[dict[str, Any]]:
    messages = client.stream(path_of("migrations", migration, "watch"))
    return (message.data for message in messages if message.data is not None)


def _shown(views: Iterator[dict[str, Any]], display: Display) -> dict[str, Any]:
    view: dict[str, Any] | None = None
    try:
        for view in views:
            display.show(view)
            if is_final(view):
                return view
    finally:
        display.close()
    raise _console_left(view)


def _display() -> Display:
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from openlpm.faces.cli.show_rich import RichDisplay

        return RichDisplay()
    from openlpm.faces.cli.show_plain import PlainDisplay

    return PlainDisplay()


def _console_left(view: dict[str, Any] | None) -> Problem:
    again = f"lpm migration watch {view['migration']['id']}" if view else "lpm migration list"
    return Problem(
        "console-lost",
        "console-unreachable",
        "The console stopped while the partition was moving.",
        cause="The move goes on without it; the console finds it again when it is back.",
        remedy=f"Run `lpm serve` again, then: {again}",
    )


def _failure(client: Client, move: dict[str, Any]) -> Problem:
    stopped = move["phase"] == "stopped"
    return Problem(
        "migration-stopped" if stopped else "migration-failed",
        "failed",
        f"{move['partition']} was not moved to {move['target']}.",
        cause=move["reason"] or ("It was stopped." if stopped else "The console did not say why."),
        remedy=_whereabouts(client, move),
    )


def _whereabouts(client: Client, move: dict[str, Any]) -> str:
    """Where the partition is now: the first thing that one wants to know after a failure."""
    try:
        found = client.get(path_of("partitions", move["partition_uuid"]))
    except Problem as problem:
        return f"Where it is now could not be seen: {problem.message}"
    return f"It is {found['state']} on {found['system']}."
