"""`lpm backup` and `lpm restore`: the console's own state.

A running console does both. Where none can run, `lpm restore --database` lets the daemon's
program do it: the command line itself knows nothing of databases.
"""

import json
import os
import subprocess
import sys
from typing import Any

import click

from openlpm.faces.cli.asking import console, json_option
from openlpm.faces.cli.client import path_of
from openlpm.faces.cli.output import mib, print_json, say, sheet
from openlpm.faces.cli.place import passed_on
from openlpm.faces.cli.problem import Problem


@click.command()
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
def backup(file: str, *, force: bool, as_json: bool) -> None:
    """Copy the console's state into FILE while the console runs.

    The console writes it, for its user's eyes only, and reads it again before it says so.

    \b
    Example:
      lpm backup /srv/backup/lpmd-monday.sqlite
    """
    done = console().post(path_of("backup"), {"file": os.path.abspath(file), "force": force})
    print_json(done) if as_json else say(
        f"{done['file']}: {mib(done['size_bytes'])}, {done['systems']} systems, "
        f"{done['migrations']} moves, {done['events']} events, all read again."
    )


@click.command()
@click.argument("file")
@click.option(
    "--database",
    metavar="PATH",
    help="The state to restore into, while no console runs on it.",
)
@json_option
def restore(file: str, *, database: str | None, as_json: bool) -> None:
    """Take the managed systems back from the backup FILE.

    The running console does it; with --database, none must run. What happened since the backup
    stays known, and where partitions run is asked of the servers.

    \b
    Example:
      lpm restore /srv/backup/lpmd-monday.sqlite
      lpm restore /srv/backup/lpmd-monday.sqlite --database /var/lib/openlpm/lpmd.sqlite
    """
    file = os.path.abspath(file)
    if database is None:
        done = console().post(path_of("restore"), {"file": file})
    else:
        done = _without_console(file, database)
    print_json(done) if as_json else say(sheet(_particulars(done)))


def _without_console(file: str, database: str) -> Any:
    words, environment = passed_on(database)
    daemon = (sys.executable, "-m", "openlpm.main", "--restore", file, *words)
    done = subprocess.run(daemon, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0:
        return json.loads(done.stdout)
    try:
        problem = json.loads(done.stderr.rstrip().rpartition("\n")[2])
    except ValueError:
        raise Problem(
            "restore-failed", "failed", "The daemon's program failed.", cause=done.stderr[-1000:]
        ) from None
    raise Problem.from_document(problem)


def _particulars(done: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("Restored", done["file"]),
        ("Systems added", ", ".join(done["systems_added"])),
        ("Systems changed", ", ".join(done["systems_changed"])),
        ("Systems removed", ", ".join(done["systems_removed"])),
        ("Moves added", done["migrations"]),
        ("Unfinished then", ", ".join(done["unfinished"])),
        ("Events added", done["events"]),
        ("State before", done["kept"]),
    ]
