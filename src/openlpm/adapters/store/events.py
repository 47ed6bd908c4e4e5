"""Events: appended inside the transaction of what they tell, numbered, and bounded.

Old events are pruned as new ones come, a thousand at a time, so no job has to wake up for it.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select

from openlpm.adapters.store import codec
from openlpm.adapters.store.schema import events
from openlpm.adapters.store.seals import sealed
from openlpm.model.event import Event

KEPT = 100_000
PRUNED_EVERY = 1_000


def append(connection: Connection, event: Event, now: float, *, beyond: int = 0) -> Event:
    """Write an event, numbered after all there are and after `beyond`.

    Returns it with its `seq`, and with a time if it had none.
    """
    dated = replace(event, at=event.at or now)
    # The newest is never pruned, and writers take turns: no number is given twice.
    seq = max(last_seq(connection), beyond) + 1
    connection.execute(insert(events).values(sealed(codec.event_row(dated) | {"seq": seq})))
    if seq % PRUNED_EVERY == 0:
        prune(connection)
    return replace(dated, seq=seq)


def after(connection: Connection, seq: int, limit: int) -> Sequence[Event]:
    """The events that follow `seq`, oldest first."""
    query = select(events).where(events.c.seq > seq).order_by(events.c.seq).limit(limit)
    return [codec.event(dict(row)) for row in connection.execute(query).mappings()]


def last_seq(connection: Connection) -> int:
    """The newest event's number; 0 when there is none."""
    return connection.scalar(select(func.max(events.c.seq))) or 0


def prune(connection: Connection) -> None:
    """Forget all but the newest."""
    connection.execute(delete(events).where(events.c.seq <= last_seq(connection) - KEPT))
