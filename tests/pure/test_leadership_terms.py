"""How long a console leads, and when another may take over."""

from dataclasses import replace

import pytest

from openlpm.decide.leadership import Terms, claimable, ends_at, not_leading
from openlpm.model.leadership import Leader

HELD = Leader("one", 3, 100.0, 4.0, 17)


@pytest.mark.parametrize(
    ("leader", "name", "may"),
    [
        (HELD, "two", False),
        (replace(HELD, left_s=0.001), "two", False),
        (replace(HELD, left_s=0.0), "two", True),
        (replace(HELD, left_s=-5.0), "two", True),
        (replace(HELD, name=""), "two", True),
        (HELD, "one", True),
        (replace(HELD, left_s=None), "two", False),
        (replace(HELD, left_s=None), "one", False),
    ],
)
def test_who_may_take_over(leader: Leader, name: str, may: bool) -> None:
    assert claimable(leader, name) is may


def test_a_leader_counts_from_before_it_asked_and_ends_first() -> None:
    terms = Terms(lease_s=6.0, margin_s=1.0)
    asked_s, answered_s = 100.0, 102.5
    assert ends_at(asked_s, terms) == 105.0
    assert ends_at(asked_s, terms) < answered_s + terms.lease_s - terms.margin_s


def test_the_usual_terms_replace_a_killed_leader_within_ten_seconds() -> None:
    terms = Terms()
    assert terms.lease_s + terms.retry_s < 10
    assert 2 * terms.renew_s < terms.lease_s - terms.margin_s, "one renewal may be lost"


def test_the_refusal_says_who_leads() -> None:
    error = not_leading("node7")
    assert (error.code, error.kind) == ("not-leading", "not-leading")
    assert "node7" in error.cause
    assert error.remedy
    unknown = not_leading("")
    assert "No console leads" in unknown.cause
    assert unknown.remedy != error.remedy
