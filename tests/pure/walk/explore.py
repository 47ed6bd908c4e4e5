"""The search: every state that a console and the world can reach together, breadth first.

A state is (record, console, world). The console is the real `advance`, `apply`
and `broken`, driven as the engine drives them:

    idle --the job--> half --the target--> half --the source, decide, write--> written --act--> idle

Between any two of these arrows the world may move, bad luck may strike, and the console may die
and start afresh knowing nothing but the record. Deciding and writing are one arrow because
neither depends on the world. Any look may be blind.

Strokes of bad luck are counted: first all is walked that needs none, then what one stroke adds,
and so on. So each state is expanded once, with as much luck left as it can be reached with.
`walk` returns a `Walk`; its `trace` is a short way to what went wrong, or empty.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import NamedTuple

from openlpm.decide import advance as real
from openlpm.decide.gone import hidden_end
from openlpm.decide.invariants import broken
from openlpm.decide.step import Effect, Step
from openlpm.model.migration import Halt, Kind, Migration, Phase
from openlpm.model.policy import Policy
from openlpm.model.sight import CANNOT_SEE, Job, Place, Sight, Sighting
from walk.graph import circles
from walk.honest import goes_back, slips_through, untrue
from walk.numbers import Numbers
from walk.state import AT_BOTH, AT_SOURCE, AT_TARGET, REFUSED, Stage, World
from walk.world import Rules

Advance = Callable[[Migration, Sighting], Step]
Acts = Callable[[World, Effect], Iterator[tuple[str, World]]]
Seen = tuple[Place, Place]


class Idle(NamedTuple):
    """Between two turns. `last`: what the last look saw, when it could be an end."""

    last: Seen | None = None
    refused: bool = False
    retaken: bool = False


class Half(NamedTuple):
    """The job has been looked at, then perhaps the target, the source not yet.

    `quiet`: when this look began, nothing an earlier console asked for was on its way.
    """

    job: Job
    quiet: bool
    target: Place | None
    last: Seen | None
    refused: bool
    retaken: bool


class Written(NamedTuple):
    """The record is written, its effect not yet carried out."""

    effect: Effect
    last: Seen | None
    retaken: bool


Console = Idle | Half | Written


class State(NamedTuple):
    """All there is at one moment."""

    record: Migration
    console: Console
    world: World


class Move(NamedTuple):
    """One arrow. `fair`: it will happen sooner or later, without any bad luck. `ours`: we act."""

    label: str
    after: State
    fair: bool = True
    ours: bool = False
    bad_luck: bool = False


@dataclass(frozen=True)
class Engine:
    """What is tried out: the real thing, or one with a planted bug."""

    advance: Advance = real.advance
    writes_first: bool = True
    looks_before_removal: bool = True
    watches_invariants: bool = True
    waits_to_settle: bool = True


REAL = Engine()
HANDS = (Effect.WAIT, Effect.RESUME_POSTCOPY)
"""Where the console may ask for an operator's hands."""


@dataclass
class Walk:
    """What a walk found. `trace` is empty when all is well."""

    states: int = 0
    moves: int = 0
    ends: int = 0
    trace: list[str] = field(default_factory=list)
    complaint: str = ""

    def __str__(self) -> str:
        steps = "\n".join(f"  {i:2} {line}" for i, line in enumerate(self.trace))
        return f"{self.complaint}\n{steps}" if self.complaint else f"{self.states} states, all well"


class _Found(Exception):
    """A promise is broken: at `state`, by `label` leading to `after`."""

    def __init__(self, complaint: str, state: int, label: str = "", after: str = "") -> None:
        super().__init__(complaint)
        self.complaint, self.state, self.label, self.after = complaint, state, label, after


class Explorer:
    """One walk. Everything that depends on few values is computed once and remembered."""

    def __init__(self, rules: Rules, luck: int, engine: Engine = REAL) -> None:
        self.rules, self.luck, self.engine = rules, luck, engine
        self.acts: Acts = rules.effect if engine.looks_before_removal else rules.unguarded
        self.records: Numbers[Migration] = Numbers()
        self.consoles: Numbers[Console] = Numbers()
        self.worlds: Numbers[World] = Numbers()
        self.nodes: Numbers[tuple[int, int, int]] = Numbers()
        self.parents: list[tuple[int, str]] = []
        self.fair: list[list[tuple[int, bool]]] = []
        self.moves = 0
        self._decided: dict[tuple[Migration, Sighting], tuple[Step, Migration, str]] = {}
        self._alone = cache(lambda world: self._kept(rules.by_itself(world)))
        self._unlucky = cache(lambda world: self._kept(rules.bad_luck(world)))
        self._act = cache(lambda world, effect: self._kept(self.acts(world, effect)))
        self._halted = cache(self._halted_of)

    # ---- the search ------------------------------------------------------------------------

    def walk(self, first: World | None) -> Walk:
        found = Walk()
        record = Migration("m1", "u", "web1", "a", "b", self.rules.kind, leased=self.rules.leased)
        record = replace(record, policy=Policy(postcopy=self.rules.postcopy))
        record = replace(record, copies=self.rules.copies)
        if first is not None:  # a console that finds a move half way
            record = replace(record, phase=Phase.SEND, asked=True)
        try:
            self._explore(State(record, Idle(), first or self.rules.initial()))
            self._every_state_ends()
            self._no_livelock()
        except _Found as bad:
            found.complaint = bad.complaint
            found.trace = self._trace(bad)
        found.states, found.moves = len(self.nodes.things), self.moves
        found.ends = sum(self._is_final(node) for node in range(found.states))
        return found

    def _explore(self, first: State) -> None:
        self._add(first, -1, "")
        here = 0
        for luck_left in range(self.luck, -1, -1):
            unlucky: list[tuple[Move, int]] = []
            while here < len(self.nodes.things):
                self._expand(here, unlucky if luck_left else None)
                here += 1
            for move, before in unlucky:
                self._add(move.after, before, move.label)

    def _add(self, state: State, before: int, label: str) -> int:
        record, console, world = state
        numbers = (
            self.records.number(record),
            self.consoles.number(console),
            self.worlds.number(world),
        )
        node = self.nodes.number(numbers)
        if node == len(self.parents):
            self.parents.append((before, label))
        return node

    def _state(self, node: int) -> State:
        record, console, world = self.nodes.things[node]
        return State(
            self.records.things[record], self.consoles.things[console], self.worlds.things[world]
        )

    def _is_final(self, node: int) -> bool:
        return self.records.things[self.nodes.things[node][0]].phase.final

    def _expand(self, here: int, unlucky: list[tuple[Move, int]] | None) -> None:
        state = self._state(here)
        if state.record.phase.final:
            complaint = untrue(state.record, state.world)
            complaint = complaint or self.rules.untrue(state.record, state.world)
            if complaint:
                raise _Found(complaint, here)
        fair: list[tuple[int, bool]] = []
        self.fair.append(fair)
        for move in self._moves(here, state, unlucky is not None):
            self.moves += 1
            if unlucky is not None and move.bad_luck:
                unlucky.append((move, here))
            elif not move.bad_luck:
                there = self._add(move.after, here, move.label)
                if move.fair:
                    fair.append((there, move.ours))

    def _trace(self, bad: _Found) -> list[str]:
        lines = [f"{bad.label}  -> {bad.after}"] if bad.label else []
        at = bad.state
        while at >= 0:
            parent, label = self.parents[at]
            lines.append(f"{label or 'begin'}  -> {describe(self._state(at))}")
            at = parent
        return lines[::-1]

    # ---- moves -----------------------------------------------------------------------------

    def _moves(self, here: int, state: State, luck: bool) -> Iterator[Move]:
        record, console, world = state
        for label, after in self._alone(world):
            self._check(here, world, None, label, after)
            yield Move(label, State(record, console, after))
        if record.phase.final:
            return
        yield from self._turn(here, state)
        yield from self._halts(state)
        if luck:
            if console != Idle():
                crashed = state._replace(console=Idle())
                yield Move("the console dies and starts again", crashed, bad_luck=True)
            for label, after in self._unlucky(world):
                self._check(here, world, None, label, after)
                between = not isinstance(console, Idle) and slips_through(world, after)
                struck = after._replace(excused=True) if between else after
                yield Move(label, State(record, console, struck), bad_luck=True)

    def _halts(self, state: State) -> Iterator[Move]:
        record, console, world = state
        for label, changed in self._halted(record, world.stage is Stage.SEND):
            yield Move(label, State(changed, console, world), fair=False)

    def _halted_of(self, record: Migration, flows: bool) -> list[tuple[str, Migration]]:
        halts = [Halt.OPERATOR] if record.halt is not Halt.OPERATOR else []
        sending = flows and record.phase is Phase.SEND
        judged = sending and record.kind is Kind.ACTIVE and record.halt is Halt.NONE
        changed: list[tuple[str, Migration]] = []
        if judged and record.policy.postcopy:
            changed.append(("post-copy is noted", replace(record, switched=True)))
        elif judged:
            halts += [Halt.NO_CONVERGENCE] if record.throttled else [Halt.THROTTLE]
        changed += [(f"a halt is noted: {halt}", replace(record, halt=halt)) for halt in halts]
        return [(label, self.records.kept(record)) for label, record in changed]

    def _kept(self, moves: Iterator[tuple[str, World]]) -> list[tuple[str, World]]:
        return [(label, self.worlds.kept(after)) for label, after in moves]

    def _turn(self, here: int, state: State) -> Iterator[Move]:
        _, console, world = state
        match console:
            case Idle(last, refused, retaken):
                quiet = self.rules.may_be_settled(world)
                half = Half(world.job, quiet, None, last, refused, retaken)
                lost = bool(world.lost & AT_SOURCE)
                if not lost:
                    yield _ours("looks at the job", state._replace(console=half))
                blind = half._replace(job=Job.UNKNOWN)
                yield _ours("cannot see the job", state._replace(console=blind), fair=lost)
            case Half(target=None):
                half = console._replace(target=world.target)
                lost = bool(world.lost & AT_TARGET)
                if not lost:
                    yield _ours("looks at the target", state._replace(console=half))
                if console.job is not Job.UNKNOWN or lost:
                    blind = half._replace(target=CANNOT_SEE)
                    yield _ours("cannot see the target", state._replace(console=blind), fair=lost)
            case Half():
                yield from self._decide(here, state, console)
            case Written():
                yield from self._carry_out(here, state, console)

    def _carry_out(self, here: int, state: State, written: Written) -> Iterator[Move]:
        record, _, world = state
        effect = written.effect
        ends = {Effect.START_TRANSFER: AT_SOURCE, Effect.ABORT_TRANSFER: AT_SOURCE}
        ends |= {Effect.START_POSTCOPY: AT_SOURCE, Effect.RESUME_POSTCOPY: AT_SOURCE}
        ends |= {Effect.RETAKE_LEASE: AT_SOURCE} if record.gone else {}
        ends |= {Effect.RESUME_SOURCE: AT_SOURCE} if record.gone else {}
        if world.lost & ends.get(effect, AT_BOTH):
            yield _ours("cannot reach a server", State(record, Idle(), world))
            return
        for label, after in self._act(world, effect):
            self._check(here, world, effect, label, after)
            begins = effect in (Effect.START_TRANSFER, Effect.RESUME_POSTCOPY)
            refused = label.startswith(REFUSED)
            resumed = effect in (Effect.RETAKE_LEASE, Effect.RESUME_SOURCE) and not refused
            retaken = not begins and (written.retaken or resumed)
            idle = Idle(None if begins else written.last, refused, retaken)
            yield _ours(label, State(record, idle, after))
        if effect is Effect.RETAKE_LEASE and world.source.state is Sight.RUNNING:
            halfway = State(record, Idle(), self.rules.paused_to_retake(world))
            yield Move("the console dies when it has paused it", halfway, bad_luck=True)
        asks = effect in (Effect.DEFINE_TARGET, Effect.START_TRANSFER)
        if asks and not world.request_under_way:
            sent = State(record, Idle(), self.rules.asked(world))
            yield Move("the console dies as it asks", sent, bad_luck=True)

    def _decide(self, here: int, state: State, half: Half) -> Iterator[Move]:
        world = state.world
        lost = bool(world.lost & AT_SOURCE)
        looks = [] if lost else [(world.source, "looks at the source")]
        if lost or (half.target != CANNOT_SEE and half.job is not Job.UNKNOWN):
            looks.append((CANNOT_SEE, "cannot see the source"))
        refused = half.refused and state.record.switched
        for (source, label), declined in product(looks, {False, refused}):
            seen = self._sighting(half, source, declined)
            seen = replace(seen, cleared=self.rules.are_cleared(world))
            if self.rules.proves_gone(world, state.record, seen):
                yield from self._give_up(here, state, half, seen)
            step, record, complaint = self._decided_once(_nobody_gone(state.record), seen)
            told = f"{label}: {step.phase}, {step.effect}"
            if complaint:
                raise _Found(complaint, here, told, "not carried out")
            blind = CANNOT_SEE in (source, seen.target) or half.job is Job.UNKNOWN
            may_be_end = not blind and half.job is Job.NONE
            last = (source, seen.target) if may_be_end else None
            fair = lost or source != CANNOT_SEE
            yield from self._written(state, record, step, told, half, last, fair=fair)
            if not blind and step.effect in HANDS:
                yield from self._help(state, record, step, told, Idle(last, retaken=half.retaken))

    def _help(
        self, state: State, record: Migration, step: Step, told: str, idle: Idle
    ) -> Iterator[Move]:
        """What an operator does who reads what the console asks for."""
        if step.attention and not step.phase.final:
            for deed, after in self.rules.help(state.world):
                yield Move(f"{told}; {deed}", State(record, idle, after))

    def _give_up(self, here: int, state: State, half: Half, seen: Sighting) -> Iterator[Move]:
        """The operator says that the hidden end is gone: rightly, or by mistake."""
        world = state.world
        given_up = replace(state.record, gone=hidden_end(state.record, seen))
        step, record, complaint = self._decided_once(given_up, seen)
        told = f"without {record.gone}: {step.phase}, {step.effect}"
        if complaint:
            raise _Found(complaint, here, told, "not carried out")
        last = (seen.source, seen.target)
        if step.effect is Effect.WAIT and not step.phase.final:
            if world.lost and seen.target.fetching:  # it lacks for good what the lost one had
                yield from self._help(state, state.record, step, told, Idle(last))
            return
        for move in self._written(state, record, step, told, half, last, fair=True):
            yield move if world.lost else move._replace(fair=False, bad_luck=True)

    def _sighting(self, half: Half, source: Place, declined: bool) -> Sighting:
        target = half.target or CANNOT_SEE
        same = half.last == (source, target) and half.job is Job.NONE
        if CANNOT_SEE in (source, target) or half.job is Job.UNKNOWN:
            same = True  # somebody blind sees the same again and again
        return Sighting(
            source,
            target,
            half.job,
            settled=(same and half.quiet) or not self.engine.waits_to_settle,
            refusal="It said no." if half.refused else "",
            retaken=half.retaken,
            declined=declined,
        )

    def _written(
        self,
        state: State,
        record: Migration,
        step: Step,
        told: str,
        half: Half,
        last: Seen | None,
        *,
        fair: bool,
    ) -> Iterator[Move]:
        if step.effect is Effect.WAIT:
            idle = Idle(last, retaken=half.retaken)
            yield _ours(told, State(record, idle, state.world), fair=fair)
        elif self.engine.writes_first:
            written = Written(step.effect, last, half.retaken)
            yield _ours(told, State(record, written, state.world), fair=fair)
        else:  # a planted bug: act, then write; the console may die in between
            for label, world in self._act(state.world, step.effect):
                idle = Idle(last, label.startswith(REFUSED), half.retaken)
                done = State(record, idle, world)
                yield _ours(f"{told}, {label}", done, fair=fair)
                died = State(state.record, Idle(), world)
                yield Move(f"{told}, {label}, dies before it is written", died, bad_luck=True)

    def _decided_once(self, record: Migration, seen: Sighting) -> tuple[Step, Migration, str]:
        key = (record, seen)
        if key not in self._decided:
            step = self.engine.advance(record, seen)
            after = real.apply(record, step, 0.0)
            bad = broken(record, seen, step) if self.engine.watches_invariants else ()
            complaint = f"Broken: {', '.join(bad)}." if bad else goes_back(record, step)
            # What is told, not decided, would only multiply the states.
            after = replace(after, reason="", phase_at=(), finished_at=None)
            self._decided[key] = (step, self.records.kept(after), complaint)
        return self._decided[key]

    def _check(
        self, here: int, world: World, effect: Effect | None, label: str, after: World
    ) -> None:
        complaint = self.rules.broken_by(world, effect, after)
        if complaint:
            raise _Found(complaint, here, label, str(after))

    # ---- liveness --------------------------------------------------------------------------

    def _every_state_ends(self) -> None:
        """From each state some end can be reached without any more bad luck."""
        back: list[list[int]] = [[] for _ in self.fair]
        for here, arrows in enumerate(self.fair):
            for there, _ in arrows:
                back[there].append(here)
        reached = bytearray(self._is_final(node) for node in range(len(back)))
        ends = [node for node, is_end in enumerate(reached) if is_end]
        while ends:
            for before in back[ends.pop()]:
                if not reached[before]:
                    reached[before] = 1
                    ends.append(before)
        if 0 in reached:
            raise _Found("From here no end can be reached any more.", reached.index(0))

    def _no_livelock(self) -> None:
        """No circle in which our effects change the world, or wait for nothing.

        A circle is a strongly connected set of states by fair moves. Waiting in one is right as
        long as the world has a move that leads out of it.
        """
        for circle in circles([[there for there, _ in arrows] for arrows in self.fair]):
            inside = set(circle)
            acts = [
                (here, there)
                for here in circle
                if isinstance(self._state(here).console, Written)
                for there, ours in self.fair[here]
                if ours and there in inside
            ]
            for here, there in acts:
                if self._state(here).world != self._state(there).world:
                    raise _Found("A circle in which effects change the world.", here)
            leaves = any(
                there not in inside and not ours
                for here in circle
                for there, ours in self.fair[here]
            )
            if acts and not leaves:
                raise _Found("An effect is repeated, and nothing will ever change.", acts[0][0])


def _nobody_gone(record: Migration) -> Migration:
    return replace(record, gone="") if record.gone else record


def _ours(label: str, after: State, *, fair: bool = True) -> Move:
    return Move(label, after, fair=fair, ours=True)


def describe(state: State) -> str:
    record, console, world = state
    notes = [record.phase.value] + ["asked"] * record.asked + ["throttled"] * record.throttled
    notes += ["switched"] * record.switched
    notes += [f"halt {record.halt}"] if record.halt is not Halt.NONE else []
    pending = f", about to {console.effect}" if isinstance(console, Written) else ""
    return f"[{' '.join(notes)}{pending}] {world}"


def walk(rules: Rules, luck: int, engine: Engine = REAL, first: World | None = None) -> Walk:
    """Walk everything that is reachable with so many strokes of bad luck."""
    gc.disable()  # nothing here is a cycle, and looking for some takes longer than the walk
    tracer = sys.gettrace()
    sys.settrace(None)  # measuring coverage does too; the table of scenarios covers every branch
    try:
        return Explorer(rules, luck, engine).walk(first)
    finally:
        sys.settrace(tracer)
        gc.enable()
