"""Wires the console together: the only place where ports meet their adapters.

`lpmd --socket PATH --database PATH` is what `lpm serve` becomes, with this user's usual places;
`lpmd --database PATH --restore FILE` is asked by `lpm restore` where no console runs.
"""

import argparse
import json
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path

from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.adapters.store import open_store, restore_offline
from openlpm.adapters.store.durable import make_folder
from openlpm.engine.backups import accept
from openlpm.engine.console import Console
from openlpm.faces.cli import exits
from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.problems import problem_of
from openlpm.faces.rest.server import run
from openlpm.model.errors import OpenLpmError

log = logging.getLogger("openlpm")


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


def serve(socket: Path, database: Path) -> None:
    """Run the console until it is told to end. Raises `OpenLpmError` when it cannot start."""
    make_folder(database.parent)
    store = open_store(database)
    try:
        console = Console(
            store.journal, store.inventory, store.archive, LibvirtHypervisors(), SystemClock()
        )
        console.open()
        try:
            run(build_app(console), socket, on_ready=lambda: log.info("Ready at %s", socket))
        finally:
            console.close()
    finally:
        store.close()


def restore(file: str, database: Path) -> int:
    """Restore a backup while no console runs; tells what it did, or why not, as JSON."""
    try:
        make_folder(database.parent)
        report = restore_offline(file, database, accept=accept)
    except OpenLpmError as error:
        print(problem_of(error).model_dump_json(), file=sys.stderr)  # noqa: T201 - its answer
        return exits.code_of(error.kind)
    print(json.dumps(asdict(report)))  # noqa: T201 - its answer
    return exits.DONE


def main() -> int:
    """The daemon's command line; the exit codes are those of `lpm`."""
    parser = argparse.ArgumentParser(prog="lpmd", description="The OpenLPM console's daemon.")
    does = parser.add_mutually_exclusive_group(required=True)
    does.add_argument("--socket", type=Path, help="where to listen")
    does.add_argument("--restore", metavar="FILE", help="restore a backup instead, and end")
    parser.add_argument("--database", type=Path, required=True, help="where to keep the state")
    arguments = parser.parse_args()
    if arguments.restore is not None:
        return restore(arguments.restore, arguments.database)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        serve(arguments.socket, arguments.database)
    except OpenLpmError as error:
        print(f"lpmd: {error}", file=sys.stderr)  # noqa: T201 - why it does not start
        return exits.code_of(error.kind)
    return exits.DONE


if __name__ == "__main__":
    sys.exit(main())
