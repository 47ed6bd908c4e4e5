"""`lpm completion`: the script that lets a shell complete commands, options and names."""

import click
from click.shell_completion import get_completion_class

from openlpm.faces.cli.problem import Problem


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    Example:
      lpm completion bash > /etc/bash_completion.d/lpm
    """
    scripts = get_completion_class(shell)
    if scripts is None:
        raise Problem("no-completion", "failed", f"click knows no completion for {shell}.")
    click.echo(scripts(ctx.find_root().command, {}, "lpm", "_LPM_COMPLETE").source())
