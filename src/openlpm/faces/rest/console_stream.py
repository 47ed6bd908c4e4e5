"""A partition's serial console over a WebSocket: binary frames, both ways.

It ends (close code 1000) when the partition leaves its server or goes off; whoever wants to
stay with the partition connects again. A console that cannot be opened is refused with the
same problem as any other request, before the WebSocket begins.
"""

import contextlib
from collections.abc import Awaitable
from functools import partial
from typing import TypeAlias

from anyio import CancelScope, create_task_group, to_thread
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketDisconnected

from openlpm.faces.rest.problems import answer, problem_of
from openlpm.faces.rest.streams import Streams, StreamsClosed
from openlpm.faces.rest.uses import AllStreams, Uses
from openlpm.model.errors import OpenLpmError
from openlpm.ports import Stream

ENDED, RESTARTING, BROKEN, NO_BYTES = 1000, 1012, 1011, 1003
READ_S = 0.5
Farewell: TypeAlias = tuple[int, str] | None
"""The close code and its reason; None for a client that is not there any more."""

router = APIRouter(prefix="/partitions", tags=["partitions"])


@router.websocket("/{partition}/console")
async def serial_console(
    socket: WebSocket, partition: str, console: Uses, streams: AllStreams
) -> None:
    """Join the client to the partition's serial console until either of them ends it."""
    # The place is taken here and not by a dependency: its refusal, too, must be sent as a
    # denial of the WebSocket, which exception handlers cannot do.
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(streams.place())
            stream = await to_thread.run_sync(console.open_console, partition)
        except OpenLpmError as error:
            await socket.send_denial_response(answer(problem_of(error)))
            return
        try:
            await socket.accept()
            await _join(socket, stream, streams)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(stream.close)


async def _join(socket: WebSocket, stream: Stream, streams: Streams) -> None:
    farewell: Farewell = None
    async with create_task_group() as pumps:

        async def until_it_ends(pump: Awaitable[Farewell]) -> None:
            nonlocal farewell
            # Left: by its client, with nobody there to be told anything.
            with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
                farewell = await pump or farewell
            pumps.cancel_scope.cancel()

        pumps.start_soon(until_it_ends, _to_client(socket, stream, streams))
        pumps.start_soon(until_it_ends, _to_partition(socket, stream))
    # Once, and here: said by one pump, it could be cut short by the end of the other.
    if farewell:
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
            await socket.close(*farewell)


async def _to_client(socket: WebSocket, stream: Stream, streams: Streams) -> Farewell:
    try:
        # `leave=False`: once this task is cancelled the stream is closed, and must not be in use.
        while (data := await streams.wait(partial(stream.read, READ_S), leave=False)) != b"":
            if data:
                await socket.send_bytes(data)
    except StreamsClosed:
        return RESTARTING, "The console is stopping."
    except OpenLpmError as error:
        return BROKEN, _short(error.message)
    return ENDED, "The partition went off or to another server."


async def _to_partition(socket: WebSocket, stream: Stream) -> Farewell:
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            if data is None:
                return NO_BYTES, "A serial console takes binary frames only."
            await to_thread.run_sync(stream.write, data)
    except OpenLpmError as error:
        return BROKEN, _short(error.message)
    return None


def _short(text: str) -> str:
    """`text`, cut to what a WebSocket's close frame may carry (123 bytes)."""
    return text.encode()[:120].decode(errors="ignore")
