"""Drives one migration to its end: look at both servers, `advance`, write, act. And again.

A mover holds nothing that a crash could lose. A fresh one, given the same record, goes on from
what it sees: the transfer itself runs between the two daemons, peer-to-peer, without us. The
reconciler calls this same class after a crash; there is no second code path.

    record = journal.migration(id)
    Mover(record, world).run()        # returns when the record is final, or `stop` was called
"""

import threading
from dataclasses import replace

from openlpm.decide.advance import advance, apply
from openlpm.decide.converge import Advice, converge, first_course, why_given_up
from openlpm.decide.gone import hidden_end
from openlpm.decide.invariants import broken
from openlpm.decide.step import Effect, Step
from openlpm.engine.bell import Bell
from openlpm.engine.effects import carry_out
from openlpm.engine.sightings import Looker
from openlpm.engine.telling import Teller, note
from openlpm.engine.transfer import TransferCall
from openlpm.engine.world import World
from openlpm.model.errors import HypervisorRefused, ServerUnreachable
from openlpm.model.event import Level
from openlpm.model.migration import Figures, Halt, Kind, Migration, Phase, Progress
from openlpm.model.sight import Job, Sighting

TURN_S = 0.2
"""The longest time between two looks while nothing rings."""
BACK_OFF_S = 2.0
"""Between two tries of an effect that was refused."""
SWITCH_TRIES = 3
"""Refusals in a row after which a transfer goes on without post-copy."""
CLEAR_TRIES = 3
"""Refusals in a row after which copies of disks are left where they are, and that is told."""
RESUME_EVERY_S = 5.0
"""Between two tries to resume a post-copy whose connection broke."""


class Mover:
    """One migration's driver. `progress` is its live picture, for the faces."""

    def __init__(self, record: Migration, world: World) -> None:
        self.record = record
        self.progress: Progress | None = None
        self.course = first_course(record.policy)
        self.seen: Sighting | None = None
        self._world = world
        self._closing = threading.Event()
        self._bell = Bell()
        self._call = TransferCall(self._bell)
        self._looker = Looker(world, self._call)
        self._written = Step(record.phase)
        self._teller = Teller(record)
        self._refusal = ""
        self._given_up = ""
        self._resume_at = 0.0
        self._refused_switches = 0
        self._refused_clears = 0
        self._accepted_switch = False
        self._measured: Progress | None = None

    @property
    def attention(self) -> str:
        """What an operator should know while it waits; empty while all goes well."""
        return self._written.attention

    def give_up(self, system: str) -> None:
        """Go on without this end, which is proved gone, for as long as it cannot be seen."""
        self._given_up = system
        self._bell.ring()

    def stop(self) -> None:
        """Let go of the migration, unfinished as it is; what runs between the servers goes on."""
        self._closing.set()
        self._bell.ring()

    def ring(self) -> None:
        """Look again at once: something happened."""
        self._bell.ring()

    def run(self) -> None:
        """Turn until the record is final. Raises `StoreFailed` when a turn cannot be written."""
        ends = (self.record.source, self.record.target)
        uuid = self.record.partition_uuid
        unfollow = [self._world.follow(system, uuid, self.ring) for system in ends]
        try:
            while not self._closing.is_set():
                heard = self._bell.count
                self._turn()
                if self.record.phase.final:
                    return
                if not self._is_between_steps():
                    self._bell.wait(heard, BACK_OFF_S if self._refusal else TURN_S)
        finally:
            for stop in unfollow:
                stop()
            self._world.news.ring()

    def _turn(self) -> None:
        record = self._world.journal.migration(self.record.id)
        seen = self._looker.look(record, self._refusal)
        if self._given_up != hidden_end(record, seen):
            self._given_up = ""
        self.record = replace(record, gone=self._given_up)
        step = advance(self.record, seen)
        violated = broken(self.record, seen, step)
        if violated:
            step = Step(self.record.phase, attention=f"Not done, it would break {violated}.")
        self.seen = seen
        if self._closing.is_set():
            return  # the look took long: others may be at it meanwhile
        self._follow_transfer(seen)
        self._write(step, seen)
        self._act(step, seen)

    def _is_between_steps(self) -> bool:
        """The last effect ended at once, and its consequence can be looked at at once."""
        ends_at_once = (Effect.CUT_SOURCE, Effect.REMOVE_COPIES)
        return self._written.effect in ends_at_once and not self._refusal

    def _write(self, step: Step, seen: Sighting) -> None:
        """One transaction for each turn that decided something new."""
        record = apply(self.record, step, self._world.clock.now())
        figures = self._looker.progress
        events = self._teller.told(step, seen, record, figures.sent_bytes if figures else None)
        self._written = step
        if record == self.record and not events:
            return
        if record.phase.final:
            record = replace(record, figures=self._figures(record))
            self._show_end(record)
        unmeasured = record.kind is not Kind.INACTIVE and not self._measured
        if unmeasured and step.effect is Effect.CUT_SOURCE:
            # Of post-copy the source alone knows it; and the target may be out of sight at the end.
            self._measured = self._looker.completed(record)
        self.record = self._world.journal.turn(record, release=record.phase.final, events=events)
        self._world.news.ring()

    def _act(self, step: Step, seen: Sighting) -> None:
        self._refusal = ""
        if step.effect is Effect.RESUME_POSTCOPY and not self._is_time_to_resume():
            return
        if step.effect in (Effect.START_TRANSFER, Effect.RESUME_POSTCOPY):
            self._looker.start_anew()
        try:
            done = carry_out(
                step,
                self.record,
                seen,
                self._world,
                call=self._call,
                pause_ms=self.course.pause_ms,
            )
            if done and step.effect in (Effect.RETAKE_LEASE, Effect.RESUME_SOURCE):
                self._looker.retaken = True
            self._looker.cleared |= done and step.effect is Effect.REMOVE_COPIES
            self._accepted_switch |= step.effect is Effect.START_POSTCOPY
        except HypervisorRefused as error:
            self._refusal = str(error)
            if step.effect is Effect.START_POSTCOPY:
                self._refused_switches += 1
            if step.effect is Effect.REMOVE_COPIES:
                self._leave_copies()
        except ServerUnreachable:
            self._looker.start_anew()  # it may have been asked for all the same
            self._refused_switches = 0
        # One that was accepted may still be on its way, whatever was said of the next.
        declined = self._refused_switches >= SWITCH_TRIES and not self._accepted_switch
        self._looker.declined = declined

    def _leave_copies(self) -> None:
        """No move hangs on a volume that cannot be removed."""
        self._refused_clears += 1
        if self._refused_clears < CLEAR_TRIES:
            return
        self._looker.cleared = True
        message = f"Copies of its disks are left: {self._refusal}"
        event = note(self.record, "migration-copies-left", message, Level.WARNING)
        self._world.journal.tell(event)

    def _is_time_to_resume(self) -> bool:
        """Each try costs both daemons a call, and what broke may take its time to be mended."""
        now = self._world.clock.monotonic()
        if now < self._resume_at:
            return False
        self._resume_at = now + RESUME_EVERY_S
        return True

    def _show_end(self, record: Migration) -> None:
        """Let the inventory show where the partition is, before anybody is told that it is over."""
        uuid = record.partition_uuid
        home = record.target if record.phase is Phase.DONE else record.source
        for system in (record.source, record.target):
            self._world.refresh(system, uuid)
        if record.gone and record.gone != home:
            self._world.forget(record.gone, uuid)

    def _follow_transfer(self, seen: Sighting) -> None:
        """Keep the live figures, and judge each iteration of a transfer under way."""
        latest = self._looker.progress
        if latest is None or seen.job is not Job.RUNNING:
            return
        self.progress = latest.after(self.progress)
        self._world.news.ring()
        record = self.record
        if record.phase is not Phase.SEND or record.halt is not Halt.NONE or record.switched:
            return
        self.course, advice = converge(
            self.course, latest, record.policy, throttled=record.throttled
        )
        match advice:
            case Advice.WIDEN:
                self._widen()
            case Advice.POSTCOPY:
                self._switch()
            case Advice.THROTTLE:
                self._begin_again_throttled()
            case Advice.GIVE_UP:
                why = why_given_up(latest, record.policy, throttled=record.throttled)
                refused = record.reason  # what else might have helped, but was refused
                self._halt(Halt.NO_CONVERGENCE, f"{why} {refused}".strip())
            case Advice.KEEP:
                pass

    def _widen(self) -> None:
        try:
            host = self._world.host(self.record.source)
            host.set_pause_limit(self.record.partition_uuid, self.course.pause_ms)
        except (HypervisorRefused, ServerUnreachable):
            return  # it has just ended, or is out of sight: the next look tells
        message = f"The allowed pause is widened to {self.course.pause_ms} ms."
        self._world.journal.tell(note(self.record, "migration-pause-widened", message))

    def _switch(self) -> None:
        """Written before it is asked for."""
        record = replace(self.record, switched=True)
        message = "It does not converge: the target shall run it and fetch the rest (post-copy)."
        event = note(self.record, "migration-postcopy", message, Level.WARNING)
        self.record = self._world.journal.turn(record, events=[event])

    def _begin_again_throttled(self) -> None:
        self.course = first_course(self.record.policy)
        message = "It begins again, slowing the partition down."
        self._halt(Halt.THROTTLE, self.record.reason, message)

    def _halt(self, halt: Halt, reason: str, message: str = "") -> None:
        record = replace(self.record, halt=halt, reason=reason)
        event = note(record, f"migration-{halt}", message or reason, Level.WARNING)
        self.record = self._world.journal.turn(record, events=[event])

    def _figures(self, record: Migration) -> Figures:
        """What QEMU measured, where it still says so; the end that has the partition knows."""
        times = dict(record.phase_at)
        total_s = round(self._world.clock.now() - record.created_at, 3)
        marks = [record.created_at, *times.values()]
        spans = zip((Phase.CAPTURE, *times), marks, marks[1:], strict=False)
        phase_s = tuple((str(name), round(end - begin, 3)) for name, begin, end in spans)
        if record.kind is Kind.INACTIVE or record.phase is not Phase.DONE:
            return Figures(total_s=total_s, phase_s=phase_s)
        last = self._measured or self._looker.completed(record) or self.progress
        if last is None:
            return Figures(total_s=total_s, phase_s=phase_s)
        return Figures(
            pause_ms=last.pause_ms or None,
            total_s=total_s,
            bytes_sent=last.sent_bytes,
            iterations=last.iteration,
            phase_s=phase_s,
        )
