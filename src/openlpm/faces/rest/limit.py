"""A limit on request bodies, as ASGI middleware: whoever sends more is told so, and not read.

FastAPI reads a body whole before it validates it; without a limit, one request could fill the
console's memory. Both the announced length and what really arrives are checked.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openlpm.faces.rest.problems import answer, problem_of
from openlpm.model.errors import BadRequest

LIMIT_BYTES = 1024 * 1024


class BodyLimit:
    """Answers 413 to requests with bodies of more than `LIMIT_BYTES`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check(_announced(scope))
            await self._app(scope, _counted(receive), send)
        except BodyTooLarge as error:
            # Raised while the body is read, and so before any response has begun.
            await answer(problem_of(error, status=413))(scope, receive, send)


class BodyTooLarge(BadRequest):
    """The body is larger than anything that the console could be asked."""


def _check(size: int) -> None:
    if size > LIMIT_BYTES:
        raise BodyTooLarge(
            "body-too-large",
            "The request's body is too large.",
            cause=f"It has more than {LIMIT_BYTES} bytes.",
            remedy="No request needs that much; see /openapi.json.",
        )


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


def _counted(receive: Receive) -> Receive:
    size = 0

    async def counting() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        _check(size)
        return message

    return counting
