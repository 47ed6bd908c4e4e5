"""The REST application, put together: routes, problems, limits, OpenAPI.

    app = build_app(console)

Everything is under `/v1`, described by `/openapi.json`. There is no page that would load
scripts from elsewhere; any OpenAPI viewer can be pointed at that address.
"""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from openlpm.engine.console import Console
from openlpm.faces.rest import (
    backups,
    baseline,
    console_stream,
    consoles,
    events,
    migrations,
    partitions,
    profiles,
    storage,
    systems,
    vios,
)
from openlpm.faces.rest.limit import BodyLimit
from openlpm.faces.rest.problems import MEDIA_TYPE, Problem, tell_problems
from openlpm.faces.rest.streams import Streams

VERSION = "1"


def build_app(console: Console, streams: Streams | None = None) -> FastAPI:
    """The application whose routes ask `console`; `streams` bounds its long waits."""
    app = FastAPI(
        title="OpenLPM console",
        version=VERSION,
        description="Live Partition Mobility for KVM.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.console = console
    app.state.streams = streams or Streams()
    tell_problems(app)
    app.add_middleware(BodyLimit)
    app.include_router(_v1(), responses={"default": {"model": Problem, "description": "Problem"}})
    app.openapi = lambda: _described(app)
    return app


def _v1() -> APIRouter:
    v1 = APIRouter(prefix="/v1")
    for noun in (
        *(systems, vios, storage, baseline, partitions, profiles, migrations, events),
        *(console_stream, consoles, backups),
    ):
        v1.include_router(noun.router)
    return v1


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI as FastAPI sees it, but with the media type that problems really have."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        for path in schema["paths"].values():
            for operation in path.values():
                content = operation["responses"]["default"]["content"]
                (described,) = content.values()
                operation["responses"]["default"]["content"] = {MEDIA_TYPE: described}
        app.openapi_schema = schema
    return app.openapi_schema
