"""One server: how it is, its calls of a day, and what needs a decision."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json
from gatewayops.web.servers import known
from gatewayops.web.visit import Form, Visit

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


async def show(visit: Visit) -> Response:
    """Figures of the last hour beside those of the hour before."""
    server, now, rest = await known.server_of(visit), clock.now(), visit.rest
    name = server["name"]
    hour, day = (now - _HOUR).isoformat(), (now - _DAY).isoformat()
    current, before, series, tools, account = await asyncio.gather(
        if_allowed(rest.get("/v1/metrics/summary", start_time=hour, server=name)),
        if_allowed(
            rest.get(
                "/v1/metrics/summary", start_time=(now - 2 * _HOUR).isoformat(), end_time=hour, server=name
            )
        ),
        if_allowed(rest.get("/v1/metrics/series", start_time=day, server=name)),
        if_allowed(rest.get(known.path(visit, "tools"), limit=200)),
        _account(visit, server),
    )
    return draw(
        visit,
        "servers/overview.html",
        server=server,
        now=current and current["figures"],
        before=before and before["figures"],
        volume=_volume(series),
        held=[one["name"] for one in tools["tools"] if one["state"] == "held"] if tools else [],
        tools=tools,
        account=account,
    )


async def test(visit: Visit, form: Form) -> Response:
    """What the server says now."""
    told = await visit.rest.send("POST", known.path(visit, "test"), form_token=form["form_token"])
    return draw_part(visit, "servers/tested.html", told=told)


async def _account(visit: Visit, server: Json) -> Json | None:
    if server["upstream_auth"] != "user_oauth" or not visit.may("connections.own"):
        return None
    return await if_allowed(visit.rest.get(known.path(visit, "connection")))


def _volume(series: Json | None) -> list[list[object]] | None:
    if series is None:
        return None
    points = series["groups"][0]["points"] if series["groups"] else []
    return [[point["time"], point["calls"] - point["errors"], point["errors"]] for point in points]
