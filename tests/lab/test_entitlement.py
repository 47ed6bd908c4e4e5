"""The processor entitlement, measured inside guests: what the profile says, within a tenth.

Two guests on one processor count loops of their own shells at the same time: the part of the loops
that one of them did is its part of what both had. Counted one after the other they would tell of
the machine: what else runs on it makes an emulated processor slower from one moment to the next.
Both write down how far they are and when; what counts are the same seconds of the server's clock.
What the server gave them is asked for both at once.

Meanwhile their lab comes first on the machine. Where something else takes their processor away all
the same, nothing is measured: that window does not count, and another one is taken. What is judged
is the middle one of five windows.

This file runs by itself (`side_by_side.ALONE`). A guest's clock ticks as often for the smaller one,
so it costs that one more of its part; beside other labs, whose memory traffic makes each tick
dearer, the smaller one did 0.36 to 0.41 of the loops (12 windows), for 0.4.
"""

import os
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import pytest
from console_fixtures import until
from inside import Inside

from openlpm.lab.cgroups import groups_of
from openlpm.lab.stage import Stage

SECONDS = 6
WINDOWS = 5
TRIES = 10
TOLERANCE = 0.1
FIRST = 16
LEAST = 0.75  # of a processor for both: less would not hold a cap of 0.3 beside shares for 0.4
# Longer than a window, with what it takes to start in the other guest and to look.
WORK = f"""
n=0; read a x </proc/uptime; s=${{a%.*}}
while read b x </proc/uptime; [ $((${{b%.*}}-s)) -lt {SECONDS + 5} ]; do
  i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; n=$((n+1)); echo $b $n
done
"""


@dataclass(frozen=True)
class Window:
    """`given` are processors by the server's count, `loops` how many were done inside, by name."""

    given: dict[str, float]
    loops: dict[str, float]

    def part(self, one: Inside) -> float:
        """Its part of the loops of all."""
        return self.loops[one.name] / sum(self.loops.values())

    @property
    def all_given(self) -> float:
        return sum(self.given.values())


def window(*guests: Inside) -> Window:
    """Let all work as hard as they are let, and count while all of them do."""
    began = {each.name: each.booted_at() for each in guests}
    with served_first(guests[0].stage):
        work = [each.start(WORK) for each in guests]
        time.sleep(1)  # the last one to start is at work, too
        first, start = given_s(guests), time.monotonic()
        time.sleep(SECONDS)
        last, end = given_s(guests), time.monotonic()
    with ThreadPoolExecutor() as pool:
        printed = dict(zip(began, pool.map(Inside.output, guests, work), strict=True))
    loops = {
        name: loops_at(text, end - began[name]) - loops_at(text, start - began[name])
        for name, text in printed.items()
    }
    return Window({name: (last[name] - first[name]) / (end - start) for name in began}, loops)


@contextmanager
def served_first(stage: Stage) -> Generator[None]:
    """Processor time for this lab before all else of the machine: what other tests run, mostly."""
    files = [
        group / weight
        for group in groups_of(stage.lab.folder)
        for weight in ("cpu.shares", "cpu.weight")
        if (group / weight).exists()
    ]
    usual = {file: file.read_text() for file in files}
    try:
        for file in files:
            file.write_text(str(FIRST * int(usual[file])))
        yield
    finally:
        for file in files:
            file.write_text(usual[file])


def given_s(guests: tuple[Inside, ...]) -> dict[str, float]:
    """Processor seconds that each virtual processor had, asked for all at once."""
    names = [each.name for each in guests]
    told = guests[0].virsh("domstats", "--vcpu", "--raw", *names)
    times = [line.split("=")[1] for line in told.splitlines() if "vcpu.0.time=" in line]
    order = [line.split("'")[1] for line in told.splitlines() if line.startswith("Domain:")]
    return {name: int(one) / 1e9 for name, one in zip(order, times, strict=True)}


def loops_at(printed: str, uptime_s: float) -> float:
    """How many were done by then, between two lines in proportion."""
    lines = [(float(at), int(n)) for at, n in (line.split() for line in printed.splitlines())]
    assert lines[0][0] <= uptime_s <= lines[-1][0], "it did not work all the time"
    after = next(i for i, (at, _) in enumerate(lines) if at >= uptime_s)
    (at, n), (then, more) = lines[max(after - 1, 0)], lines[after]
    return n if then == at else n + (more - n) * (uptime_s - at) / (then - at)


@dataclass(frozen=True)
class Measured:
    """The middle of some windows, for each figure."""

    windows: tuple[Window, ...]

    def part(self, one: Inside) -> float:
        """Its part of the loops of all."""
        return median(each.part(one) for each in self.windows)

    def had(self, one: Inside) -> float:
        """Processors, by its part of the loops."""
        return median(each.part(one) * each.all_given for each in self.windows)

    def given(self, one: Inside) -> float:
        """Processors, by the server's count."""
        return median(each.given[one.name] for each in self.windows)

    def part_given(self, one: Inside) -> float:
        """Its part of what all were given."""
        return median(each.given[one.name] / each.all_given for each in self.windows)


def measured(*guests: Inside, least: float = LEAST, windows: int = WINDOWS) -> Measured:
    """The first windows in which they had a processor to share."""
    tried: list[Window] = []
    for _ in range(TRIES):
        tried.append(window(*guests))
        fair = tuple(each for each in tried if each.all_given >= least)
        if len(fair) == windows:
            return Measured(fair)
    raise AssertionError(f"something else had their processor: {tried}")


@dataclass(frozen=True)
class Guests:
    """Three partitions on one processor, idle until they are told to work."""

    capped: Inside
    small: Inside
    large: Inside


@pytest.fixture(scope="module")
def stage(run_id: str) -> Iterator[Stage]:
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with Stage.up(f"{run_id}e") as made:
        if not groups_of(made.lab.folder):
            pytest.skip("this machine has no cpu controller for the lab")
        yield made


@pytest.fixture(scope="module")
def guests(stage: Stage) -> Guests:
    with ThreadPoolExecutor() as pool:
        made = [
            pool.submit(activated, stage, "capped", 1, "--units", "0.3", "--sharing", "capped"),
            pool.submit(activated, stage, "small", 2, "--units", "0.4"),
            pool.submit(activated, stage, "large", 3, "--units", "0.6"),
        ]
    return Guests(*(each.result() for each in made))


def activated(stage: Stage, name: str, number: int, *options: str) -> Inside:
    """A partition of the project's image, made with these options, that has booted."""
    guest = stage.make_partition(name, on="s1", memory_mib=256, number=number)
    stage.lpm("profile", "set", name, "default", *options)
    stage.lpm("partition", "activate", name)
    busy = Inside(stage, guest.name)
    # On one processor, so that two of them compete for it, and share it by weight alone: QEMU's
    # other threads, too, or their group's weight counts on the other processor as well.
    busy.virsh("vcpupin", name, "0", "0", "--live")
    busy.virsh("emulatorpin", name, "0", "--live")
    until(lambda: answers(busy), 120, f"the agent of {name} answers")
    # The image's own load (its records on the disk) is out of the way: it is not what counts.
    # And each shell lies at the same addresses: with random ones their speeds seemed to differ.
    busy.start("killall -STOP service; echo 0 >/proc/sys/kernel/randomize_va_space")
    return busy


def answers(busy: Inside) -> bool:
    found = busy.stage.lpm("partition", "show", busy.name)
    return found["rmc"] == "active"


def near(entitled: float) -> object:
    return pytest.approx(entitled, rel=TOLERANCE)


@pytest.mark.lab
def test_two_competing_guests_get_what_they_are_entitled_to(guests: Guests) -> None:
    """0.4 and 0.6 of one processor, both uncapped; then one of them alone."""
    found = measured(guests.small, guests.large)
    assert found.part(guests.small) == near(0.4), found
    assert found.part(guests.large) == near(0.6), found
    assert found.part_given(guests.small) == near(0.4), found
    alone = measured(guests.small, least=2 * 0.4, windows=1)
    assert alone.given(guests.small) >= 2 * 0.4, "uncapped, it may use what the other leaves"


@pytest.mark.lab
def test_a_capped_guest_gets_its_entitlement_and_not_more(guests: Guests) -> None:
    """Beside an uncapped one, which takes the rest: by shares alone it would get 0.43."""
    found = measured(guests.capped, guests.small)
    assert found.had(guests.capped) == near(0.3), found
    assert found.given(guests.capped) == near(0.3), found
    alone = measured(guests.capped, least=0.3 * (1 - TOLERANCE), windows=1)
    assert alone.given(guests.capped) == near(0.3), "nor does it get what is idle"


@pytest.mark.lab
def test_a_move_keeps_cap_and_entitlement(stage: Stage, guests: Guests) -> None:
    here = guests.capped.virsh("schedinfo", "capped")
    stage.lpm("migrate", "capped", "--to", "s2")
    there = stage.lab.run(["virsh", "schedinfo", "capped"], server="s2").stdout
    assert "vcpu_quota     : 6000" in here
    assert there == here
    profiles = stage.lpm("profile", "list", "capped")["profiles"]
    assert [each["sharing"] for each in profiles] == ["capped"]
