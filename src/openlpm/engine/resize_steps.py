"""The steps of one resizing, done in order; a refused one has those before it taken back.

Units are counted by the partition's mark: it says more before the server gives more, and less only
after the server gives less. So what is promised is never less than what is given, whenever a
console dies.
"""

from collections.abc import Sequence
from dataclasses import replace

from openlpm.model.errors import OpenLpmError
from openlpm.model.partition import Mark, Partition
from openlpm.model.resize import Change, Entitlement, Memory, Plug, Processors, Step
from openlpm.ports import Host


class Steps:
    """Of one partition. `stored`: adapters change in its stored definition, too.

    `told`: what was done; `unused`: why its guest may not use new processors, "" if it does;
    `divides`: its server divides processor time.
    """

    def __init__(self, host: Host, partition: Partition, *, stored: bool) -> None:
        self._host = host
        self._uuid = partition.uuid
        self._name = partition.name
        self._mark = partition.mark or Mark(0)
        self._stored = stored
        self.told: list[str] = []
        self.unused = ""
        self.divides = True

    def all(self, changes: Sequence[Change]) -> None:
        """Do them. Raises as the first that was refused, what became of the others in its cause."""
        done: list[Change] = []
        for change in changes:
            try:
                self._do(change.step)
            except OpenLpmError as error:
                # Its two halves, shares and promise, may both be done or one of them.
                begun = [change] if isinstance(change.step, Entitlement) else []
                raise self._refused(error, change.step, [*done, *begun]) from error
            done.append(change)
        self.told = [str(change.step) for change in done]

    def _refused(self, error: OpenLpmError, step: Step, done: Sequence[Change]) -> OpenLpmError:
        left = self._take_back(done)
        what = [f"Refused: {step}."]
        if done and not left:
            what.append("What was done before is taken back.")
        if left:
            what.append(f"Done, and not to be taken back: {', '.join(map(str, left))}.")
        return type(error)(
            error.code,
            error.message,
            cause=" ".join(filter(None, [error.cause, *what])),
            remedy=error.remedy,
        )

    def _take_back(self, done: Sequence[Change]) -> list[Step]:
        """The last one first; those that could not be."""
        left: list[Step] = []
        for change in reversed(done):
            try:
                self._do(change.back)
            except OpenLpmError:
                left.append(change.step)
        return left

    def _do(self, step: Step) -> None:
        match step:
            case Memory(mib):
                self._host.set_memory(self._uuid, mib)
            case Processors(count):
                self.unused = self._host.set_processors(self._uuid, count)
            case Entitlement():
                self._divide(step)
            case Plug(adapter):
                self._host.plug(self._uuid, adapter, stored=self._stored)
            case _:
                self._host.unplug(self._uuid, step.adapter.key, stored=self._stored)

    def _divide(self, step: Entitlement) -> None:
        mark = replace(self._mark, processing_units=step.units)
        more = step.units > self._mark.processing_units
        if more:
            self._promise(mark)
        self.divides = self._host.set_entitlement(
            self._uuid, step.units, step.processors, capped=step.capped
        )
        if not more:
            self._promise(mark)

    def _promise(self, mark: Mark) -> None:
        self._host.write_mark(self._uuid, mark)
        self._mark = mark
