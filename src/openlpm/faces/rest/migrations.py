"""Moves: validate, start, watch, stop, recover. A move's path through the code begins here.

`migrate` answers at once with the move that it started; `watch` then tells each change until
the move is final. The watch may begin at any time, and ends by itself.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, cast
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from openlpm.engine.console import Console
from openlpm.engine.views import Examined, MigrationView, Recovery
from openlpm.faces.rest.bodies import MigrateBody, RecoverBody, ValidateBody
from openlpm.faces.rest.events import ALIVE, event_of, trouble
from openlpm.faces.rest.streams import WAIT_S, Streams, StreamsClosed
from openlpm.faces.rest.uses import Uses, Waits
from openlpm.model.errors import OpenLpmError

router = APIRouter(tags=["migrations"])


@router.post("/partitions/{partition}/validate")
def validate(partition: str, body: ValidateBody, console: Uses) -> Examined:
    """Check whether it could move there. Changes nothing; findings are no error here."""
    return console.validate(partition, body.to, body.pool)


@router.get("/partitions/{partition}/targets")
def targets(partition: str, console: Uses) -> list[Examined]:
    """Every other system: whether it could move there, and why not."""
    return console.targets(partition)


@router.post("/partitions/{partition}/migrate", status_code=202)
def migrate(partition: str, body: MigrateBody, console: Uses, response: Response) -> MigrationView:
    """Validate, reserve, and start the move; `Location` is the move."""
    view = console.migrate(
        partition,
        body.to,
        max_pause_ms=body.max_pause_ms,
        throttle=body.throttle,
        bandwidth_mib_s=body.bandwidth_mib_s,
        postcopy=body.postcopy,
        pool=body.pool,
        keep_disks=body.keep_disks,
    )
    return _located(view, response)


@router.post("/partitions/{partition}/return", status_code=202)
def return_partition(partition: str, console: Uses, response: Response) -> MigrationView:
    """Start the move back to where it last came from."""
    return _located(console.return_partition(partition), response)


def _located(view: MigrationView, response: Response) -> MigrationView:
    response.headers["Location"] = f"/v1/migrations/{quote(view.migration.id, safe='')}"
    return view


@router.get("/migrations")
def migrations(
    console: Uses,
    partition: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[MigrationView]:
    """The moves, newest first."""
    return console.migrations(partition=partition, limit=limit)


def _migration(migration: str, console: Uses) -> MigrationView:
    return console.migration(migration)


Found = Annotated[MigrationView, Depends(_migration)]


@router.get("/migrations/{migration}")
def migration(found: Found) -> MigrationView:
    """One move, with its live figures while it goes on."""
    return found


@router.get("/migrations/{migration}/watch", response_class=EventSourceResponse)
async def watch(found: Found, console: Uses, streams: Waits) -> AsyncIterator[MigrationView]:
    """Server-sent events: the move as it is, then each change of it, until it is final.

    Should the move no longer be readable, an event `problem` says why and ends the stream.
    """
    async for message in _changes(found, console, streams):
        yield cast("MigrationView", message)  # what its `data` holds, for OpenAPI to tell


async def _changes(
    view: MigrationView, console: Console, streams: Streams
) -> AsyncIterator[ServerSentEvent]:
    yield event_of(view)
    try:
        while not view.migration.phase.final:
            latest = await streams.wait(
                partial(console.wait_migration, view.migration.id, view, WAIT_S)
            )
            yield ALIVE if latest == view else event_of(latest)
            view = latest
    except OpenLpmError as error:
        yield trouble(error)
    except StreamsClosed:
        return


@router.post("/migrations/{migration}/stop", status_code=202)
def stop(migration: str, console: Uses) -> MigrationView:
    """Ask the move to end where it began; refused once the partition switches over."""
    return console.stop(migration)


@router.post("/migrations/{migration}/recover")
def recover(
    migration: str,
    console: Uses,
    body: RecoverBody = RecoverBody(),  # noqa: B008 - immutable
) -> Recovery:
    """Look at both servers anew, and say what is done about an unfinished move.

    `force` ends it without a server that is gone for good; refused (`not-proved-gone`) while that
    may still run the partition.
    """
    return console.recover(migration, force=body.force)
