"""A move as plain lines, one for each step: for logs, pipes and screen readers."""

from typing import Any

import click

from openlpm.faces.cli.output import printable
from openlpm.faces.cli.steps import PHASES, STEPS


class PlainDisplay:
    """Prints a step when it begins; steps that went by unseen are printed with the next.

    What an operator should know while it waits is printed when it changes.
    """

    def __init__(self) -> None:
        self._printed = 0
        self._attention = ""

    def show(self, view: dict[str, Any]) -> None:
        """The move has changed."""
        phase = view["migration"]["phase"]
        if phase == "done":
            self._print_to(len(PHASES))
        elif phase in STEPS:
            self._print_to(PHASES.index(phase) + 1)
        attention = view["attention"]
        if attention and attention != self._attention:
            click.echo(f"  ! {printable(attention)}")
        self._attention = attention
        # Any other end came early: the steps that it never reached are not printed.

    def _print_to(self, reached: int) -> None:
        for number in range(self._printed, reached):
            click.echo(f"  {number + 1}/{len(PHASES)} {STEPS[PHASES[number]]}")
        self._printed = max(self._printed, reached)

    def close(self) -> None:
        """Every line is printed already."""
