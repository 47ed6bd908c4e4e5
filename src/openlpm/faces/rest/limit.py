"""A limit on request bodies, as ASGI middleware: whoever sends more is told so, and not read.

FastAPI reads a body whole before it validates it; without a limit, one request could fill the
console's memory. Both the announced length and what really arrives count.
"""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT_BYTES = 1024 * 1024
_MOST_DIGITS = 19


class BodyLimit:
    """Answers 413 to requests with bodies of more than `LIMIT_BYTES`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] == "http":
            receive = _counted(receive, announced=_announced(scope))
        await self._app(scope, receive, send)


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"")
    if len(text) > _MOST_DIGITS:  # Python would refuse to make a number of thousands
        return LIMIT_BYTES + 1
    return int(text) if text.isdigit() else 0


def _counted(receive: Receive, announced: int) -> Receive:
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if max(size, announced) > LIMIT_BYTES:
            # An HTTPException, because FastAPI takes any other for a body that is no JSON.
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The request's body has more than {LIMIT_BYTES} bytes",
            )
        return message

    return counting
