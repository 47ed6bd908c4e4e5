"""Runs movers: one thread for each unfinished migration, never two for the same.

The number of movers is bounded by the systems' limits on concurrent moves, which validation
keeps.
"""

import logging
import threading

from openlpm.engine.mover import Mover
from openlpm.engine.world import World
from openlpm.model.errors import OpenLpmError
from openlpm.model.migration import Migration

log = logging.getLogger(__name__)


class Executor:
    """Starts and finds movers by migration id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._movers: dict[str, tuple[Mover, threading.Thread]] = {}
        self._closed = False

    def open(self) -> None:
        """Take migrations, again after a `close` too."""
        with self._lock:
            self._closed = False

    def start(self, record: Migration) -> None:
        """Drive this migration, unless a mover does already."""
        with self._lock:
            if self._closed or record.id in self._movers:
                return
            mover = Mover(record, self._world)
            thread = threading.Thread(
                target=self._run, args=(mover,), name=f"mover-{record.id}", daemon=True
            )
            self._movers[record.id] = (mover, thread)
            thread.start()

    def mover(self, migration_id: str) -> Mover | None:
        """The mover at work on a migration, if there is one."""
        with self._lock:
            found = self._movers.get(migration_id)
        return found[0] if found else None

    def close(self) -> None:
        """Let go of all migrations; bounded, and what runs between the servers goes on."""
        with self._lock:
            self._closed = True
            running = list(self._movers.values())
        for mover, _ in running:
            mover.stop()
        for _, thread in running:
            thread.join(timeout=5)

    def _run(self, mover: Mover) -> None:
        try:
            mover.run()
        except OpenLpmError:
            # The record stands as last written; the reconciler starts a fresh mover.
            log.exception("The mover of migration %s let go", mover.record.id)
        finally:
            with self._lock:
                self._movers.pop(mover.record.id, None)
            self._world.news.ring()
