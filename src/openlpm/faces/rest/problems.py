"""Errors as RFC 9457 problems: `application/problem+json`, with our own members added.

    HTTP/1.1 404 Not Found
    {"type": "urn:openlpm:problem:no-such-partition", "title": "It does not exist",
     "status": 404, "detail": "There is no partition 'web9'.", "code": "no-such-partition",
     "kind": "not-found", "cause": "", "remedy": "…", "findings": []}

The status follows from the error's `kind` alone (the branch of `model/errors.py`); scripts
test `code`. Whatever FastAPI itself refuses becomes a problem of the same form.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request

from openlpm.model.errors import BadRequest, OpenLpmError, Refused
from openlpm.model.finding import Finding

MEDIA_TYPE = "application/problem+json"

KINDS = {
    "bad-request": (400, "The request cannot be understood"),
    "not-found": (404, "It does not exist"),
    "conflict": (409, "The present state forbids it"),
    "refused": (422, "Validation refused it"),
    "failed": (500, "It failed"),
    "hypervisor": (502, "The hypervisor refused it"),
    "unreachable": (503, "A managed system does not answer"),
    "not-leading": (421, "Another console leads"),
    "store": (507, "The console's state cannot be written or read"),
}

_MOST_FAULTS, _LONGEST_SPOT = 20, 200  # of a request of a megabyte, not each is told
_HTTP_CODES = {404: "no-such-path", 405: "method-not-allowed", 413: "body-too-large"}


class Problem(BaseModel):
    """Why a request failed, what to do about it, and a stable `code` for scripts to test."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    kind: str
    cause: str = ""
    remedy: str = ""
    findings: Sequence[Finding] = ()


def problem_of(error: OpenLpmError) -> Problem:
    """The problem that tells `error`."""
    status, title = KINDS.get(error.kind, KINDS["failed"])
    return Problem(
        type=f"urn:openlpm:problem:{error.code}",
        title=title,
        status=status,
        detail=error.message,
        code=error.code,
        kind=error.kind,
        cause=error.cause,
        remedy=error.remedy,
        findings=error.findings if isinstance(error, Refused) else (),
    )


def answer(problem: Problem) -> Response:
    """The response that carries `problem`."""
    return Response(problem.model_dump_json(), problem.status, media_type=MEDIA_TYPE)


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, OpenLpmError)
    return answer(problem_of(error))


async def _malformed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults: list[dict[str, Any]] = list(error.errors())[:_MOST_FAULTS]
    return answer(
        problem_of(
            BadRequest(
                "bad-body" if any(f["loc"][:1] == ("body",) for f in faults) else "bad-parameter",
                "The request is malformed.",
                cause="; ".join(f"{_spot(f['loc'])}: {f['msg']}" for f in faults) + ".",
                remedy="GET /openapi.json describes every request.",
            )
        )
    )


def _spot(loc: Sequence[str | int]) -> str:
    """Where the fault is; the names of members that do not belong there are the client's."""
    return ".".join(str(part) for part in loc)[:_LONGEST_SPOT]


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = _HTTP_CODES.get(status, "bad-http")
    kind = "not-found" if status == HTTPStatus.NOT_FOUND else "bad-request"
    response = answer(
        Problem(
            type=f"urn:openlpm:problem:{code}",
            title=status.phrase,
            status=status,
            detail=f"{error.detail}.",
            code=code,
            kind=kind,
            remedy="GET /openapi.json lists every path and its methods.",
        )
    )
    response.headers.update(error.headers or {})
    return response


async def _unforeseen(_: Request, error: Exception) -> Response:
    # Starlette raises it once more when this is sent: the server then logs where it came from.
    return answer(
        problem_of(
            OpenLpmError(
                "internal-error",
                "The console met an error that it did not foresee.",
                cause=f"{type(error).__name__}.",
                remedy="The console's log has the details; please report it.",
            )
        )
    )


def tell_problems(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(OpenLpmError, _told)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
