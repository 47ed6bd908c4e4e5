"""Claims: what is being done to partitions, so that two requests at once do not harm each other.

    with claims.partition(uuid, "web1", "being activated") as claim:
        …                           # nobody else writes its definition, or begins to move it
        with claims.counting():     # short, and no server is asked meanwhile
            …                       # count what is free, and note in `claim` what is taken

A start or a resizing takes seconds, and until it is seen nothing shows which disks and how much
room it takes: the claim does. It is dropped once that is seen, or has failed.

These are locks of this process, and that is enough: only the console that leads acts
(`leadership`), and `fence` asks the database before each call that changes something. What a leader
had let through right before it lost its lease goes on: libvirt then refuses a second start of that
partition, and the next leader sees the first one once libvirt shows it.
"""

import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from openlpm.model.errors import Busy
from openlpm.model.migration import Reservation

PATIENCE_S = 5.0
"""For another's claim on the same partition: to write a definition takes less, others more."""


@dataclass(eq=False)
class Claim:
    """One partition's. `disks`: URLs that it is about to write to; `room`: what it may hold.

    `disks` also has the addresses of the Ethernet adapters that it is about to have.
    """

    uuid: str
    name: str
    doing: str
    disks: frozenset[str] = frozenset()
    room: Reservation | None = None


class Claims:
    """All claims of this console. Nobody waits longer than `PATIENCE_S` for one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counting = threading.Lock()
        self._claims: dict[str, Claim] = {}

    @contextmanager
    def partition(self, uuid: str, name: str, doing: str) -> Generator[Claim]:
        """Nobody else has this partition meanwhile. Raises `Busy`."""
        claim = Claim(uuid, name, doing)
        with self._changed:
            if not self._changed.wait_for(lambda: uuid not in self._claims, PATIENCE_S):
                raise _busy(self._claims[uuid])
            self._claims[uuid] = claim
        try:
            yield claim
        finally:
            with self._changed:
                del self._claims[uuid]
                self._changed.notify_all()

    def counting(self) -> threading.Lock:
        """Held while disks or room are counted and taken: by one at a time, of all systems."""
        return self._counting

    def rooms(self, system: str) -> list[Reservation]:
        """What starts and resizings under way may hold of a system."""
        with self._changed:
            rooms = [claim.room for claim in self._claims.values()]
        return [room for room in rooms if room is not None and room.system == system]

    def using(self, disks: Collection[str], uuid: str) -> dict[str, str]:
        """Of these disks, those that another than the partition `uuid` is about to write to."""
        with self._changed:
            others = [claim for claim in self._claims.values() if claim.uuid != uuid]
        return {
            disk: f"{claim.name!r} is {claim.doing} with it."
            for claim in others
            for disk in claim.disks.intersection(disks)
        }


def _busy(claim: Claim) -> Busy:
    return Busy(
        "partition-busy",
        f"{claim.name!r} is {claim.doing}.",
        cause="Another request for it has not ended.",
        remedy="Ask again when it has: lpm partition show tells its state.",
    )
