"""How long a console leads, and when another one may: a lease that ends unless it is renewed.

The database's clock alone says when a lease ends. The leader counts too, by a clock of its own that
only grows, from before it asked for the renewal: so its count ends first, whatever it is that held
it up, and `margin_s` before the database's, for what it has just sent to a server to arrive.
"""

from dataclasses import dataclass

from openlpm.model.errors import NotLeader
from openlpm.model.leadership import Leader


@dataclass(frozen=True, slots=True)
class Terms:
    """A killed leader is replaced after `lease_s` and `retry_s` at most, and a moment."""

    lease_s: float = 6.0
    renew_s: float = 1.5
    retry_s: float = 0.5
    margin_s: float = 1.0


def ends_at(asked_s: float, terms: Terms) -> float:
    """Until when a leader may act that asked for its lease at `asked_s`, by its own clock.

    >>> ends_at(100.0, Terms())
    105.0
    """
    return asked_s + terms.lease_s - terms.margin_s


def claimable(leader: Leader, name: str) -> bool:
    """May the console `name` take over? Its own earlier lease stands in nobody's way."""
    return leader.left_s is not None and (leader.left_s <= 0 or leader.name in ("", name))


def not_leading(leader: str) -> NotLeader:
    """The refusal of a console that only follows; `leader` is the one to ask, where known."""
    return NotLeader(
        "not-leading",
        "This console does not lead: it answers questions, and changes nothing.",
        cause=f"Another one leads: {leader}." if leader else "No console leads at the moment.",
        remedy="Ask that one." if leader else "Try again in a few seconds (lpm console show).",
    )
