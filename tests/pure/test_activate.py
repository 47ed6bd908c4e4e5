"""Activation: what a profile and what is free come to, and what is told when it is too little."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_profile import WEB, profiles_made

from openlpm.decide.activate import assign, less_than_desired, out_of_reach
from openlpm.decide.reserve import Holder, free, holders, left
from openlpm.model.assignment import Assignment
from openlpm.model.errors import Refused
from openlpm.model.migration import Reservation
from openlpm.model.partition import Mark, Partition
from openlpm.model.profile import Profile, Sharing, Span, fixed, steps
from openlpm.model.sight import Sight, Why
from openlpm.model.system import Resources

ROOM = st.builds(Resources, st.floats(-2, 80).map(lambda u: round(u, 2)), st.integers(-100, 2**21))


def attempt(profile: Profile, room: Resources) -> Assignment | None:
    try:
        return assign("s1", profile, room, [])
    except Refused:
        return None


@given(profile=profiles_made(), room=ROOM)
def test_never_less_than_the_minimum_more_than_desired_or_more_than_free(
    profile: Profile, room: Resources
) -> None:
    given_ = attempt(profile, room)
    enough = (
        room.memory_mib >= profile.memory_mib.minimum
        and room.processing_units >= profile.units.minimum
    )
    assert (given_ is not None) == enough
    if given_ is None:
        return
    assert profile.memory_mib.minimum <= given_.memory_mib <= profile.memory_mib.desired
    assert steps(profile.units.minimum) <= steps(given_.units) <= steps(profile.units.desired)
    assert profile.processors.minimum <= given_.processors <= profile.processors.desired
    assert given_.units <= room.processing_units
    assert given_.memory_mib <= room.memory_mib
    assert given_.processors <= steps(given_.units) <= given_.processors * 20
    assert given_.memory_mib <= given_.most_memory_mib <= room.memory_mib
    assert given_.resources == Resources(given_.units, given_.most_memory_mib)
    if profile.sharing is Sharing.DEDICATED:
        assert given_.units == given_.processors


@given(profile=profiles_made(), room=ROOM, memory=st.integers(0, 5000), units=st.integers(0, 100))
def test_where_more_is_free_no_less_is_given(
    profile: Profile, room: Resources, memory: int, units: int
) -> None:
    less = attempt(profile, room)
    more = attempt(profile, room + Resources(units / 20, memory))
    if less is not None:
        assert more is not None
        assert more.memory_mib >= less.memory_mib
        assert more.units >= less.units
        assert more.processors >= less.processors


@given(profile=profiles_made())
def test_the_desired_amounts_are_given_where_they_are_free(profile: Profile) -> None:
    given_ = assign("s1", profile, Resources(9999.0, 2**32), [])
    assert (given_.memory_mib, given_.processors, given_.units) == (
        profile.memory_mib.desired,
        profile.processors.desired,
        profile.units.desired,
    )


def test_the_rest_of_the_profile_is_in_it() -> None:
    without = frozenset({WEB.adapters[1].key, "nbd://other/disk"})
    given_ = assign("s1", WEB, Resources(4.0, 4096), [], without)
    assert given_.adapters == (WEB.adapters[0],)
    assert given_.without == without
    assert (given_.profile, given_.sharing, given_.weight) == ("default", WEB.sharing, 128)
    assert given_.boot == WEB.boot


def partition(name: str, units: float, memory_mib: int, state: Sight = Sight.RUNNING) -> Partition:
    mark = Mark(1, processing_units=units)
    return Partition(f"u-{name}", name, "s1", state, Why.NONE, 1, memory_mib, mark)


def test_who_holds_what_is_counted_as_moves_count_it() -> None:
    there = [
        partition("web1", 0.5, 512),
        partition("web2", 1.0, 1024, Sight.PAUSED),
        partition("lost", 0.2, 256, Sight.UNKNOWN),
        partition("off", 8.0, 9999, Sight.OFF),
        partition("me", 0.1, 100),
    ]
    promised = [
        Reservation("m1", "s1", "u-new", "new", Resources(2.0, 2048)),
        Reservation("m2", "s1", "u-web1", "web1", Resources(0.3, 600)),
        Reservation("m3", "s1", "u-me", "me", Resources(0.1, 100)),
    ]
    held = holders(there, promised, but="u-me")
    assert {h.name: h.holds for h in held} == {
        "'new' (a move of it)": Resources(2.0, 2048),
        "'web1'": Resources(0.5, 600),
        "'web2'": Resources(1.0, 1024),
        "'lost'": Resources(0.2, 256),
    }
    total = Resources(8.0, 8192)
    others = [p for p in there if p.name != "me"]
    assert left(total, held) == free(total, others, promised[:2])


def refused(profile: Profile, total: Resources, held: list[Holder]) -> list[str]:
    with pytest.raises(Refused) as error:
        assign("s1", profile, total, held)
    assert error.value.code == "not-enough-free"
    assert all(finding.remedy for finding in error.value.findings)
    return [f"{finding.code}: {finding.message}" for finding in error.value.findings]


def test_what_is_missing_is_told_with_who_holds_it() -> None:
    held = [
        Holder("'db'", Resources(3.0, 1024)),
        Holder("'web2'", Resources(0.95, 3000)),
        Holder("'idle'", Resources(0.0, 0)),
    ]
    assert refused(WEB, Resources(4.0, 4096), held) == [
        "memory-short: 512 MiB are the minimum, 72 MiB are free: 440 MiB are missing. "
        "Held by 'web2' 3000 MiB, 'db' 1024 MiB.",
        "processors-short: 0.1 processing units are the minimum, 0.05 are free: 0.05 are missing. "
        "Held by 'db' 3, 'web2' 0.95.",
    ]


def test_dedicated_processors_are_whole_ones() -> None:
    dedicated = replace(
        WEB, sharing=Sharing.DEDICATED, processors=Span(2, 4, 4), units=Span(2.0, 4.0, 4.0)
    )
    assert assign("s1", dedicated, Resources(3.9, 4096), []).units == 3.0
    assert refused(dedicated, Resources(1.9, 4096), []) == [
        "processors-short: 2 whole processing units are the minimum, 1.9 are free: "
        "0.1 are missing. Nobody holds any."
    ]


def test_the_largest_holders_are_named_and_the_rest_counted() -> None:
    held = [Holder(f"'p{n}'", Resources(0.0, 10 + n)) for n in range(11)]
    (told,) = refused(replace(WEB, memory_mib=fixed(512)), Resources(4.0, 300), held)
    assert "Held by 'p10' 20 MiB, 'p9' 19 MiB," in told
    assert told.endswith("'p3' 13 MiB and 3 more.")
    assert "135 MiB are free: 377 MiB are missing" in told


def test_what_it_got_less_than_desired_is_told_with_who_has_the_rest() -> None:
    held = [Holder("'db'", Resources(3.7, 3000))]
    total = Resources(4.0, 3600)
    (told,) = less_than_desired("s1", WEB, assign("s1", WEB, total, held), held)
    assert told.code == "less-than-desired"
    assert told.message == (
        "It got 600 of 1024 MiB desired. Held by 'db' 3000 MiB. "
        "It got 0.3 of 0.5 processing units desired. Held by 'db' 3.7."
    )
    assert told.remedy
    small = replace(WEB, memory_mib=fixed(600), units=Span(0.1, 0.3, 2.0))
    assert not [*less_than_desired("s1", small, assign("s1", small, total, held), held)]


def test_it_is_started_with_as_much_as_it_may_be_given_but_not_with_more_than_is_free() -> None:
    given_ = assign("s1", WEB, Resources(8.0, 10**6), [])
    assert given_.most_memory_mib == WEB.memory_mib.maximum
    assert (given_.least_processors, given_.most_processors) == (
        WEB.processors.minimum,
        WEB.processors.maximum,
    )
    assert not list(out_of_reach("s1", WEB, given_))
    between = WEB.memory_mib.maximum - 1
    given_ = assign("s1", WEB, Resources(8.0, between), [])
    assert (given_.memory_mib, given_.most_memory_mib) == (WEB.memory_mib.desired, between)
    (warning,) = out_of_reach("s1", WEB, given_)
    assert f"can be given {between} of the maximum" in warning.message
