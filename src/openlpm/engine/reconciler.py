"""Finds unfinished migrations that nobody drives, and gives each a mover.

At start-up these are what an earlier console left; later, what a mover let go of because the
console's own disk was full. The mover looks at both servers and goes on from there.

Then it looks after what servers still have that were given up, and are seen again.
"""

from openlpm.decide.copies import left_at_lost
from openlpm.decide.gone import Leftover, leftover
from openlpm.engine.copies import remove_copies
from openlpm.engine.effects import remove
from openlpm.engine.executor import Executor
from openlpm.engine.periodic import Periodic
from openlpm.engine.sightings import place
from openlpm.engine.telling import note
from openlpm.engine.world import World
from openlpm.model.errors import HypervisorRefused, ServerUnreachable
from openlpm.model.migration import Migration

PERIOD_S = 3.0


class Reconciler(Periodic):
    """Looks at the journal every few seconds."""

    def __init__(self, world: World, executor: Executor) -> None:
        super().__init__("reconciler", PERIOD_S, self._reconcile)
        self._world = world
        self._executor = executor

    def _reconcile(self) -> None:
        unfinished = self._world.journal.unfinished()
        for record in unfinished:
            self._executor.start(record)
        moving = {record.partition_uuid for record in unfinished}
        for record in self._world.journal.given_up():
            if record.partition_uuid not in moving:
                self._look_after(record)

    def _look_after(self, record: Migration) -> None:
        """What the server that was given up still has of it; later, while it cannot be seen."""
        uuid = record.partition_uuid
        systems = [name for name in self._world.systems() if name != record.gone]
        back = place(self._world, record.gone, uuid)
        judged = leftover(back, [place(self._world, name, uuid) for name in systems])
        if judged is Leftover.WAIT:
            return
        told = "there was nothing to clean up."
        if judged is Leftover.REMOVE:
            try:
                remove(self._world.host(record.gone), uuid, back)
            except (HypervisorRefused, ServerUnreachable):
                return  # the next look tells
            self._world.refresh(record.gone, uuid)
            told = "what it still had of the partition was removed."
        try:
            removed = judged is Leftover.REMOVE
            remove_copies(left_at_lost(record, back, removed=removed), self._world)
        except ServerUnreachable:
            return
        except HypervisorRefused as error:
            told = f"{told} {error.message}"
        event = note(record, "migration-looked-after", f"{record.gone} is back; {told}")
        self._world.journal.looked_after(record.id, event)
