"""One server: how it is, its calls of a day, and what needs a decision."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.rest import Json
from gatewayops.web.servers import known
from gatewayops.web.visit import Form, Visit
from gatewayops.web.window import a_moment_ago

_DAY = timedelta(days=1)


async def show(visit: Visit) -> Response:
    """Figures of the last day beside those of the day before."""
    server, now, rest = await known.server_of(visit), a_moment_ago(), visit.rest
    name, begun = server["name"], (now - _DAY).isoformat()
    earlier = (now - 2 * _DAY).isoformat()
    series, before, tools, account = await asyncio.gather(
        if_allowed(
            rest.recent("/v1/metrics/series", start_time=begun, end_time=now.isoformat(), server=name)
        ),
        if_allowed(rest.recent("/v1/metrics/summary", start_time=earlier, end_time=begun, server=name)),
        if_allowed(rest.get(known.path(visit, "tools"), limit=200)),
        _account(visit, server),
    )
    group = series["groups"][0] if series and series["groups"] else None
    return draw(
        visit,
        "servers/overview.html",
        server=server,
        has_figures=series is not None,
        now=group and group["figures"],
        before=before and before["figures"],
        volume=_volume(group),
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


def _volume(group: Json | None) -> list[list[object]]:
    points = group["points"] if group else []
    return [[point["time"], point["calls"] - point["errors"], point["errors"]] for point in points]
