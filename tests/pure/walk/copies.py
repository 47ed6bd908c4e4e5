"""What more can happen where disks are copied: they are at both ends, and one must be kept.

While it runs at the source its disks are written there, and the copies follow. Paused for the
switch-over, both ends have the same. From its start at the target on, only those there are current.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from openlpm.decide.step import Effect
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.migration import Kind, Migration, Phase
from openlpm.model.sight import ABSENT, Sight
from walk.state import AT_BOTH, AT_SOURCE, AT_TARGET, Move, Stage, World, runs
from walk.world import Rules

COPY = DiskCopy("vda", "own", "v", "own", "/own", "raw", 1, 1, "v-m1")


@dataclass(frozen=True)
class CopyRules(Rules):
    """A running partition whose disks are copied."""

    kind: Kind = Kind.ACTIVE
    leased: bool = True
    copies: tuple[DiskCopy, ...] = (COPY,)

    def initial(self) -> World:
        return super().initial()._replace(disks=AT_SOURCE, current=AT_SOURCE)

    def by_itself(self, w: World) -> Iterator[Move]:
        return _written(w, super().by_itself(w))

    def bad_luck(self, w: World) -> Iterator[Move]:
        return _written(w, super().bad_luck(w))

    def help(self, w: World) -> Iterator[Move]:
        return _written(w, super().help(w))

    def _help(self, w: World) -> Iterator[Move]:
        yield from super()._help(w)
        if w.source.state is Sight.OFF and w.target.state is Sight.OFF:
            if w.current & AT_SOURCE:
                yield "the operator activates it at the source", self._run_by_hand(w, AT_SOURCE)
            if w.current & AT_TARGET:
                yield "the operator activates it at the target", self._run_by_hand(w, AT_TARGET)

    def effect(self, w: World, effect: Effect) -> Iterator[Move]:
        if effect is Effect.REMOVE_COPIES:
            gone_from = AT_SOURCE if w.source == ABSENT else AT_TARGET
            yield "removes the copies of its disks", w._replace(disks=w.disks & ~gone_from)
            return
        if effect is Effect.START_TRANSFER:
            made = w._replace(disks=w.disks | AT_TARGET)
            yield "makes volumes at the target, and cannot ask for more", made
            yield from super().effect(made, effect)
            return
        yield from _written(w, super().effect(w, effect))

    def asked(self, w: World) -> World:
        return super().asked(w)._replace(disks=w.disks | AT_TARGET)

    def are_cleared(self, w: World) -> bool:
        return not w.disks & (AT_SOURCE if w.source == ABSENT else AT_TARGET)

    def broken_by(self, before: World, effect: Effect | None, after: World) -> str:
        if effect is not None and not after.excused and not after.disks & after.current:
            return "The only copy of its disks that is current was removed."
        return super().broken_by(before, effect, after)

    def untrue(self, record: Migration, w: World) -> str:
        """What is left of the disks when a move has ended."""
        if record.gone:
            return ""
        if record.phase is Phase.DONE and w.disks & AT_SOURCE and not record.keep_disks:
            return "DONE, but its old disks are left at the source."
        if record.phase is not Phase.DONE and w.source.alive and w.disks & AT_TARGET:
            return f"{record.phase.value.upper()}, but copies of its disks are left at the target."
        return ""


def _written(before: World, moves: Iterator[Move]) -> Iterator[Move]:
    for label, after in moves:
        yield label, after._replace(current=_current(before, after))


def _current(before: World, after: World) -> int:
    if runs(after.target):
        return AT_TARGET
    if runs(after.source):
        return AT_SOURCE
    done = before.stage is Stage.PAUSING and after.stage is Stage.FINISHING
    return AT_BOTH if done else after.current
