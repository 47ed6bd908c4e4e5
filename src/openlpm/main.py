"""Wires the console together: the only place where ports meet their adapters.

`lpmd --socket PATH --database PATH` is what `lpm serve` becomes, with this user's usual places;
`lpmd --database PATH --restore FILE` is asked by `lpm restore` where no console runs. A URL comes
in $LPM_DATABASE instead, for it may have a password.
"""

import argparse
import faulthandler
import json
import logging
import os
import secrets
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from socket import gethostname

from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.adapters.store import Store, open_store, restore_offline
from openlpm.adapters.store.durable import make_folder
from openlpm.adapters.store.place import is_url
from openlpm.engine.backups import accept
from openlpm.engine.console import Console
from openlpm.faces.cli import exits
from openlpm.faces.rest.app import build_app
from openlpm.faces.rest.problems import problem_of
from openlpm.faces.rest.server import run
from openlpm.model.errors import BadRequest, OpenLpmError

log = logging.getLogger("openlpm")


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only grow, also while the machine is suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def serve(socket: Path, database: str) -> None:
    """Run the console until it is told to end. Raises `OpenLpmError` when it cannot start."""
    store = _opened(database, _name(socket))
    try:
        console = Console(
            *(store.journal, store.inventory, store.archive),
            *(LibvirtHypervisors(), SystemClock()),
            leadership=store.leadership,
        )
        console.open()
        try:
            run(build_app(console), socket, on_ready=lambda: log.info("Ready at %s", socket))
        finally:
            console.close()
    finally:
        store.close()


def _opened(database: str, name: str) -> Store:
    if is_url(database):
        # Here, because psycopg takes a while to import: only for those who use it.
        from openlpm.adapters.store.shared import open_shared

        return open_shared(database, name=name)
    make_folder(Path(database).parent)
    return open_store(database, name=name)


def _name(socket: Path) -> str:
    """By which operators find this console; no other one ever has the same."""
    host = gethostname()
    return f"{host}:{socket.absolute()} (process {os.getpid()}, {secrets.token_hex(4)})"


def restore(file: str, database: str) -> int:
    """Restore a backup while no console runs; tells what it did, or why not, as JSON."""
    try:
        if is_url(database):
            raise BadRequest(
                "restore-by-a-console",
                "A PostgreSQL database is restored into by a running console.",
                remedy="Start one (lpm serve), then: lpm restore FILE, without --database.",
            )
        make_folder(Path(database).parent)
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
    parser.add_argument("--database", help="where to keep the state; else $LPM_DATABASE says it")
    arguments = parser.parse_args()
    # What we start has no use for it.
    database = arguments.database or os.environ.pop("LPM_DATABASE", "")
    if not database:
        parser.error("the following arguments are required: --database")
    if arguments.restore is not None:
        return restore(arguments.restore, database)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    faulthandler.register(signal.SIGUSR1)
    try:
        serve(arguments.socket, database)
    except OpenLpmError as error:
        print(f"lpmd: {error}", file=sys.stderr)  # noqa: T201 - why it does not start
        return exits.code_of(error.kind)
    return exits.DONE


if __name__ == "__main__":
    sys.exit(main())
