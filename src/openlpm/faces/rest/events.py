"""Events: what happened, in order; and the form of every server-sent event here.

A stream sends each event with its `seq` as the id, so that a client which comes back with
`Last-Event-ID` misses nothing. In between, a comment says that the console lives.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, cast

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter

from openlpm.engine.console import Console
from openlpm.engine.views import MigrationView
from openlpm.faces.rest.problems import problem_of
from openlpm.faces.rest.streams import WAIT_S, Streams, StreamsClosed
from openlpm.faces.rest.uses import Uses, Waits
from openlpm.model.errors import OpenLpmError
from openlpm.model.event import Event

router = APIRouter(prefix="/events", tags=["events"])

ALIVE = ServerSentEvent(comment="alive")

_JSON = TypeAdapter[Event | MigrationView](Event | MigrationView)

_MOST = 2**63 - 1  # what the store's numbers are
Seq = Annotated[int, Query(ge=0, le=_MOST, description="only events after this one")]


def event_of(value: Event | MigrationView) -> ServerSentEvent:
    """`value` as the data of a server-sent event; an event's `seq` is its id."""
    return ServerSentEvent(
        raw_data=_JSON.dump_json(value).decode(),
        id=str(value.seq) if isinstance(value, Event) else None,
    )


def trouble(error: OpenLpmError) -> ServerSentEvent:
    """The last message of a stream that cannot go on."""
    return ServerSentEvent(event="problem", raw_data=problem_of(error).model_dump_json())


@router.get("")
def events(
    console: Uses,
    after: Seq = 0,
    last: Annotated[int | None, Query(ge=0, le=_MOST, description="only the last so many")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[Event]:
    """Events, oldest first."""
    if last is not None:
        after = max(after, console.last_seq() - last)
    return console.events(after=after, limit=limit)


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    console: Uses,
    streams: Waits,
    after: Annotated[int | None, Query(ge=0, le=_MOST)] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=_MOST)] = None,
) -> AsyncIterator[Event]:
    """Server-sent events: each event after `after` (or after now) as it happens, without end.

    `Last-Event-ID` takes precedence over `after`.
    """
    if last_event_id is not None:
        after = last_event_id
    async for message in _news(after, console, streams):
        yield cast("Event", message)  # what its `data` holds, for OpenAPI to tell


async def _news(
    after: int | None, console: Console, streams: Streams
) -> AsyncIterator[ServerSentEvent]:
    try:
        if after is None:
            after = await streams.wait(console.last_seq)
        while True:
            news = await streams.wait(partial(console.wait_events, after, WAIT_S))
            for event in news:
                yield event_of(event)
                after = event.seq
            if not news:
                yield ALIVE
    except OpenLpmError as error:
        yield trouble(error)
    except StreamsClosed:
        return
