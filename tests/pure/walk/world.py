"""The outside world of one move: two servers, libvirt's transfer between them, and bad luck.

Read this like a TLA+ module. A `World` is one state; `Rules.by_itself` lists what libvirt does
without being asked, `Rules.bad_luck` what faults and people do, `Rules.effect` what our effects
do. Each move is a pair (label, next world); the label is what a counterexample prints.

libvirt's peer-to-peer transfer (qemu_migration.c) goes through these stages. "Job" is what the
source reports; a request is what a console sent and what has not reached libvirt yet.

    stage      source            target        what happens
    none       as it was         absent        (request under way, perhaps)
    begin      runs              absent        Begin, Prepare: the target's daemon makes the shell
    send       runs              shell         Perform: memory flows
    pausing    paused/migration  shell         the last pages
    finishing  paused/migration  shell, whole  Perform is done, Finish is on its way to the target
    confirm    paused/migration  runs          Finish has answered; Confirm will kill the source
    none       off/migrated      runs          done

What libvirt does when things go wrong, and what this model therefore does:

* A failure up to `finishing` makes the source run again. The shell stays listed for a while.
  QEMU does that by itself, and libvirt 9.0 only takes note (running/resumed): the lease that was
  given up at the pause is not taken again (`unfenced`), until somebody resumes it through libvirt.
* A domain is transient at the target until Finish, which first makes it persistent, then starts
  it. So `OFF` at the target means that Finish was reached: it *may have run*. When Finish fails
  the shell vanishes, or stays defined and off (shut off: failed).
* Killed and restarted, the source's daemon cancels in `begin`, `send`, `pausing`. In `finishing`
  and `confirm` it does not know how Finish went: the source stays paused and somebody else has
  to decide, while the Finish request may be on its way still (`finish_under_way`).
* Killed and restarted, the target's daemon removes a shell that does not run yet. The source
  reads the broken connection as a failure and resumes: harmless before the target ran. After
  that the lease refuses it; without a lease, libvirt itself makes the partition run twice.
* A restarted daemon no longer knows why a domain is off.
* Only a running domain holds the lease; pausing releases it.
* A server that is `lost` has no power any more: nobody sees it, its guests are dead, its
  definitions are on its disk. With a lease it may stay so for ever; without one, which nothing
  could prove, it comes back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fakes.places import (
    CRASHED,
    FROZEN,
    MIGRATED,
    OFF,
    PAUSED_BY_TRANSFER,
    PAUSED_BY_USER,
    RESUMED,
    RUNS,
    SHELL,
    SHUT_DOWN,
)
from openlpm.decide.gone import needs_free_lease
from openlpm.decide.step import Effect
from openlpm.model.disk_copy import DiskCopy
from openlpm.model.errors import Conflict
from openlpm.model.migration import Kind, Migration
from openlpm.model.sight import ABSENT, Place, Sight, Sighting, Why
from walk.state import (
    AT_BOTH,
    AT_SOURCE,
    AT_TARGET,
    CANCELLABLE,
    NOWHERE,
    REFUSED,
    Move,
    Stage,
    World,
    lose,
    not_at_the_lost,
    off_at_target,
    runs,
    runs_at_target,
    without_shell,
)


@dataclass(frozen=True)
class Rules:
    """What can happen, for one kind of move, with a lease or without."""

    kind: Kind
    leased: bool
    postcopy: bool = False
    copies: tuple[DiskCopy, ...] = ()

    def initial(self) -> World:
        match self.kind:
            case Kind.ACTIVE:
                return World(RUNS)
            case Kind.SUSPENDED:
                return World(PAUSED_BY_USER)
            case _:
                return World(OFF, whole=NOWHERE)

    def may_be_settled(self, w: World) -> bool:
        """No request of an earlier console can still be on its way.

        With a lease a late Finish is allowed even here: safety must not rest on our patience.
        """
        return not w.request_under_way and (self.leased or not w.finish_under_way)

    # ---- what libvirt does by itself -------------------------------------------------------

    def by_itself(self, w: World) -> Iterator[Move]:
        if w.request_under_way:
            yield from self._request_arrives(w)
        match w.stage:
            case Stage.BEGIN:
                yield (
                    "the target's daemon makes the shell",
                    w._replace(stage=Stage.SEND, target=SHELL),
                )
                yield "Prepare fails", w._replace(stage=Stage.NONE)
            case Stage.SEND:
                yield (
                    "the switch-over begins",
                    w._replace(
                        stage=Stage.PAUSING,
                        source=PAUSED_BY_TRANSFER if runs(w.source) else w.source,
                        unfenced=False,
                    ),
                )
                yield "the transfer fails", self._resumed_by_libvirt(w)
            case Stage.PAUSING:
                yield (
                    "all memory is across",
                    w._replace(stage=Stage.FINISHING, whole=w.whole | AT_TARGET),
                )
                yield "the transfer fails in its last round", self._resumed_by_libvirt(w)
            case Stage.FINISHING:
                yield from self._finish(w)
            case Stage.CONFIRM:
                yield (
                    "Confirm ends the source",
                    w._replace(
                        stage=Stage.NONE,
                        source=MIGRATED if w.source.alive else w.source,
                        whole=lose(w.whole, AT_SOURCE),
                    ),
                )
            case _:
                yield from self._left_behind(w)
        if w.lost and not self.leased:
            yield "the lost server is back", w._replace(lost=NOWHERE)

    def _request_arrives(self, w: World) -> Iterator[Move]:
        gone = w._replace(request_under_way=False)
        yield "the request is refused", gone
        if w.lost:
            return
        if self.kind is Kind.INACTIVE:
            if w.target == ABSENT:
                yield "the definition arrives", gone._replace(target=OFF)
        elif w.stage is Stage.NONE and w.source.alive and w.target == ABSENT:
            yield "libvirt begins the transfer", gone._replace(stage=Stage.BEGIN)

    def _finish(self, w: World) -> Iterator[Move]:
        """The target's daemon handles Finish: makes it persistent, then starts it (or not)."""
        orphaned = w.finish_under_way
        done = w._replace(stage=Stage.NONE if orphaned else Stage.CONFIRM, finish_under_way=False)
        if self.kind is Kind.SUSPENDED:
            yield "Finish leaves it paused at the target", done._replace(target=PAUSED_BY_USER)
        elif self.may_run(w, AT_TARGET):
            yield "Finish starts it at the target", runs_at_target(done)
            if w.source.why is Why.USER:
                yield "Finish leaves it paused at the target", done._replace(target=PAUSED_BY_USER)
        failed = w._replace(finish_under_way=False, whole=lose(w.whole, AT_TARGET))
        if not orphaned:
            failed = self._resumed_by_libvirt(failed)
        yield "Finish fails, the shell is removed", failed._replace(target=ABSENT)
        yield "Finish fails, a definition is left at the target", failed._replace(target=CRASHED)

    def _left_behind(self, w: World) -> Iterator[Move]:
        if w.target == SHELL:
            if w.finish_under_way:
                yield from self._finish(w)
            else:
                yield (
                    "libvirt removes the shell",
                    w._replace(target=ABSENT, whole=lose(w.whole, AT_TARGET)),
                )

    def _resumed_by_libvirt(self, w: World) -> World:
        """The transfer failed: libvirt lets the source run again, if the transfer paused it."""
        if w.source == PAUSED_BY_TRANSFER:
            w = w._replace(source=RESUMED if self.leased else RUNS, unfenced=self.leased)
        whole = w.whole & AT_SOURCE if runs(w.source) else w.whole
        return w._replace(stage=Stage.NONE, whole=whole)

    def may_run(self, w: World, end: int) -> bool:
        """The lease lets it: nobody else holds it."""
        other = w.target if end == AT_SOURCE else w.source
        return not (self.leased and runs(other)) or (w.unfenced and end == AT_TARGET)

    # ---- faults and people -----------------------------------------------------------------

    def bad_luck(self, w: World) -> Iterator[Move]:
        return not_at_the_lost(w, self._bad_luck(w))

    def _bad_luck(self, w: World) -> Iterator[Move]:
        yield from self._source_daemon_dies(w)
        yield from self._target_daemon_dies(w)
        yield from self._server_is_lost(w)
        yield from self._guests_die(w)
        yield from self._people(w)

    def _source_daemon_dies(self, w: World) -> Iterator[Move]:
        label = "the source's libvirtd dies and restarts"
        if w.stage in CANCELLABLE:
            yield label, self._resumed_by_libvirt(w)
        elif w.stage is Stage.FINISHING:
            yield f"{label}, Finish was not sent", w._replace(stage=Stage.NONE)
            yield (
                f"{label}, Finish is on its way",
                w._replace(stage=Stage.NONE, finish_under_way=True),
            )
        elif w.stage is Stage.CONFIRM:
            yield label, w._replace(stage=Stage.NONE)
        elif w.source.state is Sight.OFF:
            yield label, w._replace(source=OFF)

    def _target_daemon_dies(self, w: World) -> Iterator[Move]:
        label = "the target's libvirtd dies and restarts"
        if w.stage in CANCELLABLE:
            yield label, self._resumed_by_libvirt(w)
        elif w.stage is Stage.FINISHING or w.finish_under_way:
            after = w._replace(finish_under_way=False, whole=lose(w.whole, AT_TARGET))
            after = self._resumed_by_libvirt(after) if w.stage is Stage.FINISHING else after
            if w.target == SHELL:
                yield label, after
                yield f"{label}, a definition is left", after._replace(target=CRASHED)
        elif w.stage is Stage.CONFIRM:
            if self.leased or w.source != PAUSED_BY_TRANSFER or w.target != RUNS:
                yield label, w._replace(stage=Stage.NONE)
            else:  # libvirt's own split brain: what a lease is for
                yield (
                    f"{label}, and without a lease the source runs too",
                    w._replace(stage=Stage.NONE, source=RUNS, excused=True),
                )
        elif w.target.state is Sight.OFF:
            yield label, w._replace(target=OFF)

    def _server_is_lost(self, w: World) -> Iterator[Move]:
        if not w.lost:
            yield from self._source_is_lost(w)
            yield "the target is lost", self._target_is_lost(w)._replace(lost=AT_TARGET)

    def _source_is_lost(self, w: World) -> Iterator[Move]:
        off = self._source_goes_off(w, OFF) if w.source != ABSENT else w
        finishes = w.stage is Stage.FINISHING
        off = off._replace(stage=Stage.NONE, request_under_way=False, lost=AT_SOURCE)
        yield "the source is lost", off
        if finishes:
            yield "the source is lost, Finish is on its way", off._replace(finish_under_way=True)

    def _target_is_lost(self, w: World) -> World:
        after = w._replace(
            target=ABSENT if w.target in (ABSENT, SHELL) else OFF,
            whole=lose(w.whole, AT_TARGET),
            finish_under_way=False,
        )
        resumed = w.stage in (*CANCELLABLE, Stage.FINISHING)
        return self._resumed_by_libvirt(after) if resumed else after

    def _guests_die(self, w: World) -> Iterator[Move]:
        if w.source.alive:
            yield "the source's guest is killed", self._source_goes_off(w, CRASHED)
        if runs(w.source):
            yield "the guest shuts itself down at the source", self._source_goes_off(w, SHUT_DOWN)
        if w.target == SHELL:
            yield "the target's shell is killed", self._shell_dies(w)
        elif w.target.alive:
            yield "the target's guest is killed", self._target_goes_off(w, CRASHED)
        if runs(w.target):
            off = self._target_goes_off(w, SHUT_DOWN)
            yield "the guest shuts itself down at the target", off

    def _source_goes_off(self, w: World, how: Place) -> World:
        stage = Stage.NONE if w.stage in CANCELLABLE else w.stage
        off = w._replace(source=how, stage=stage, whole=lose(w.whole, AT_SOURCE))
        return off._replace(unfenced=False, paused_by_us=False)

    def _target_goes_off(self, w: World, how: Place) -> World:
        return off_at_target(w, how)

    def _shell_dies(self, w: World) -> World:
        after = without_shell(w)
        return after if w.stage is Stage.NONE else self._resumed_by_libvirt(after)

    def _people(self, w: World) -> Iterator[Move]:
        at_rest = w.stage is Stage.NONE
        if runs(w.source):
            # Not running, it holds no lease: nothing keeps a late Finish from an old copy then.
            excused = w.excused or (w.finish_under_way and w.target == SHELL)
            yield (
                "a user pauses it at the source",
                w._replace(source=PAUSED_BY_USER, excused=excused, unfenced=False),
            )
            yield (
                "it freezes at the source (disk error)",
                w._replace(source=FROZEN, excused=excused, unfenced=False),
            )
        if w.target == RUNS:
            yield "a user pauses it at the target", w._replace(target=PAUSED_BY_USER)
        if runs(w.target):
            yield "it freezes at the target (disk error)", w._replace(target=FROZEN)
        if at_rest and w.source == PAUSED_BY_USER and self.may_run(w, AT_SOURCE):
            yield "a user resumes it at the source", self._run_by_hand(w, AT_SOURCE)
        if at_rest and w.source.state is Sight.OFF and self.may_run(w, AT_SOURCE):
            yield "a user activates it at the source", self._run_by_hand(w, AT_SOURCE)
        if at_rest and w.target == PAUSED_BY_USER and self.may_run(w, AT_TARGET):
            yield "a user resumes it at the target", self._run_by_hand(w, AT_TARGET)
        if at_rest and w.target.state is Sight.OFF and self.may_run(w, AT_TARGET):
            yield "a user activates it at the target", self._run_by_hand(w, AT_TARGET)

    def _run_by_hand(self, w: World, end: int) -> World:
        """People may make two of it, or run an old copy: that is not our doing."""
        other = w.target if end == AT_SOURCE else w.source
        stale = bool(w.whole) and not w.whole & end
        one_of_two = other.alive and w.whole == AT_BOTH
        doubled = other.state is Sight.RUNNING or w.finish_under_way
        excused = w.excused or stale or one_of_two or doubled
        if end == AT_SOURCE:
            after = w._replace(source=RUNS, whole=AT_SOURCE, excused=excused)
            return after._replace(unfenced=False, paused_by_us=False)
        return runs_at_target(w)._replace(excused=excused)

    def proves_gone(self, w: World, record: Migration, seen: Sighting) -> bool:
        """The console would let an operator give up the end that it cannot see."""
        try:
            needs = needs_free_lease(record, seen)
        except Conflict:
            return False
        return not needs or not (runs(w.source) or runs(w.target))

    def help(self, w: World) -> Iterator[Move]:
        """What an operator does when the console asks for hands (and only then)."""
        return not_at_the_lost(w, self._help(w))

    def _help(self, w: World) -> Iterator[Move]:
        if w.source.alive and w.target.alive and w.target != SHELL:
            yield "the operator powers it off at the target", off_at_target(w, SHUT_DOWN)
            yield "the operator powers it off at the source", self._source_goes_off(w, SHUT_DOWN)
        if w.source.state is Sight.PAUSED and w.target.state is Sight.OFF:
            yield "the operator resumes it at the source", self._run_by_hand(w, AT_SOURCE)
            yield "the operator activates it at the target", self._run_by_hand(w, AT_TARGET)

    # ---- our effects -----------------------------------------------------------------------

    def effect(self, w: World, effect: Effect) -> Iterator[Move]:
        """What an effect may do when it gets there. Labels beginning with REFUSED come back so."""
        match effect:
            case Effect.START_TRANSFER:
                yield "asks for the transfer", w._replace(request_under_way=True)
            case Effect.DEFINE_TARGET:
                yield REFUSED + "to define it at the target", w
                target = OFF if w.target == ABSENT else w.target
                yield "defines it at the target", w._replace(target=target)
            case Effect.ABORT_TRANSFER:
                aborted = self._resumed_by_libvirt(w) if w.stage in CANCELLABLE else w
                yield "aborts the transfer", aborted
            case Effect.RESUME_SOURCE:
                yield from self._resume_source(w)
            case Effect.RETAKE_LEASE:
                yield from self._retake_lease(w)
            case Effect.REMOVE_SHELL:
                gone = without_shell(w)
                guarded = w.target == SHELL or w.target.state is Sight.OFF
                yield "removes the shell", gone if guarded else w
            case Effect.CUT_SOURCE:
                gone = w._replace(source=ABSENT, whole=lose(w.whole, AT_SOURCE))
                yield "removes it from the source", w if runs(w.source) else gone
            case _:
                raise AssertionError(effect)

    def asked(self, w: World) -> World:
        """What a console leaves that dies as it asks for the move."""
        return w._replace(request_under_way=True)

    def unguarded(self, w: World, effect: Effect) -> Iterator[Move]:
        """A planted bug: removal without a look at that end right before."""
        if effect is Effect.REMOVE_SHELL:
            yield "removes the shell", without_shell(w)
        elif effect is Effect.CUT_SOURCE:
            yield (
                "removes it from the source",
                w._replace(source=ABSENT, whole=lose(w.whole, AT_SOURCE)),
            )
        else:
            yield from self.effect(w, effect)

    def _resume_source(self, w: World) -> Iterator[Move]:
        if w.source.state is Sight.PAUSED and self.may_run(w, AT_SOURCE):
            # That an old copy runs is what `broken_by` finds: AT_SOURCE is not in `whole` then.
            whole = AT_SOURCE if w.whole & AT_SOURCE else NOWHERE
            after = RESUMED if self.leased else RUNS
            resumed = w._replace(source=after, whole=whole, paused_by_us=False)
            yield "resumes it at the source", resumed
        else:
            yield REFUSED + "to resume it at the source", w

    def _retake_lease(self, w: World) -> Iterator[Move]:
        """Two calls: between them it is paused, as by a user."""
        if not runs(w.source):
            yield REFUSED + "to pause it at the source", w
            return
        paused = self.paused_to_retake(w)
        if self.may_run(paused, AT_SOURCE):
            resumed = paused._replace(source=RESUMED, paused_by_us=False)
            yield "pauses and resumes it at the source", resumed
        else:
            yield REFUSED + "to resume it at the source", paused

    def paused_to_retake(self, w: World) -> World:
        """Where a console that dies between the two calls leaves it."""
        excused = w.excused or (w.finish_under_way and w.target == SHELL)
        return w._replace(source=PAUSED_BY_USER, unfenced=False, excused=excused, paused_by_us=True)

    def are_cleared(self, w: World) -> bool:
        """No copy of its disks is left where it is not; there is none here."""
        return w.disks == NOWHERE

    # ---- what must hold --------------------------------------------------------------------

    def untrue(self, record: Migration, w: World) -> str:
        """What more a final record says that is not so."""
        del record, w
        return ""

    def broken_by(self, before: World, effect: Effect | None, after: World) -> str:
        """Which promise this move of the world breaks; empty when none."""
        if after.excused:
            return ""
        if runs(after.source) and runs(after.target):
            return "It runs on both servers."
        if after.source == ABSENT and (after.target in (ABSENT, SHELL)):
            return "Neither server has it any more."
        if before.target != RUNS and after.target == RUNS and before.whole == AT_SOURCE:
            return "An old copy was started at the target."
        ours = effect is not None
        resumed = not runs(before.source) and runs(after.source)
        if ours and resumed and not after.whole & AT_SOURCE:
            return "An old copy was resumed at the source: what ran at the target is lost."
        if ours and before.whole and not after.whole:
            return "The last whole copy was destroyed."
        return ""
