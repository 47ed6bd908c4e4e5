"""Planted bugs: each is the real `advance` with one thought left out. The walk must catch them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fakes.places import FETCHED_FROM, FETCHES, PAUSED_BY_TRANSFER, PAUSED_BY_USER, RUNS, SHELL
from openlpm.decide.advance import advance
from openlpm.decide.gone import is_given_up
from openlpm.decide.step import Effect, Step, arriving
from openlpm.model.migration import Halt, Kind, Migration, Phase
from openlpm.model.sight import ABSENT, Job, Place, Sight, Sighting, Why
from walk.copies import CopyRules
from walk.explore import Engine
from walk.postcopy import PostcopyRules
from walk.state import AT_BOTH, AT_TARGET, SPLIT, Stage, World
from walk.world import Rules

ACTIVE = Rules(Kind.ACTIVE, leased=False)
ACTIVE_LEASED = Rules(Kind.ACTIVE, leased=True)
SUSPENDED = Rules(Kind.SUSPENDED, leased=False)
INACTIVE = Rules(Kind.INACTIVE, leased=False)
COPIES = CopyRules()
POSTCOPY = PostcopyRules()
POSTCOPY_LEASED = PostcopyRules(leased=True)


@dataclass(frozen=True)
class Bug:
    """`caught_as`: what the walk must complain about. `luck`: the bad luck it takes to show.

    `first`: where to begin, instead of at the very beginning (it only saves time).
    """

    name: str
    engine: Engine
    caught_as: str
    rules: Rules = ACTIVE
    luck: int = 1
    first: World | None = None


def blind(**changes: object) -> Engine:
    """Nobody watches the invariants: the world itself must show what goes wrong."""
    return Engine(watches_invariants=False, **changes)  # type: ignore[arg-type]


def unless(
    bug: Callable[[Migration, Sighting, Step], Step | None],
) -> Callable[[Migration, Sighting], Step]:
    """The real advance, but for where `bug` has something else to say."""

    def mutant(migration: Migration, seen: Sighting) -> Step:
        step = advance(migration, seen)
        return bug(migration, seen, step) or step

    return mutant


def unknown_is_absent(migration: Migration, seen: Sighting) -> Step:
    target = ABSENT if seen.target.state is Sight.UNKNOWN else seen.target
    return advance(migration, replace(seen, target=target))


def unseen_job_is_none(migration: Migration, seen: Sighting) -> Step:
    job = Job.NONE if seen.job is Job.UNKNOWN else seen.job
    return advance(migration, replace(seen, job=job))


def fails_while_the_shell_is_listed(m: Migration, seen: Sighting, _: Step) -> Step | None:
    over = m.asked and seen.job is Job.NONE and seen.settled
    if over and seen.source.state is Sight.RUNNING and arriving(seen.target):
        return Step(Phase.FAILED)
    return None


def never_retakes_the_lease(m: Migration, seen: Sighting, step: Step) -> Step | None:
    retakes = step.effect is Effect.RETAKE_LEASE
    return advance(m, replace(seen, retaken=True)) if retakes else None


def forgets_its_own_pause(migration: Migration, seen: Sighting) -> Step:
    return advance(replace(migration, retaking=False), seen)


def cuts_the_source_while_arriving(_: Migration, seen: Sighting, step: Step) -> Step | None:
    if arriving(seen.target) and step.effect in (Effect.RESUME_SOURCE, Effect.REMOVE_SHELL):
        return Step(Phase.CUT_TIES, Effect.CUT_SOURCE)
    return None


def aborts_after_switch_over(m: Migration, seen: Sighting, _: Step) -> Step | None:
    if m.halt is Halt.OPERATOR and seen.job is Job.RUNNING and m.phase is Phase.SWITCH_OVER:
        return Step(m.phase, Effect.ABORT_TRANSFER)
    return None


def resumes_though_the_target_is_off(m: Migration, seen: Sighting, _: Step) -> Step | None:
    stale = seen.source.why is Why.MIGRATION and seen.target.state is Sight.OFF
    if seen.source.state is Sight.PAUSED and stale and seen.job is Job.NONE and seen.settled:
        return Step(m.phase, Effect.RESUME_SOURCE)
    return None


def unsettled_when_inactive(migration: Migration, seen: Sighting) -> Step:
    return advance(migration, replace(seen, settled=True))


def tries_again_for_ever(m: Migration, _: Sighting, step: Step) -> Step | None:
    if step.phase is Phase.FAILED and m.asked and m.kind is Kind.ACTIVE:
        return Step(m.phase, Effect.START_TRANSFER)
    return None


def never_resumes(m: Migration, _: Sighting, step: Step) -> Step | None:
    return Step(m.phase) if step.effect is Effect.RESUME_SOURCE else None


def done_when_it_runs_there(m: Migration, _: Sighting, step: Step) -> Step | None:
    return Step(Phase.DONE) if step.effect is Effect.CUT_SOURCE else None


def forgets_the_switch_over(m: Migration, seen: Sighting, step: Step) -> Step | None:
    if m.phase is Phase.SWITCH_OVER and step.effect is Effect.WAIT and not step.phase.final:
        return Step(Phase.SEND)
    return None


def leaves_the_copies(migration: Migration, seen: Sighting) -> Step:
    return advance(migration, replace(seen, cleared=True))


def clears_before_the_source_is_cut(m: Migration, _: Sighting, step: Step) -> Step | None:
    return Step(m.phase, Effect.REMOVE_COPIES) if step.effect is Effect.CUT_SOURCE else None


def resumes_without_the_target(m: Migration, seen: Sighting, step: Step) -> Step | None:
    stale = seen.source.state is Sight.PAUSED and seen.source.why is Why.MIGRATION
    return Step(m.phase, Effect.RESUME_SOURCE) if is_given_up(m, seen) and stale else None


def leaves_the_lease_without_the_target(m: Migration, seen: Sighting, _: Step) -> Step | None:
    return advance(m, replace(seen, retaken=True)) if is_given_up(m, seen) else None


def takes_what_fetches_for_arrived(migration: Migration, seen: Sighting) -> Step:
    runs = seen.target.state is Sight.RUNNING
    return advance(migration, replace(seen, target=Place(Sight.RUNNING)) if runs else seen)


def takes_what_is_frozen_for_arrived(migration: Migration, seen: Sighting) -> Step:
    frozen = seen.target == Place(Sight.PAUSED, Why.FAULT) and seen.source.fetching
    source = Place(Sight.PAUSED, Why.MIGRATION) if frozen else seen.source
    return advance(migration, replace(seen, source=source))


def resumes_a_broken_source(m: Migration, seen: Sighting, _: Step) -> Step | None:
    broken = seen.source.why is Why.POSTCOPY_FAILED and seen.job is Job.NONE and seen.settled
    visible = seen.target.state is not Sight.UNKNOWN
    return Step(m.phase, Effect.RESUME_SOURCE) if broken and visible else None


def resumes_when_the_target_vanished(m: Migration, seen: Sighting, step: Step) -> Step | None:
    return resumes_a_broken_source(m, seen, step) if seen.target == ABSENT else None


def removes_the_shell_in_the_switch(m: Migration, seen: Sighting, _: Step) -> Step | None:
    switching = seen.source.fetching and arriving(seen.target)
    return Step(m.phase, Effect.REMOVE_SHELL) if switching else None


def aborts_though_it_may_switch(migration: Migration, seen: Sighting) -> Step:
    stops = migration.halt is Halt.OPERATOR
    return advance(replace(migration, switched=migration.switched and not stops), seen)


def forgoes_for_a_stop(m: Migration, seen: Sighting, step: Step) -> Step | None:
    stops = m.halt is Halt.OPERATOR and step.effect is Effect.START_POSTCOPY
    return Step(step.phase, Effect.FORGO_POSTCOPY) if stops else None


BUGS = (
    Bug("UNKNOWN is read as ABSENT", blind(advance=unknown_is_absent), "the target has it"),
    Bug(
        "a job out of sight is read as none",
        blind(advance=unseen_job_is_none),
        "its room was released",
    ),
    Bug(
        "it fails while the target still lists the shell",
        blind(advance=unless(fails_while_the_shell_is_listed)),
        "its room was released",
    ),
    Bug(
        "the source is cut while the target is only arriving",
        blind(advance=unless(cuts_the_source_while_arriving)),
        "Neither server has it any more.",
    ),
    Bug("an unsettled sighting is read as an end", blind(waits_to_settle=False), "released"),
    Bug("it acts before it has written", blind(writes_first=False), "its room was released"),
    Bug(
        "it removes without looking again",
        blind(looks_before_removal=False),
        "The last whole copy was destroyed.",
        ACTIVE_LEASED,
        luck=0,
        first=World(PAUSED_BY_USER, SHELL, finish_under_way=True, whole=AT_BOTH),
    ),
    Bug(
        "it aborts after the switch-over",
        Engine(advance=unless(aborts_after_switch_over)),
        "Broken: I6.",
    ),
    Bug(
        "it resumes the source though the target may have run",
        blind(advance=unless(resumes_though_the_target_is_off)),
        "An old copy was resumed at the source",
        first=World(PAUSED_BY_TRANSFER, RUNS, whole=AT_TARGET),
    ),
    Bug(
        "a stopped inactive move forgets an earlier console's request",
        blind(advance=unsettled_when_inactive),
        "STOPPED, its room was released, but the target has it.",
        INACTIVE,
    ),
    Bug(
        "it tries again for ever",
        blind(advance=unless(tries_again_for_ever)),
        "A circle in which effects change the world.",
        luck=0,
    ),
    Bug(
        "it leaves the source paused for ever",
        blind(advance=unless(never_resumes)),
        "no end can be reached",
    ),
    Bug(
        "it is done when the target runs, with the source uncut",
        blind(advance=unless(done_when_it_runs_there)),
        "DONE, but the source has it still.",
        luck=0,
    ),
    Bug(
        "it trusts that what runs has its lease",
        blind(advance=unless(never_retakes_the_lease)),
        "FAILED, but it runs without its lease.",
        ACTIVE_LEASED,
    ),
    Bug(
        "it forgets that it has paused it itself",
        blind(advance=forgets_its_own_pause),
        "FAILED, but we left it paused at the source.",
        ACTIVE_LEASED,
        luck=2,
    ),
    Bug(
        "without its target, it resumes what may be an old copy",
        blind(advance=unless(resumes_without_the_target)),
        "An old copy was resumed at the source",
        ACTIVE_LEASED,
        first=World(PAUSED_BY_TRANSFER, RUNS, whole=AT_TARGET),
    ),
    Bug(
        "without its target, it trusts that what runs has its lease",
        blind(advance=unless(leaves_the_lease_without_the_target)),
        "it runs without its lease",
        ACTIVE_LEASED,
        first=World(PAUSED_BY_TRANSFER, SHELL, stage=Stage.FINISHING, whole=AT_BOTH),
    ),
    Bug(
        "its record goes back a step",
        Engine(advance=unless(forgets_the_switch_over)),
        "The record goes back",
        luck=0,
    ),
    Bug(
        "what fetches memory is taken for arrived",
        blind(advance=takes_what_fetches_for_arrived),
        "A half was destroyed",
        POSTCOPY,
    ),
    Bug(
        "what froze while it fetched is taken for arrived",
        blind(advance=takes_what_is_frozen_for_arrived),
        "A half was destroyed",
        POSTCOPY,
        luck=2,
        first=World(FETCHED_FROM, FETCHES, stage=Stage.FETCHING, whole=SPLIT),
    ),
    Bug(
        "it resumes the source of a broken post-copy",
        blind(advance=unless(resumes_a_broken_source)),
        "It was to be resumed at the source",
        POSTCOPY,
    ),
    Bug(
        "it resumes the source when the target vanished in the switch",
        blind(advance=unless(resumes_when_the_target_vanished)),
        "It was to be resumed at the source",
        POSTCOPY_LEASED,
    ),
    Bug(
        "it removes the shell in the switch",
        blind(advance=unless(removes_the_shell_in_the_switch)),
        "A half was destroyed",
        POSTCOPY,
        luck=0,
    ),
    Bug(
        "it forgoes for a stop what may be switching",
        blind(advance=unless(forgoes_for_a_stop)),
        "The switch was broken by us",
        POSTCOPY,
        luck=0,
    ),
    Bug(
        "it leaves the old disks where they are",
        Engine(advance=leaves_the_copies),
        "FAILED, but copies of its disks are left",
        COPIES,
        luck=0,
    ),
    Bug(
        "it removes copies before the source is cut",
        blind(advance=unless(clears_before_the_source_is_cut)),
        "The only copy of its disks that is current was removed",
        COPIES,
        luck=0,
    ),
    Bug(
        "it aborts what may be switching",
        blind(advance=aborts_though_it_may_switch),
        "The switch was broken by us",
        POSTCOPY,
        luck=0,
    ),
)
