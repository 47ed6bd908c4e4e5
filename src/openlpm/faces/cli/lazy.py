"""A click group that imports a command only when it is run or asked for help.

`lpm --help` lists every command from this table alone.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """A command to import: its module, its name there, and its line in the list."""

    module: str
    attribute: str
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are those in `lazy`, listed in that order, and its own."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as they are listed."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name; None when there is none such."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        lazy = self._lazy[cmd_name]
        try:
            command: click.Command = getattr(import_module(lazy.module), lazy.attribute)
        except ModuleNotFoundError as error:
            # Only its own absence; that of a library it needs is a fault to be seen.
            if error.name is None or not lazy.module.startswith(error.name):
                raise
            raise click.UsageError(f"'{cmd_name}' is not part of this installation.", ctx) from None
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing those that are lazy."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
            )

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in self._lazy:
            return self._lazy[name].summary
        command = super().get_command(ctx, name)
        return command.get_short_help_str() if command else ""
