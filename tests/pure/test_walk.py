"""Every state that a console and two servers can reach together, with two strokes of bad luck.

See `walk/world.py` for what the servers do, and `walk/explore.py` for how the console is driven.
"""

import pytest
from walk.copies import CopyRules
from walk.explore import walk
from walk.planted import BUGS, Bug
from walk.postcopy import PostcopyRules
from walk.world import Rules

from openlpm.model.migration import Kind

LUCK = 2
AT_LEAST_BY_POSTCOPY = 150_000
AT_LEAST_BY_COPIES = 100_000
AT_LEAST = {Kind.ACTIVE: 100_000, Kind.SUSPENDED: 30_000, Kind.INACTIVE: 3_000}
"""A walk that suddenly sees much less has lost part of its world."""


@pytest.mark.parametrize("leased", [False, True], ids=["no lease", "leased"])
@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_lost_doubled_or_stuck(kind: Kind, leased: bool) -> None:
    found = walk(Rules(kind, leased), LUCK)
    print(
        f"{kind}, {'leased' if leased else 'no lease'}: {found.states} states, {found.moves} moves"
    )
    assert not found.complaint, str(found)
    assert found.states > AT_LEAST[kind]
    assert found.ends > 0


@pytest.mark.parametrize("leased", [False, True], ids=["no lease", "leased"])
def test_nor_by_postcopy(leased: bool) -> None:
    found = walk(PostcopyRules(leased=leased), LUCK)
    print(f"post-copy, leased {leased}: {found.states} states, {found.moves} moves")
    assert not found.complaint, str(found)
    assert found.states > AT_LEAST_BY_POSTCOPY
    assert found.ends > 0


def test_nor_where_disks_are_copied() -> None:
    found = walk(CopyRules(), LUCK)
    print(f"disks copied: {found.states} states, {found.moves} moves")
    assert not found.complaint, str(found)
    assert found.states > AT_LEAST_BY_COPIES
    assert found.ends > 0


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    found = walk(bug.rules, bug.luck, bug.engine, bug.first)
    assert bug.caught_as in found.complaint, str(found)
    assert found.complaint


@pytest.mark.parametrize("bug", [b for b in BUGS if b.first], ids=lambda bug: bug.name)
def test_where_a_planted_bug_is_caught_the_real_thing_holds(bug: Bug) -> None:
    found = walk(bug.rules, bug.luck, first=bug.first)
    assert not found.complaint, str(found)


def test_a_counterexample_reads_as_a_story() -> None:
    bug = next(b for b in BUGS if b.name.startswith("UNKNOWN"))
    story = str(walk(bug.rules, bug.luck, bug.engine))
    assert "cannot see the target" in story
    assert "failed" in story.splitlines()[-1]
