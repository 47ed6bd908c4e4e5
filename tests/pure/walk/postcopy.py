"""The outside world of a move that may be switched to post-copy: what comes on top of `world`.

Measured on libvirt 9.0 with QEMU 7.2 (docs/postcopy.md). A transfer under way goes another way:

    stage      source            target             what happens
    send       runs              shell              START_POSTCOPY is accepted
    asked      runs              shell              QEMU will switch; the last pages may come first
    switching  paused/post-copy  shell              device state is on its way
    fetching   paused/post-copy  runs/post-copy     memory is fetched
    confirm    paused/post-copy  runs               the target has all of it
    none       off/migrated      runs               done

What goes wrong, and what comes of it:

* An abort, or a libvirtd that dies, may meet the switch half way: then it can go on at neither end.
* What breaks while it switches takes the shell down, or leaves a definition of it. The source has
  all of the memory, and stays as it is for good: libvirt refuses to resume it.
* What breaks while it fetches can be resumed once the link is back. An answer of that is worth
  nothing: it may say no, and go on. Who asks before it has broken is refused.
* A libvirtd that dies while it fetches leaves the QEMUs to go on alone. For the source's nothing
  changes; when it is the target's, the source says that the post-copy failed.
* Who dies while it fetches takes a half of the memory with it. The other waits for good.
* A guest that meets a disk error at the target is paused, and fetched all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fakes.places import (
    BROKEN_OFF,
    CRASHED,
    FETCHED_FROM,
    FETCHES,
    LACKS,
    OFF,
    PAUSED_BY_TRANSFER,
    RUNS,
    SHELL,
    SHUT_DOWN,
)
from openlpm.decide.step import Effect
from openlpm.model.migration import Kind
from openlpm.model.sight import ABSENT, Place, Sight, Why
from walk.state import AT_SOURCE, AT_TARGET, NOWHERE, REFUSED, SPLIT, Move, Stage, World, runs
from walk.world import Rules

SWITCHED = (Stage.SWITCHING, Stage.FETCHING)


@dataclass(frozen=True)
class PostcopyRules(Rules):
    """What can happen to a running partition whose policy allows post-copy."""

    kind: Kind = Kind.ACTIVE
    leased: bool = False
    postcopy: bool = True

    # ---- what libvirt does by itself -------------------------------------------------------

    def by_itself(self, w: World) -> Iterator[Move]:
        if w.cut:
            yield "the link is back", w._replace(cut=False)
        if w.stage not in (Stage.ASKED, *SWITCHED):
            yield from super().by_itself(w)
            return
        if w.request_under_way:
            yield from self._request_arrives(w)
        if w.stage is Stage.ASKED:
            yield "the switch begins", _switching(w)
            yield "the last pages come first", _pausing(w)
            yield "the transfer fails", self._resumed_by_libvirt(w)
        elif w.stage is Stage.SWITCHING:
            yield "the target runs it", w._replace(stage=Stage.FETCHING, target=FETCHES)
        else:
            has_all = RUNS if runs(w.target) else w.target
            fetched = w._replace(stage=Stage.CONFIRM, target=has_all, whole=AT_TARGET)
            yield "all memory is fetched", fetched

    def _request_arrives(self, w: World) -> Iterator[Move]:
        if w.source.fetching:  # libvirt keeps the job of the transfer before
            yield "the request is refused", w._replace(request_under_way=False)
        else:
            yield from super()._request_arrives(w)

    # ---- faults ----------------------------------------------------------------------------

    def _bad_luck(self, w: World) -> Iterator[Move]:
        yield from super()._bad_luck(w)
        if w.stage is Stage.SWITCHING:
            yield "the connection breaks in the switch", _broken(w)
            left = _broken(w)._replace(target=CRASHED)
            yield "the connection breaks in the switch, a definition is left", left
        elif w.stage is Stage.FETCHING:
            yield "the connection breaks", _broken(w)._replace(cut=True)

    def _source_daemon_dies(self, w: World) -> Iterator[Move]:
        yield from super()._source_daemon_dies(w)
        label = "the source's libvirtd dies and restarts"
        if w.stage is Stage.ASKED:
            yield f"{label}, in the switch", _broken(_switching(w))
        elif w.stage is Stage.SWITCHING:
            yield label, _broken(w)
            yield f"{label}, and knows of no failure", _broken(w)._replace(source=FETCHED_FROM)

    def _target_daemon_dies(self, w: World) -> Iterator[Move]:
        yield from super()._target_daemon_dies(w)
        label = "the target's libvirtd dies and restarts"
        if w.stage is Stage.ASKED:
            yield f"{label}, in the switch", _broken(_switching(w))
        elif w.stage is Stage.SWITCHING:
            yield label, _broken(w)
        elif w.stage is Stage.FETCHING:
            yield f"{label}, QEMU goes on", w._replace(source=BROKEN_OFF)

    def _source_goes_off(self, w: World, how: Place) -> World:
        off = super()._source_goes_off(w, how)
        if w.whole == SPLIT:
            lacking = LACKS if runs(w.target) else w.target
            off = off._replace(stage=Stage.NONE, target=lacking, cut=False)
        return off

    def _target_goes_off(self, w: World, how: Place) -> World:
        if w.whole != SPLIT:
            return super()._target_goes_off(w, how)
        return _broken(w)._replace(target=how, whole=NOWHERE)

    def _shell_dies(self, w: World) -> World:
        if w.stage is Stage.SWITCHING:
            return _broken(w)._replace(target=ABSENT)
        return super()._shell_dies(w)

    def _target_is_lost(self, w: World) -> World:
        if w.whole != SPLIT:
            return super()._target_is_lost(w)
        return self._shell_dies(w) if w.target == SHELL else self._target_goes_off(w, OFF)

    # ---- people ----------------------------------------------------------------------------

    def _help(self, w: World) -> Iterator[Move]:
        both_run = runs(w.source) and runs(w.target)
        if both_run or not (w.source.fetching or w.target.fetching):
            yield from super()._help(w)
        elif not w.target.alive:
            yield "the operator powers it off at the source", self._source_goes_off(w, SHUT_DOWN)
        elif not w.source.fetching:
            yield "the operator powers it off at the target", self._target_goes_off(w, SHUT_DOWN)
        elif w.target.state is Sight.PAUSED and w.whole == AT_TARGET:
            yield "the operator resumes it at the target", self._run_by_hand(w, AT_TARGET)

    # ---- our effects -----------------------------------------------------------------------

    def effect(self, w: World, effect: Effect) -> Iterator[Move]:
        match effect:
            case Effect.FORGO_POSTCOPY:
                yield "goes on without post-copy", w
            case Effect.START_POSTCOPY:
                yield from self._start_postcopy(w)
            case Effect.RESUME_POSTCOPY:
                yield from self._resume_postcopy(w)
            case Effect.ABORT_TRANSFER if w.stage is Stage.ASKED:
                yield "aborts the transfer", self._resumed_by_libvirt(w)
                yield "aborts the transfer in the switch", _broken(_switching(w))
            case Effect.RESUME_SOURCE if w.source.fetching:
                yield REFUSED + "to resume it at the source", w
            case Effect.REMOVE_SHELL if w.stage is Stage.SWITCHING:
                yield "removes the shell", self._shell_dies(w)
            case _:
                yield from super().effect(w, effect)

    def _start_postcopy(self, w: World) -> Iterator[Move]:
        if w.stage in (Stage.NONE, Stage.BEGIN, Stage.SEND):
            yield REFUSED + "the switch", w
        if w.stage is not Stage.NONE:
            stage = Stage.ASKED if w.stage is Stage.SEND else w.stage
            yield "asks for the switch", w._replace(stage=stage)

    def _resume_postcopy(self, w: World) -> Iterator[Move]:
        broken = w.stage is Stage.NONE and w.whole == SPLIT
        if not broken or w.cut:
            yield REFUSED + "to resume the fetching", w
            return
        fetches = FETCHES if runs(w.target) else w.target
        resumed = w._replace(stage=Stage.FETCHING, source=FETCHED_FROM, target=fetches)
        yield "resumes the fetching", resumed
        yield REFUSED + "to resume the fetching, and it goes on", resumed._replace(source=w.source)

    # ---- what must hold --------------------------------------------------------------------

    def broken_by(self, before: World, effect: Effect | None, after: World) -> str:
        if effect is not None and not after.excused:
            if before.whole == SPLIT != after.whole:
                return "A half was destroyed of what is whole only with both."
            if effect in (Effect.RESUME_SOURCE, Effect.RETAKE_LEASE) and before.source.fetching:
                return "It was to be resumed at the source in the midst of post-copy."
            if after.source.why is Why.POSTCOPY_FAILED and not before.source.fetching:
                return "The switch was broken by us: it can go on at neither end."
        return super().broken_by(before, effect, after)


def _switching(w: World) -> World:
    return w._replace(stage=Stage.SWITCHING, source=FETCHED_FROM, whole=SPLIT, unfenced=False)


def _pausing(w: World) -> World:
    paused = PAUSED_BY_TRANSFER if runs(w.source) else w.source
    return w._replace(stage=Stage.PAUSING, source=paused, unfenced=False)


def _broken(w: World) -> World:
    """Both wait. In the switch, libvirt takes the shell down, and the source has all there is."""
    if w.stage is Stage.SWITCHING:
        return w._replace(stage=Stage.NONE, source=BROKEN_OFF, whole=AT_SOURCE)
    lacks = LACKS if runs(w.target) else w.target
    return w._replace(stage=Stage.NONE, source=BROKEN_OFF, target=lacks)
