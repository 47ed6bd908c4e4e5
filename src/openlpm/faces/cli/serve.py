"""`lpm serve`: become the console's daemon, `lpmd`.

The command line imports nothing of the engine; it replaces itself with the program that does.
Signals, exit code and log are then the daemon's own.
"""

import os
import sys

import click

from openlpm.faces.cli.place import DATABASE, database_path, passed_on


@click.command()
@click.option(
    "--socket",
    metavar="PATH",
    help="Where to listen; `lpm --socket PATH serve` does the same.",
)
@click.option(
    "--database",
    metavar="PATH|URL",
    envvar=DATABASE,
    default=database_path,
    show_default="$LPM_DATABASE, in /var/lib/openlpm, or the user's own state folder",
    help="Where to keep the console's state: a file, or postgresql://…",
)
@click.pass_context
def serve(ctx: click.Context, socket: str | None, database: str) -> None:
    """Run the console until SIGTERM or Ctrl-C.

    \b
    Example:
      lpm serve --socket /run/openlpm/lpmd.sock
      lpm serve --database postgresql://openlpm@db1/openlpm
    """
    listen = socket or ctx.find_root().params["socket"]
    words, environment = passed_on(database)
    # By the same interpreter, so that it is the same installation whatever $PATH says.
    daemon = (sys.executable, "-m", "openlpm.main", "--socket", listen, *words)
    os.execve(sys.executable, daemon, environment)  # noqa: S606 - no shell is wanted
