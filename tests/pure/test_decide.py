"""Convergence, prediction, reservation: what is decided from figures, and holds for all of them."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.decide.advance import advance
from openlpm.decide.converge import (
    FIRST_PAUSE_MS,
    PATIENCE,
    THROTTLED_PATIENCE,
    Advice,
    Course,
    converge,
    first_course,
    why_given_up,
)
from openlpm.decide.predict import FIXED_PAUSE_MS, OVERHEAD_S, estimate, remaining_s
from openlpm.decide.recover import explain
from openlpm.decide.reserve import enter_movers, free, reserve
from openlpm.model.errors import Refused
from openlpm.model.estimate import Estimate
from openlpm.model.migration import Kind, Migration, Phase, Progress, Reservation
from openlpm.model.partition import Partition
from openlpm.model.policy import Policy
from openlpm.model.sight import ABSENT, CANNOT_SEE, Place, Sight, Sighting, Why
from openlpm.model.system import NOTHING, Mover, Resources, System

MIB = 2**20
POLICIES = st.builds(
    Policy, max_pause_ms=st.integers(1, 60_000), throttle=st.booleans(), bandwidth_mib_s=st.just(0)
)


def advices(policy: Policy, remaining: list[int], *, throttled: bool = False) -> list[Advice]:
    """What is advised at each iteration, until the transfer is ended."""
    course, told = first_course(policy), []
    for iteration, left in enumerate(remaining, 1):
        progress = Progress(iteration=iteration, remaining_bytes=left)
        course, advice = converge(course, progress, policy, throttled=throttled)
        told.append(advice)
        if advice in (Advice.THROTTLE, Advice.GIVE_UP):
            break
    return told


class TestConverge:
    def test_a_partition_that_converges_by_itself_is_not_touched(self) -> None:
        shrinking = [int(512 * MIB * 0.85**i) for i in range(40)]
        assert set(advices(Policy(), shrinking)) == {Advice.KEEP}

    def test_the_order_is_widen_then_throttle(self) -> None:
        told = advices(Policy(max_pause_ms=200), [64 * MIB] * 30)
        assert told == [
            Advice.KEEP,  # the first iteration has nothing to be compared with
            *[Advice.WIDEN] * 3,  # 60, 120, 200 ms
            *[Advice.KEEP] * (PATIENCE - 1),
            Advice.THROTTLE,
        ]

    def test_it_gives_up_where_slowing_down_is_not_allowed(self) -> None:
        assert advices(Policy(throttle=False), [MIB] * 40)[-1] is Advice.GIVE_UP

    def test_a_throttled_transfer_has_more_patience_and_then_gives_up(self) -> None:
        told = advices(Policy(max_pause_ms=FIRST_PAUSE_MS), [MIB] * 40, throttled=True)
        assert len(told) == 1 + THROTTLED_PATIENCE
        assert told[-1] is Advice.GIVE_UP

    def test_within_an_iteration_nothing_is_judged(self) -> None:
        course = Course(pause_ms=30, iteration=4, remaining_bytes=MIB)
        same = Progress(iteration=4, remaining_bytes=2 * MIB)
        assert converge(course, same, Policy(), throttled=False) == (course, Advice.KEEP)

    @given(POLICIES, st.lists(st.integers(0, 2**40), max_size=80), st.booleans())
    def test_the_pause_never_exceeds_the_limit(
        self, policy: Policy, remaining: list[int], throttled: bool
    ) -> None:
        course = first_course(policy)
        assert course.pause_ms <= policy.max_pause_ms
        for iteration, left in enumerate(remaining, 1):
            before = course.pause_ms
            progress = Progress(iteration=iteration, remaining_bytes=left)
            course, advice = converge(course, progress, policy, throttled=throttled)
            assert before <= course.pause_ms <= policy.max_pause_ms
            assert (course.pause_ms > before) == (advice is Advice.WIDEN)

    @given(POLICIES, st.integers(1, 2**40), st.booleans())
    def test_what_does_not_shrink_ends_soon(
        self, policy: Policy, remaining: int, throttled: bool
    ) -> None:
        widenings = max(0, (policy.max_pause_ms // FIRST_PAUSE_MS).bit_length())
        told = advices(policy, [remaining] * 60, throttled=throttled)
        assert told[-1] in (Advice.THROTTLE, Advice.GIVE_UP)
        assert len(told) <= 1 + widenings + THROTTLED_PATIENCE
        assert Advice.THROTTLE not in told or (policy.throttle and not throttled)

    def test_ups_and_downs_for_ever_are_ended_too(self) -> None:
        assert advices(Policy(), [64 * MIB, 16 * MIB] * 50)[-1] is Advice.THROTTLE

    def test_the_reason_has_the_figures_an_operator_needs(self) -> None:
        busy = Progress(remaining_bytes=60 * MIB, rate_bytes_s=10 * MIB, dirty_bytes_s=20 * MIB)
        told = why_given_up(busy, Policy(), throttled=True)
        assert "even slowed down" in told
        assert "dirties 20 MiB/s, the link carries 10 MiB/s" in told
        assert "6000 ms, 2000 ms are allowed" in told

    def test_a_dead_link_has_no_figure_for_the_pause(self) -> None:
        assert "for no end," in why_given_up(Progress(), Policy(), throttled=False)


def predicted(
    memory: int, dirty: float, rate: float, first: float = 30, limit: float = 2000
) -> Estimate:
    return estimate(memory, dirty, rate, first_pause_ms=first, max_pause_ms=limit, basis="measured")


class TestPredict:
    def test_an_idle_partition_is_sent_once(self) -> None:
        told = predicted(512 * MIB, 0, 256 * MIB)
        assert told.total_s == OVERHEAD_S + 2
        assert told.bytes_sent == 512 * MIB
        assert (told.pause_ms, told.converges, told.basis) == (FIXED_PAUSE_MS, True, "measured")

    def test_each_round_sends_what_was_dirtied_during_the_one_before(self) -> None:
        # 512 MiB, a quarter of it again, then a quarter of that, … until 30 ms of 256 MiB/s
        told = predicted(512 * MIB, 64 * MIB, 256 * MIB)
        assert told.bytes_sent == (512 + 128 + 32 + 8 + 2) * MIB
        assert told.pause_ms == pytest.approx(FIXED_PAUSE_MS + 1000 * 2 / 256, abs=0.1)

    def test_one_that_dirties_faster_than_the_link_does_not_converge(self) -> None:
        told = predicted(512 * MIB, 20 * MIB, 7 * MIB)
        assert not told.converges
        assert told.pause_ms == FIXED_PAUSE_MS + 2000

    def test_a_small_busy_one_converges_with_a_longer_pause(self) -> None:
        told = predicted(64 * MIB, 100 * MIB, 100 * MIB)
        assert told.converges
        assert told.pause_ms == pytest.approx(FIXED_PAUSE_MS + 640)

    def test_what_fits_the_pause_at_once_is_sent_in_it(self) -> None:
        told = predicted(MIB, 0, 256 * MIB)
        assert (told.bytes_sent, told.converges) == (MIB, True)

    def test_a_pause_that_cannot_be_reached_ends_after_so_many_rounds(self) -> None:
        assert predicted(512 * MIB, 80 * MIB, 100 * MIB, first=0).converges

    @given(
        st.integers(1, 2**42),
        st.floats(0, 1e11),
        st.floats(1e3, 1e11),
        st.floats(0, 1000),
        st.floats(1000, 5000),
    )
    def test_an_estimate_is_never_better_than_the_link(
        self, memory: int, dirty: float, rate: float, first: float, limit: float
    ) -> None:
        told = predicted(memory, dirty, rate, first, limit)
        assert told.bytes_sent >= memory - 1
        assert told.total_s >= memory / rate
        assert FIXED_PAUSE_MS <= told.pause_ms <= FIXED_PAUSE_MS + limit + 0.1


class TestRemaining:
    def left(self, **figures: float) -> float | None:
        return remaining_s(Progress(remaining_bytes=100 * MIB, **figures), 100)  # type: ignore[arg-type]

    def test_it_counts_what_is_dirtied_meanwhile(self) -> None:
        assert self.left(rate_bytes_s=20 * MIB, dirty_bytes_s=10 * MIB) == 9.8

    def test_it_is_unknown_while_it_does_not_come_nearer(self) -> None:
        assert self.left(rate_bytes_s=20 * MIB, dirty_bytes_s=20 * MIB) is None
        assert self.left() is None

    def test_it_is_nothing_when_the_rest_fits_the_pause(self) -> None:
        assert self.left(rate_bytes_s=1000 * MIB, dirty_bytes_s=2000 * MIB) == 0.0


def partition(uuid: str, mib: int, state: Sight = Sight.RUNNING) -> Partition:
    return Partition(uuid, uuid, "s2", state, Why.NONE, 1, mib)


def promise(uuid: str, mib: int, units: float = 0.5) -> Reservation:
    return Reservation(f"m-{uuid}", "s2", uuid, uuid, Resources(units, mib))


TOTAL = Resources(4.0, 4096)


class TestReserve:
    def test_what_is_off_holds_nothing_and_what_is_out_of_sight_keeps_its_room(self) -> None:
        seen = [partition(state, 100, state) for state in Sight]
        assert free(TOTAL, seen, []) == Resources(4.0 - 1.5, 4096 - 300)

    def test_one_that_arrives_is_counted_once(self) -> None:
        shell = partition("u-1", 1000, Sight.PAUSED)
        assert free(TOTAL, [shell], [promise("u-1", 1000)]) == Resources(3.5, 3096)

    def test_one_that_arrives_smaller_than_promised_holds_all_of_its_promise(self) -> None:
        shell = partition("u-1", 200, Sight.PAUSED)
        assert free(TOTAL, [shell], [promise("u-1", 1000, 1.0)]) == Resources(3.0, 3096)

    def test_the_last_mib_can_be_had_and_no_more(self) -> None:
        assert reserve(promise("u-1", 4096), TOTAL, [], []) == promise("u-1", 4096)
        with pytest.raises(Refused) as refused:
            reserve(promise("u-1", 4097), TOTAL, [], [])
        assert [f.code for f in refused.value.findings] == ["memory-short"]

    def test_all_that_is_short_is_told_at_once(self) -> None:
        with pytest.raises(Refused, match="s2 has no room for 'u-1'") as refused:
            reserve(promise("u-1", 5000, 5.0), TOTAL, [partition("u-2", 9000)], [])
        messages = [f.message for f in refused.value.findings]
        assert messages == [
            "5000 MiB are needed, 0 MiB are free.",
            "5 processing units are needed, 3.5 are free.",
        ]

    def test_its_own_promise_does_not_stand_in_its_way(self) -> None:
        again = promise("u-1", 4000)
        assert reserve(again, TOTAL, [], [again]) == again

    def test_a_mover_takes_so_many_live_moves_at_once(self) -> None:
        ends = [System(name, "", "", mover=Mover(concurrent=2)) for name in ("s1", "s2")]
        one = Migration("m", "u", "web1", "s1", "s2", Kind.ACTIVE)
        away = replace(one, id="a", target="s3")
        here = replace(one, id="b", source="s4")
        idle = replace(one, id="c", kind=Kind.INACTIVE)
        enter_movers(one, ends, [away, here, idle])
        enter_movers(replace(one, kind=Kind.INACTIVE), ends, [away] * 9)
        with pytest.raises(Refused, match="no room to move 'web1'") as refused:
            enter_movers(one, ends, [away, here, away, here, here])
        assert [(f.system, f.message) for f in refused.value.findings] == [
            ("s1", "2 moves are under way, its mover takes 2 at once."),
            ("s2", "3 moves are under way, its mover takes 2 at once."),
        ]

    @given(st.data())
    def test_no_order_of_asking_arriving_and_giving_back_overcommits(
        self, data: st.DataObject
    ) -> None:
        """The journal runs `reserve` inside its transaction: any order of these is possible."""
        held: dict[str, Reservation] = {}
        running: dict[str, Partition] = {}
        for _ in range(data.draw(st.integers(1, 25))):
            uuid = data.draw(st.sampled_from([f"u-{n}" for n in range(6)]))
            match data.draw(st.sampled_from(["ask", "arrive", "end", "leave"])):
                case "ask" if uuid not in running:
                    wanted = promise(
                        uuid,
                        data.draw(st.integers(1, 3000)),
                        data.draw(st.integers(1, 60)) / 20,
                    )
                    with suppress(Refused):
                        held[uuid] = reserve(wanted, TOTAL, running.values(), tuple(held.values()))
                case "arrive" if uuid in held:
                    arrived = partition(uuid, data.draw(st.integers(1, 3000)))
                    promised = held[uuid].resources
                    if (
                        promised.processing_units >= 0.5
                        and promised.memory_mib >= arrived.memory_mib
                    ):
                        running[uuid] = arrived
                case "end":
                    held.pop(uuid, None)
                case "leave":
                    running.pop(uuid, None)
            used = {u: p.demand for u, p in running.items() if u not in held}
            used |= {u: r.resources for u, r in held.items()}  # it asked for no less than that
            spent = sum(used.values(), NOTHING)
            assert spent.memory_mib <= TOTAL.memory_mib
            assert spent.processing_units <= TOTAL.processing_units


class TestExplain:
    RECORD = Migration("m1", "u", "web1", "s1", "s2", Kind.ACTIVE, phase=Phase.SEND, asked=True)

    def told(self, source: Place, target: Place) -> str:
        seen = Sighting(source, target)
        return explain(self.RECORD, seen, advance(self.RECORD, seen))

    def test_it_says_what_is_where_what_that_means_and_what_follows(self) -> None:
        told = self.told(Place(Sight.OFF, Why.MIGRATED), Place(Sight.RUNNING))
        assert told == (
            "On s1 it is off (migrated); on s2 it is running. No transfer is under way. "
            "What is left at the source is removed: the target has the partition."
        )

    def test_a_shell_is_called_one_and_the_dark_is_called_dark(self) -> None:
        told = self.told(CANNOT_SEE, Place(Sight.PAUSED, Why.MIGRATION))
        assert "On s1 it is out of sight; on s2 it is a shell that waits for its memory." in told
        assert "nothing is assumed meanwhile" in told

    def test_the_end_is_called_one(self) -> None:
        told = self.told(Place(Sight.RUNNING), ABSENT)
        assert "With that the move has come to its end." in told
        assert told.endswith("It stays on s1.")
