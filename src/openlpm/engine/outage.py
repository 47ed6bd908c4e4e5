"""A connection that broke in post-copy, until memory comes again.

The console tries every few seconds to resume it, for hours where nobody mends the link, and each
try makes both ends say something else. Told each time, that would fill the journal: so what repeats
itself in one outage is told once.
"""

from openlpm.decide.postcopy import flows, waits_for_link
from openlpm.decide.step import Step
from openlpm.model.sight import Sighting

_REFUSALS = 3
"""Different answers to its tries that are told. They may name a port, another one each time."""


class Outage:
    """From a break to the next. Remembers what was told of it."""

    def __init__(self) -> None:
        self._tried = False
        self._sent_bytes: int | None = None
        self._told: set[str] = set()
        self._refusals: set[str] = set()

    def is_first_try(self, sent_bytes: int | None) -> bool:
        """It is tried to resume it, after so much was sent."""
        if self._tried:
            return False
        self._tried, self._sent_bytes = True, sent_bytes
        return True

    def is_over(self, seen: Sighting, sent_bytes: int | None) -> bool:
        """Memory has come since it was tried; it may even have broken again.

        Both ends say that they fetch while a try is under way, too. So what counts is what was
        sent; where that cannot be told, that they say so for some seconds.
        """
        if sent_bytes is None or self._sent_bytes is None:
            return flows(seen) and (seen.settled or not seen.source.fetching)
        has_come = sent_bytes > self._sent_bytes or not seen.source.fetching
        return has_come and (flows(seen) or waits_for_link(seen))

    def is_news(self, step: Step, seen: Sighting) -> bool:
        """What an operator should know was not told of this outage yet."""
        text = step.attention.removesuffix(seen.refusal).strip()
        answers = {seen.refusal} if len(text) < len(step.attention) else set[str]()
        is_news = text not in self._told
        if len(self._refusals) < _REFUSALS:
            is_news = is_news or not answers <= self._refusals
            self._refusals |= answers
        self._told.add(text)
        return is_news
