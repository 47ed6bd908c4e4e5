"""What a follower does: see what the leader has written, and tell those who wait here for news."""

from openlpm.engine.bell import Bell
from openlpm.engine.estate import Estate
from openlpm.engine.leadership import Leading
from openlpm.engine.periodic import Periodic

EVERY_S = 0.5


class Following(Periodic):
    """Watches the systems that the leader manages; idle while we lead."""

    def __init__(self, leading: Leading, estate: Estate, news: Bell) -> None:
        super().__init__("follower", EVERY_S, self._look)
        self._leading = leading
        self._estate = estate
        self._news = news
        self._seen = -1

    def _look(self) -> None:
        leader = self._leading.leader
        if self._leading.leads or leader is None or leader.writes == self._seen:
            return
        self._estate.sync()
        self._seen = leader.writes
        self._news.ring()
