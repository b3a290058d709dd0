"""Builds the control API from its parts: routes, answers to errors, and the watch over revisions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from gatewayops import __version__
from gatewayops.api import answers, costs, directory, home, internal, keys, prices, servers, traces
from gatewayops.api.auth import KeyCheck
from gatewayops.api.body_limit import BodyLimit
from gatewayops.api.parts import ControlParts
from gatewayops.store.control.snapshot_feed import RevisionWatch

__all__ = ["ControlParts", "create_app"]

_MAX_BODY_BYTES = 1 << 20
_DESCRIPTION = "Keys, MCP servers, prices, traces and costs of a GatewayOps installation."


def create_app(parts: ControlParts) -> FastAPI:
    """The app; its lifespan runs the watch that feeds gateways. The store is migrated before."""
    app = FastAPI(
        title="GatewayOps API",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_watching,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.state.key_check = KeyCheck(parts)
    app.state.watch = RevisionWatch(parts.database)
    app.add_middleware(BodyLimit, limit_bytes=_MAX_BODY_BYTES)
    answers.install(app)
    for module in (keys, servers, prices, directory, traces, costs, internal, home):
        app.include_router(module.router)
    return app


@asynccontextmanager
async def _watching(app: FastAPI) -> AsyncIterator[None]:
    watch = asyncio.create_task(app.state.watch.run(), name="revision watch")
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
