"""The command `lpm`: its commands, and the one place where errors become exit codes.

Commands return an exit code (None: done) or raise `Problem`. What goes to stdout is the answer,
what goes to stderr is the trouble; with `--json` both are JSON.
"""

import os
import sys

import click

from openlpm.faces.cli import exits
from openlpm.faces.cli.lazy import Lazy, LazyGroup
from openlpm.faces.cli.output import say
from openlpm.faces.cli.place import socket_path
from openlpm.faces.cli.problem import Problem

_CLI = "openlpm.faces.cli"

COMMANDS = {
    "system": Lazy(f"{_CLI}.system", "system", "Managed systems: add, list, show, remove."),
    "vios": Lazy(f"{_CLI}.vios", "vios", "Virtual I/O Servers: show, set."),
    "storage": Lazy(f"{_CLI}.storage", "storage", "Storage pools and volumes: list, create, …"),
    "network": Lazy(f"{_CLI}.network", "network", "Virtual switches: VLANs, MTU, adapters."),
    "partition": Lazy(f"{_CLI}.partition", "partition", "Partitions: create, activate, list, …"),
    "profile": Lazy(f"{_CLI}.profile", "profile", "What partitions get when activated."),
    "validate": Lazy(f"{_CLI}.move", "validate", "Check whether a partition could move."),
    "migrate": Lazy(f"{_CLI}.move", "migrate", "Move a partition to another system."),
    "targets": Lazy(
        f"{_CLI}.move", "targets", "Where a partition could go, and why not elsewhere."
    ),
    "return": Lazy(f"{_CLI}.move", "return_", "Move a partition back to where it came from."),
    "migration": Lazy(f"{_CLI}.migration", "migration", "Moves: list, show, watch, stop, recover."),
    "events": Lazy(f"{_CLI}.events", "events", "What happened, and what happens."),
    "backup": Lazy(f"{_CLI}.backup", "backup", "Copy the console's state into a file."),
    "restore": Lazy(f"{_CLI}.backup", "restore", "Take the systems back from a backup."),
    "console": Lazy(f"{_CLI}.console", "console", "This console, and which one leads."),
    "serve": Lazy(f"{_CLI}.serve", "serve", "Run the console."),
    "lab": Lazy("openlpm.lab.cli", "lab", "Real servers on this machine, to try it all."),
    "completion": Lazy(f"{_CLI}.completion", "completion", "Print the shell's completion script."),
}

_EXIT_CODES = "\n".join(f"  {code:3}  {meaning}" for code, meaning in exits.MEANINGS.items())

HELP = f"""Move logical partitions between libvirt servers while they run.

\b
Example:
  lpm migrate web1 --to server2

\b
Exit codes:
{_EXIT_CODES}
"""


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        # Here, because it would cost every other command 30 ms.
        from importlib.metadata import version

        click.echo(f"lpm {version('openlpm')}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, help=HELP)
@click.option(
    "--socket",
    metavar="PATH",
    envvar="LPM_SOCKET",
    default=socket_path,
    show_default="$LPM_SOCKET, or the console of this user",
    help="The console's socket.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def lpm(socket: str) -> None:
    """Commands find `socket` by `asking.console()`; the help is in HELP."""


def main() -> int:
    """Run one command; the exit code is by the table in `exits`."""
    try:
        code = lpm.main(prog_name="lpm", standalone_mode=False)
        sys.stdout.flush()
    except Problem as problem:
        return _tell(problem)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return exits.BAD_REQUEST
    except click.ClickException as error:
        return _tell(_usage(error))
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has read enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    return int(code or exits.DONE)


def _tell(problem: Problem) -> int:
    # The option may stand anywhere, also after the word that could not be understood.
    as_json = "--json" in sys.argv
    say(problem.document() if as_json else problem.text(), err=True)
    return exits.code_of(problem.kind)


def _usage(error: click.ClickException) -> Problem:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "lpm"
    return Problem(
        "usage", "bad-request", error.format_message(), remedy=f"See `{command} --help`."
    )
