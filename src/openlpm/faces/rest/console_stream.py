"""A partition's serial console over a WebSocket: binary frames, both ways.

It ends (close code 1000) when the partition leaves its server or goes off; whoever wants to
stay with the partition connects again. A console that cannot be opened is refused with the
same problem as any other request, before the WebSocket begins.
"""

import contextlib
from collections.abc import Awaitable
from functools import partial

from anyio import CancelScope, create_task_group, to_thread
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketDisconnected

from openlpm.faces.rest.problems import answer, problem_of
from openlpm.faces.rest.streams import Streams, StreamsClosed
from openlpm.faces.rest.uses import AllStreams, Uses
from openlpm.model.errors import OpenLpmError
from openlpm.ports import Stream

ENDED, RESTARTING, BROKEN = 1000, 1012, 1011
READ_S = 0.5

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
    async with create_task_group() as pumps:

        async def until_it_ends(pump: Awaitable[None]) -> None:
            # Left: by its client, with nobody there to be told anything.
            with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
                await pump
            pumps.cancel_scope.cancel()

        pumps.start_soon(until_it_ends, _to_client(socket, stream, streams))
        pumps.start_soon(until_it_ends, _to_partition(socket, stream))


async def _to_client(socket: WebSocket, stream: Stream, streams: Streams) -> None:
    code, reason = ENDED, "The partition went off or to another server."
    try:
        # `leave=False`: once this task is cancelled the stream is closed, and must not be in use.
        while (data := await streams.wait(partial(stream.read, READ_S), leave=False)) != b"":
            if data:
                await socket.send_bytes(data)
    except StreamsClosed:
        code, reason = RESTARTING, "The console is stopping."
    except OpenLpmError as error:
        code, reason = BROKEN, _short(error.message)
    await socket.close(code, reason)


async def _to_partition(socket: WebSocket, stream: Stream) -> None:
    try:
        async for data in socket.iter_bytes():
            await to_thread.run_sync(stream.write, data)
    except OpenLpmError as error:
        await socket.close(BROKEN, _short(error.message))


def _short(text: str) -> str:
    """`text`, cut to what a WebSocket's close frame may carry (123 bytes)."""
    return text.encode()[:120].decode(errors="ignore")
