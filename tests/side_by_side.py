"""Which worker runs which file: servers on all processors but never more, and the rest beside them.

Tests of real servers measure time, and each of their labs keeps about one processor busy: one more
at once and they disturb each other. What needs no lab mostly waits, for clocks and locks. So there
is one worker more than processors (Makefile), the spare one: it runs what needs no lab, and gives
way to the others (`give_way`). They help it when they have no servers left.

What measures processor time is the last, by itself (`ALONE`): the worker that is left takes it.
"""

import os

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

_WITH_SERVERS = ("tests/lab/", "tests/contract/")
_NICENESS = 5
ALONE = ("tests/lab/test_entitlement.py",)


def give_way() -> None:
    """In the spare worker: let the others have the processors first."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count > 1 and os.environ["PYTEST_XDIST_WORKER"] == _spare(count):
        os.nice(_NICENESS)


def _spare(count: int) -> str:
    return f"gw{count - 1}"


class SideBySide(LoadFileScheduling):
    """As `--dist=loadfile`, with no servers for the spare worker as long as there are others."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        spare = node.gateway.id == _spare(self.numnodes)
        alone = [f for f in self.workqueue if f in ALONE]
        beside = [f for f in self.workqueue if f not in ALONE]
        fitting = [f for f in beside if f.startswith(_WITH_SERVERS) != spare]
        if not spare or len(self.nodes) == 1:
            fitting += beside
        if all(other is node or other.shutting_down for other in self.nodes):
            fitting += beside + alone
        if fitting:
            self.workqueue.move_to_end(fitting[0], last=False)
            super()._assign_work_unit(node)
        else:
            node.shutdown()
