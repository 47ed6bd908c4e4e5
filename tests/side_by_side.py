"""Which worker runs which file: servers on all processors but never more, and the rest beside them.

Tests of real servers measure time, and each of their labs keeps about one processor busy: one more
at once and they disturb each other. What needs no lab mostly waits, for clocks and locks. So there
is one worker more than processors (Makefile), and it takes those files first.
"""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

_WITH_SERVERS = ("tests/lab/", "tests/contract/")


class SideBySide(LoadFileScheduling):
    """As `--dist=loadfile`, with the files that need no lab for the last worker first."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        wants_servers = node is not self.nodes[-1]
        for file in self.workqueue:
            if file.startswith(_WITH_SERVERS) == wants_servers:
                self.workqueue.move_to_end(file, last=False)
                break
        super()._assign_work_unit(node)
