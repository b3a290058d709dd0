"""Every page of the dashboard, by address: an explicit list, asked in this order."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gatewayops.web import (
    alerts,
    analytics,
    assets,
    audit,
    budgets,
    costs,
    drawing,
    end_users,
    exports,
    keys,
    logs,
    metrics,
    overview,
    people,
    roles,
    runs,
    servers,
    settings,
    sso,
    traces,
    you,
)
from gatewayops.web.rest import Refused
from gatewayops.web.visit import Change, Done, Show, Visit, begin, leave, sent

Endpoint = Callable[[Request], Awaitable[Response]]
App = TypeVar("App", bound=Starlette)
_NO_PAGES = ("/v1/", "/oauth/", "/internal/")  # below /oauth/ come end users, who have no account here


def with_pages(app: App) -> App:
    """The app of the API with the dashboard beside it; pages ask the API through all of its checks."""
    app.router.routes += routes()
    return app


def routes() -> list[BaseRoute]:
    """Files, pages and changes."""
    reading = [Route(path, _reading(show), methods=["GET"]) for path, show in SHOWN]
    changing = [Route(path, _changing(change), methods=["POST"]) for path, change in CHANGES]
    files = Route("/static/{name}", assets.serve, methods=["GET"])
    return [files, *reading, *changing, Route("/{path:path}", _nothing, methods=["GET"])]


async def _nothing(request: Request) -> Response:
    """A page for people; programs, and addresses that are no page's, get the API's own answer."""
    if request.scope["path"].startswith(_NO_PAGES) or "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(404)
    return await _reading(_not_found)(request)


async def _not_found(visit: Visit) -> Response:
    raise Refused(404, {"message": f"There is nothing at {visit.request.url.path}.", "reason": "not_found"})


def _reading(show: Show) -> Endpoint:
    async def answer(request: Request) -> Response:
        began_s = time.perf_counter()
        found = await _visited(request, show)
        found.headers["Server-Timing"] = f"page;dur={(time.perf_counter() - began_s) * 1000:.1f}"
        return found

    return answer


def _changing(change: Change) -> Endpoint:
    async def work(visit: Visit) -> Response:
        done = await change(visit, await sent(visit.request))
        return leave(visit, done) if isinstance(done, Done) else done

    async def answer(request: Request) -> Response:
        return await _visited(request, work)

    return answer


async def _visited(request: Request, work: Show) -> Response:
    """What `work` answers to who is signed in; else where to sign in, or what the API refused."""
    try:
        visit = await begin(request)
    except Refused as error:
        return drawing.refused_before(request, error)
    if isinstance(visit, Response):
        return visit
    try:
        return await work(visit)
    except Refused as error:
        return drawing.refused(visit, error)


SHOWN: tuple[tuple[str, Show], ...] = (
    *overview.SHOWN,
    *traces.SHOWN,
    *runs.SHOWN,
    *logs.SHOWN,
    *metrics.SHOWN,
    *analytics.SHOWN,
    *alerts.SHOWN,
    *costs.SHOWN,
    *budgets.SHOWN,
    *servers.SHOWN,
    *keys.SHOWN,
    *people.SHOWN,
    *roles.SHOWN,
    *end_users.SHOWN,
    *sso.SHOWN,
    *audit.SHOWN,
    *exports.SHOWN,
    *settings.SHOWN,
    *you.SHOWN,
)
CHANGES: tuple[tuple[str, Change], ...] = (
    *alerts.CHANGES,
    *budgets.CHANGES,
    *servers.CHANGES,
    *keys.CHANGES,
    *people.CHANGES,
    *roles.CHANGES,
    *end_users.CHANGES,
    *sso.CHANGES,
    *audit.CHANGES,
    *exports.CHANGES,
    *settings.CHANGES,
    *you.CHANGES,
)
