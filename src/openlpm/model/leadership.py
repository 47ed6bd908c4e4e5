"""Who leads: of the consoles that share one database, one writes and touches the servers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leader:
    """The console that leads, by the database's word.

    `name` says where an operator finds it; empty when nobody leads. `left_s` is what is left of its
    lease by the database's clock, None where a console has the database to itself. `writes` counts
    all commits there ever were: whoever follows sees by it that there is news.
    """

    name: str
    epoch: int
    since: float
    left_s: float | None
    writes: int
