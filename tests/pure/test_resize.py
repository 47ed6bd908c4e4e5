"""Resizing: its limits, the order of its steps, and what a profile keeps of it."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openlpm.decide.activate import Holder
from openlpm.decide.resize import plan, require_limits, require_room, saved, wanted
from openlpm.model.errors import BadRequest, Conflict, NotFound, Refused
from openlpm.model.finding import Finding
from openlpm.model.partition import Mark, Partition
from openlpm.model.profile import DiskAdapter, EthernetAdapter, Profile, Sharing, Span, fixed
from openlpm.model.profile_document import changed
from openlpm.model.resize import (
    Amounts,
    Change,
    Entitlement,
    Memory,
    Plug,
    Processors,
    Resize,
    Running,
    Step,
    Unplug,
)
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Resources

ROOT = DiskAdapter("nbd://storage:10809/web1")
DATA = DiskAdapter("nbd://storage:10809/data", required=False)
NET = EthernetAdapter("guests", "52:54:00:00:00:01", required=False)
WEB = Profile(
    *("default", Span(256, 1024, 2048), Span(1, 2, 4), Span(0.1, 0.5, 2.0)),
    adapters=(ROOT, DATA, NET),
)
WHOLE = Profile(
    *("whole", Span(256, 1024, 2048), Span(1, 2, 4), Span(1.0, 2.0, 4.0)), Sharing.DEDICATED
)
RUNNING = Running(1024, 2048, 2, 4, 0.5, adapters=(ROOT, DATA, NET))
P = Partition(
    *("u-1", "web1", "s1", Sight.RUNNING, Why.NONE, 2, 1024), Mark(1, processing_units=0.5)
)


def limits(asked: Resize, running: Running = RUNNING, profile: Profile = WEB) -> list[Finding]:
    after = wanted(P, running, profile, asked)
    try:
        require_limits(P, running, profile, asked, after)
    except Refused as refused:
        return list(refused.findings)
    return []


def steps_of(asked: Resize, running: Running = RUNNING, profile: Profile = WEB) -> list[Step]:
    after = wanted(P, running, profile, asked)
    return [change.step for change in plan(P, running, profile, after, asked)]


def test_within_the_profile_all_is_allowed() -> None:
    assert limits(Resize(2048, 4, 2.0)) == []
    assert limits(Resize(256, 1, 0.1)) == []
    assert Resize().is_empty
    assert not Resize(remove=("x",)).is_empty


@pytest.mark.parametrize(
    ("asked", "told", "remedy"),
    [
        (Resize(4096), "4096 MiB are asked for, the maximum of", "--maximum-memory 4096"),
        (Resize(128), "128 MiB are asked for, the minimum of", "--minimum-memory 128"),
        (Resize(processors=5), "the maximum of profile 'default' is 4", "--maximum-processors 5"),
        (Resize(units=0.05, processors=1), "is 0.1.", "--minimum-units 0.05"),
    ],
)
def test_beyond_the_profile_the_limit_and_the_remedy_are_named(
    asked: Resize, told: str, remedy: str
) -> None:
    (finding,) = limits(asked)
    assert finding.code == "beyond-profile"
    assert told in finding.message
    assert remedy in finding.remedy
    assert "activate it anew" in finding.remedy


def test_more_than_it_was_started_for_needs_an_activation() -> None:
    small = replace(RUNNING, most_memory_mib=1024, most_processors=2)
    codes = [f.code for f in limits(Resize(1536, 3), small)]
    assert codes == ["beyond-activation", "beyond-activation"]
    assert limits(Resize(512, 1), small) == []


def test_a_guest_that_needs_its_memory_is_not_asked_for_it() -> None:
    busy = replace(RUNNING, spare_mib=200)
    (finding,) = limits(Resize(800), busy)
    assert finding.code == "memory-in-use"
    assert "224 MiB less, and its guest can spare 200 MiB" in finding.message
    assert limits(Resize(824), busy) == []
    assert limits(Resize(2048), replace(busy, spare_mib=-5)) == []
    assert limits(Resize(units=0.6), replace(busy, spare_mib=-5)) == []


def test_an_emulated_one_keeps_its_processors() -> None:
    emulated = replace(RUNNING, keeps_processors=True)
    assert [f.code for f in limits(Resize(processors=1), emulated)] == ["processors-stay"]
    assert limits(Resize(processors=3), emulated) == []


@pytest.mark.parametrize("units", [0.51, 2.05, 0.05])
def test_units_fit_the_processors(units: float) -> None:
    with pytest.raises(BadRequest):
        wanted(P, RUNNING, WEB, Resize(units=units))


def test_dedicated_units_follow_the_processors() -> None:
    assert wanted(P, RUNNING, WHOLE, Resize(processors=3)) == Amounts(1024, 3, 3.0)
    assert wanted(P, RUNNING, WHOLE, Resize(processors=3, units=3.0)).units == 3.0
    assert wanted(P, RUNNING, WHOLE, Resize(512)) == Amounts(512, 2, 0.5)
    assert limits(Resize(processors=4), profile=WHOLE) == []
    with pytest.raises(BadRequest, match="dedicated"):
        wanted(P, RUNNING, WHOLE, Resize(units=1.5))


def test_less_comes_before_the_entitlement_and_processors_last() -> None:
    capped = replace(RUNNING, capped=True)
    assert steps_of(Resize(512, 1), capped) == [
        *(Memory(512), Processors(1), Entitlement(0.5, 1, capped=True)),
    ]
    new = EthernetAdapter("guests", "52:54:00:00:00:02")
    asked = Resize(2048, 4, 1.0, add=(new,), remove=(DATA.key,))
    assert steps_of(asked, capped) == [
        Entitlement(1.0, 4, capped=True),
        *(Memory(2048), Plug(new), Unplug(DATA), Processors(4)),
    ]


def test_what_is_so_already_takes_no_step() -> None:
    assert steps_of(Resize(1024, 2, 0.5)) == []
    assert steps_of(Resize(processors=3)) == [Processors(3)], "uncapped, its shares are the same"


def test_other_shares_than_were_promised_are_mended_when_time_is_asked_for() -> None:
    """A console may have died between the promise and the server."""
    behind = replace(RUNNING, units=0.3)
    assert steps_of(Resize(units=0.5), behind) == [Entitlement(0.5, 2, capped=False)]
    assert steps_of(Resize(1024), behind) == []
    assert steps_of(Resize(units=0.5), replace(RUNNING, units=None)) == []


@given(
    st.sampled_from([512, 1024, 2048]), st.integers(1, 4), st.sampled_from([0.2, 0.5, 1.0]),
    st.booleans(),
)  # fmt: skip
def test_taking_steps_back_leads_where_it_began(
    memory: int, processors: int, units: float, capped: bool
) -> None:
    running = replace(RUNNING, capped=capped)
    asked = Resize(memory, processors, units, remove=(DATA.key,))
    after = wanted(P, running, WEB, asked)
    changes = plan(P, running, WEB, after, asked)
    for change in changes:
        assert back_of(change) == change.back


def back_of(change: Change) -> Step:
    match change.step:
        case Memory():
            return Memory(1024)
        case Processors():
            return Processors(2)
        case Entitlement(capped=capped):
            return Entitlement(0.5, 2, capped)
        case Plug(adapter):
            return Unplug(adapter)
        case Unplug(adapter):
            return Plug(adapter)


def test_steps_say_what_they_are() -> None:
    steps = (Memory(5), Processors(2), Entitlement(0.7, 2, capped=True), Plug(NET), Unplug(NET))
    assert [str(step) for step in steps] == [
        *("memory 5 MiB", "2 virtual processors", "0.7 processing units"),
        *(f"adapter {NET.mac} added", f"adapter {NET.mac} removed"),
    ]


def test_adapters_that_cannot_come_or_go() -> None:
    with pytest.raises(Conflict, match="already"):
        steps_of(Resize(add=(replace(DATA, required=True),)))
    with pytest.raises(NotFound):
        steps_of(Resize(remove=("52:54:00:00:00:09",)))
    with pytest.raises(Conflict) as required:
        steps_of(Resize(remove=(ROOT.key,)))
    assert "--desire" in required.value.remedy


TOTAL = Resources(2.0, 4096)


def room(after: Amounts, *held: Holder) -> list[Finding]:
    try:
        require_room(P, RUNNING, after, TOTAL, held)
    except Refused as refused:
        return list(refused.findings)
    return []


def test_there_must_be_room_for_more() -> None:
    other = Holder("'db1'", Resources(1.4, 3000))
    assert room(Amounts(1096, 2, 0.6), other) == []
    (memory,) = room(Amounts(1097, 2, 0.5), other)
    assert "1096 MiB are free for it: 1 MiB are missing. Held by 'db1' 3000 MiB." in memory.message
    (units,) = room(Amounts(1024, 2, 0.65), other)
    assert "0.6 are free for it: 0.05 are missing. Held by 'db1' 1.4." in units.message


def test_less_fits_where_too_much_is_held_already() -> None:
    everything = Holder("'db1'", Resources(2.0, 4096))
    for memory, units in product((1024, 512), (0.5, 0.4)):
        assert room(Amounts(memory, 2, units), everything) == []


def test_a_profile_keeps_what_was_asked_for() -> None:
    new = DiskAdapter("nbd://storage:10809/new")
    asked = Resize(1536, 3, 0.75, add=(new,), remove=(DATA.key,))
    kept = changed(WEB, saved(WEB, asked, wanted(P, RUNNING, WEB, asked)))
    assert kept == replace(
        WEB,
        memory_mib=Span(256, 1536, 2048),
        processors=Span(1, 3, 4),
        units=Span(0.1, 0.75, 2.0),
        adapters=(ROOT, NET, new),
    )
    asked = Resize(processors=3)
    assert changed(WHOLE, saved(WHOLE, asked, wanted(P, RUNNING, WHOLE, asked))).units.desired == 3
    asked = Resize(512)
    after = wanted(P, RUNNING, WEB, asked)
    assert saved(WEB, asked, after) == {"memory": {"desired": 512}}
    assert saved(WEB, Resize(remove=(NET.key,)), after).keys() == {"adapters"}
    assert fixed(512) == Span(512, 512, 512)
    assert after.resources == Resources(0.5, 512)
