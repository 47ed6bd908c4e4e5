"""Wires the console together: the only place where ports meet their adapters.

`lpmd --socket PATH --database PATH` is what `lpm serve` becomes, with this user's usual places.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

from openlpm.adapters.libvirt import LibvirtHypervisors
from openlpm.adapters.store import open_store
from openlpm.engine.console import Console
from openlpm.faces.rest.app import build_app
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
    database.parent.mkdir(parents=True, exist_ok=True)
    store = open_store(database)
    try:
        console = Console(store.journal, store.inventory, LibvirtHypervisors(), SystemClock())
        console.open()
        try:
            run(build_app(console), socket, on_ready=lambda: log.info("Ready at %s", socket))
        finally:
            console.close()
    finally:
        store.close()


def main() -> None:
    """The daemon's command line."""
    parser = argparse.ArgumentParser(prog="lpmd", description="The OpenLPM console's daemon.")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--database", type=Path, required=True, help="where to keep the state")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        serve(arguments.socket, arguments.database)
    except OpenLpmError as error:
        sys.exit(f"lpmd: {error}")


if __name__ == "__main__":
    main()
