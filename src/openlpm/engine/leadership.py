"""Leading and following: of several consoles on one database, one acts.

    leading = Leading(leadership, clock, begin=…, end=…)
    leading.open()       # tries at once, then again and again; `begin` and `end` follow from it
    leading.require()    # NotLeader unless we lead, by our own clock
    leading.confirm()    # the same by the database's word: right before a server is touched

A console that loses the lease (frozen, cut off from the database) goes on as a follower, and may
lead again later. Until it has noticed, three things hold it back: its writes are refused by the
epoch, its own count of the lease has ended, and the database is asked before each effect.
"""

import logging
import math
import threading
from collections.abc import Callable
from contextlib import suppress

from openlpm.decide.leadership import claimable, ends_at, not_leading
from openlpm.engine.views import ConsoleView
from openlpm.model.errors import NotLeader, OpenLpmError, StoreFailed
from openlpm.model.leadership import Leader
from openlpm.ports import Clock, Leadership

log = logging.getLogger(__name__)


class Leading:
    """Renews our lease, or waits for another's to end. `leader` is who led when last looked.

    `begin` and `end` are called in turn: when we have become the leader (with who was it last), and
    when we no longer are.
    """

    def __init__(
        self,
        leadership: Leadership,
        clock: Clock,
        *,
        begin: Callable[[Leader, Leader], None],
        end: Callable[[], None],
    ) -> None:
        self.leader: Leader | None = None
        self._leadership = leadership
        self._terms = leadership.terms
        self._clock = clock
        self._begin = begin
        self._end = end
        self._ends_at_s: float | None = None  # by our clock; None while we follow
        self._trouble = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)

    @property
    def leads(self) -> bool:
        """We do, as far as we know."""
        return self._ends_at_s is not None

    def open(self) -> None:
        """Lead if nobody else does; else go on trying."""
        self._turn()
        if self._terms is not None:
            self._thread.start()

    def close(self) -> None:
        """Give the lead up, so that another console has it at once."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=20)
        if self.leads:
            self._stop()
            with suppress(StoreFailed):  # then it ends by itself, a few seconds later
                self._leadership.resign()

    def require(self) -> None:
        """Raise `NotLeader` unless we lead, by our own count, which ends before the database's."""
        ends_at_s = self._ends_at_s
        if ends_at_s is None or self._clock.monotonic() >= ends_at_s:
            raise self._refusal()

    def confirm(self) -> None:
        """Raise `NotLeader` unless the database says so too: our own clock may have stood still."""
        self.require()
        self._leadership.confirm()
        self.require()  # it may have taken its time

    def view(self) -> ConsoleView:
        """This console, and who leads."""
        leader, trouble = None, ""
        try:
            leader = self._leadership.who()
        except StoreFailed as error:
            trouble = f"{error.message} {error.cause}"
        return ConsoleView(
            name=self._leadership.name,
            database=self._leadership.database,
            leads=self.leads,
            leader=leader if leader and leader.name else None,
            trouble=trouble,
        )

    def _refusal(self) -> NotLeader:
        name = ""
        with suppress(StoreFailed):
            leader = self._leadership.who()
            if leader.name != self._leadership.name and (leader.left_s or 0) > 0:
                name = leader.name
        return not_leading(name)

    def _run(self) -> None:
        assert self._terms is not None
        while not self._closing.wait(self._terms.renew_s if self.leads else self._terms.retry_s):
            self._turn()

    def _turn(self) -> None:
        asked_s = self._clock.monotonic()  # before it is sent: what holds us up counts
        try:
            if self.leads:
                self._renew(asked_s)
            else:
                self._try(asked_s)
        except OpenLpmError as error:
            self._note(str(error))
        else:
            self._note("")

    def _renew(self, asked_s: float) -> None:
        try:
            self._leadership.renew()
        except NotLeader:
            self._stop()
            raise
        except StoreFailed:
            if self._clock.monotonic() >= (self._ends_at_s or 0):
                self._stop()
            raise
        self._ends_at_s = self._until(asked_s)

    def _try(self, asked_s: float) -> None:
        self.leader = before = self._leadership.who()
        if self._terms is not None and not claimable(before, self._leadership.name):
            return
        self.leader = self._leadership.claim()
        if self.leader.name != self._leadership.name:
            return
        self._ends_at_s = self._until(asked_s)
        log.info("Leading, epoch %s", self.leader.epoch)
        try:
            self._begin(self.leader, before)
        except OpenLpmError:
            self._stop()
            raise

    def _until(self, asked_s: float) -> float:
        return ends_at(asked_s, self._terms) if self._terms else math.inf

    def _stop(self) -> None:
        log.info("Leading no more")
        self._ends_at_s = None
        self._leadership.follow()
        self._end()

    def _note(self, trouble: str) -> None:
        """The same every half second is told once."""
        if trouble and trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble
