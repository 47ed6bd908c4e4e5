"""What a state of the outside world is: two places, libvirt's transfer between them, and a ghost.

`whole` is the ghost variable that the safety checks rest on: at which ends there is a copy of
the partition's memory that is up to date. Whoever runs has the only one; in post-copy it is SPLIT,
whole only with both ends. `excused` is set when people or libvirt itself (not we) have made two of
it, or when a guest died between our look and our act: then loss is not our doing, and only honesty
is still checked.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from fakes.places import RUNS
from openlpm.model.sight import ABSENT, Job, Place, Sight, Why

NOWHERE, AT_SOURCE, AT_TARGET, AT_BOTH, SPLIT = 0, 1, 2, 3, 4


class Stage(StrEnum):
    """How far libvirt's own transfer is."""

    NONE = "none"
    BEGIN = "begin"
    SEND = "send"
    PAUSING = "pausing"
    FINISHING = "finishing"
    CONFIRM = "confirm"
    ASKED = "asked"  # to switch to post-copy
    SWITCHING = "switching"
    FETCHING = "fetching"


CANCELLABLE = (Stage.BEGIN, Stage.SEND, Stage.PAUSING, Stage.ASKED)


class World(NamedTuple):
    """One state of everything that is not ours. `cut`: no post-copy can be resumed just now.

    `disks`: at which ends there are copies of its disks, where the servers share none; `current`:
    at which ends these are as the partition last wrote them (see `copies`).
    """

    source: Place
    target: Place = ABSENT
    stage: Stage = Stage.NONE
    request_under_way: bool = False
    finish_under_way: bool = False
    whole: int = AT_SOURCE
    excused: bool = False
    unfenced: bool = False
    paused_by_us: bool = False
    lost: int = NOWHERE
    cut: bool = False
    disks: int = NOWHERE
    current: int = NOWHERE

    @property
    def job(self) -> Job:
        """As the console reads it: the job that libvirt keeps of a broken post-copy is none."""
        none = self.stage is Stage.NONE or self.source.why is Why.POSTCOPY_FAILED
        return Job.NONE if none else Job.RUNNING

    def __str__(self) -> str:
        extra = [self.stage.value] if self.stage is not Stage.NONE else []
        extra += ["request under way"] * self.request_under_way
        extra += ["Finish under way"] * self.finish_under_way
        extra += ["excused"] * self.excused
        extra += ["without its lease"] * self.unfenced
        extra += ["paused by us"] * self.paused_by_us
        extra += ["the link is cut"] * self.cut
        extra += ["whole only with both"] * (self.whole == SPLIT)
        extra += ["the source is lost"] * bool(self.lost & AT_SOURCE)
        extra += ["the target is lost"] * bool(self.lost & AT_TARGET)
        extra += [f"disks at {self.disks}, current at {self.current}"] * bool(self.disks)
        told = f"source {_words(self.source)}, target {_words(self.target)}"
        return f"{told} ({', '.join(extra)})" if extra else told


def _words(place: Place) -> str:
    return place.state.value + (f"/{place.why.value}" if place.why is not Why.NONE else "")


Move = tuple[str, World]


def not_at_the_lost(w: World, moves: Iterator[Move]) -> Iterator[Move]:
    """Nothing happens any more at a server without power."""
    for label, after in moves:
        same_source = after.source == w.source or not w.lost & AT_SOURCE
        if same_source and (after.target == w.target or not w.lost & AT_TARGET):
            yield label, after


REFUSED = "is refused "


def runs(place: Place) -> bool:
    return place.state is Sight.RUNNING


def lose(whole: int, end: int) -> int:
    """Where it is whole when one end has lost its copy."""
    return NOWHERE if whole == SPLIT else whole & ~end


def without_shell(w: World) -> World:
    """Gone from the target; a Finish for it will find nothing."""
    return w._replace(target=ABSENT, whole=lose(w.whole, AT_TARGET), finish_under_way=False)


def runs_at_target(w: World) -> World:
    return w._replace(target=RUNS, whole=AT_TARGET)


def off_at_target(w: World, how: Place) -> World:
    return w._replace(target=how, whole=lose(w.whole, AT_TARGET))
