"""What routes are given: the console that they ask, and a place for a long wait.

    @router.get("/systems")
    def systems(console: Uses) -> list[SystemView]:
        return console.systems()

Routes are plain functions: FastAPI runs them in its threadpool, and the console is thread-safe.
Routes that stream are coroutines; `Waits` holds a place until their last byte is sent.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from openlpm.engine.console import Console
from openlpm.faces.rest.streams import Streams


async def the_console(connection: HTTPConnection) -> Console:
    """The console that `build_app` was given."""
    return cast("Console", connection.app.state.console)


async def the_streams(connection: HTTPConnection) -> Streams:
    """The places for long waits of this application."""
    return cast("Streams", connection.app.state.streams)


AllStreams = Annotated[Streams, Depends(the_streams)]


async def _place(streams: AllStreams) -> AsyncGenerator[Streams]:
    with streams.place():
        yield streams


Uses = Annotated[Console, Depends(the_console)]
Waits = Annotated[Streams, Depends(_place)]
