"""`lpm serve`: become the console's daemon, `lpmd`.

The command line imports nothing of the engine; it replaces itself with the program that does.
Signals, exit code and log are then the daemon's own.
"""

import os
import sys

import click

from openlpm.faces.cli.place import database_path


@click.command()
@click.option(
    "--socket",
    metavar="PATH",
    help="Where to listen; `lpm --socket PATH serve` does the same.",
)
@click.option(
    "--database",
    metavar="PATH",
    default=database_path,
    show_default="in /var/lib/openlpm, or the user's own state folder",
    help="Where to keep the console's state.",
)
@click.pass_context
def serve(ctx: click.Context, socket: str | None, database: str) -> None:
    """Run the console until SIGTERM or Ctrl-C.

    \b
    Example:
      lpm serve --socket /run/openlpm/lpmd.sock
    """
    listen = socket or ctx.find_root().params["socket"]
    # By the same interpreter, so that it is the same installation whatever $PATH says.
    daemon = (sys.executable, "-m", "openlpm.main", "--socket", listen, "--database", database)
    os.execv(sys.executable, daemon)  # noqa: S606 - no shell is wanted
