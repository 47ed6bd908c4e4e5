"""Looking: both servers at one turn, put together into a `Sighting`.

The two looks are not one instant. So an end is only read from a *settled* sighting: the same
was seen twice in a row, and long enough that nothing an earlier console asked for can still be
on its way (our own request, once answered, cannot).
"""

from openlpm.engine.transfer import TransferCall
from openlpm.engine.world import World
from openlpm.model.errors import HypervisorRefused, NotFound, ServerUnreachable
from openlpm.model.migration import Migration, Progress
from openlpm.model.sight import CANNOT_SEE, Job, Place, Sighting, Why

SETTLE_S = 3.0
"""Longer than a daemon takes to begin a request that was in its queue."""
FIGURES_S = 0.4
"""Between two questions for a transfer's figures while our own request is under way: QEMU answers
them at the cost of the guest's time."""


def place(world: World, system: str, uuid: str) -> Place:
    """Where a partition is on one system; out of sight, too, where that is managed no more."""
    try:
        return world.host(system).look(uuid)
    except (ServerUnreachable, HypervisorRefused, NotFound):
        return CANNOT_SEE


class Looker:
    """Looks for one mover. `progress` is what the last look saw of the transfer. The mover sets
    `retaken` when it has resumed the source, `declined` when the switch to post-copy was refused
    for good, `cleared` when the copies of disks that it leaves are dealt with."""

    def __init__(self, world: World, call: TransferCall) -> None:
        self._world = world
        self._call = call
        self._last: tuple[Place, Place, Job] | None = None
        self._since = 0.0
        self._asked_at = -FIGURES_S
        self.progress: Progress | None = None
        self.retaken = False
        self.declined = False
        self.cleared = False

    def look(self, record: Migration, refusal: str) -> Sighting:
        """One turn's sighting; what cannot be seen is UNKNOWN."""
        answered = self._call.answered
        job = self._job(record)
        target = place(self._world, record.target, record.partition_uuid)
        source = place(self._world, record.source, record.partition_uuid)
        if source.why is Why.POSTCOPY_FAILED and job is Job.RUNNING and not self._call.under_way:
            job = Job.NONE  # libvirt keeps it, and its figures, for somebody to resume it
        now = self._world.clock.monotonic()
        seen = (source, target, job)
        again = seen == self._last
        if not again:
            self._last, self._since = seen, now
        settled = again and (answered or now - self._since >= SETTLE_S)
        refusal = refusal or self._call.refusal
        return Sighting(
            source,
            target,
            job,
            settled,
            refusal,
            retaken=self.retaken,
            declined=self.declined,
            cleared=self.cleared,
        )

    def start_anew(self) -> None:
        """Something was asked for just now: what was seen or done before settles nothing."""
        self._last, self.retaken, self.cleared = None, False, False

    def completed(self, record: Migration) -> Progress | None:
        """The ended transfer's figures: the target keeps them, the source while it is defined."""
        for system in (record.target, record.source):
            try:
                figures = self._world.host(system).completed(record.partition_uuid)
            except (ServerUnreachable, HypervisorRefused):
                continue
            if figures is not None:
                return figures
        return None

    def _job(self, record: Migration) -> Job:
        now = self._world.clock.monotonic()
        if self._call.under_way and now < self._asked_at + FIGURES_S:
            return Job.RUNNING
        self._asked_at = now
        try:
            self.progress = self._world.host(record.source).progress(record.partition_uuid)
        except (ServerUnreachable, HypervisorRefused):
            self.progress = None
            return Job.UNKNOWN
        busy = self.progress is not None or self._call.under_way
        return Job.RUNNING if busy else Job.NONE
