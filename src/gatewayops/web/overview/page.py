"""The overview: figures next to those before, a month's costs, alerts, and the first steps."""

import asyncio

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit
from gatewayops.web.window import LENGTHS, a_moment_ago

_STEPS_S = {"1h": 60, "24h": 1_800, "7d": 10_800}  # by window: about fifty bars
_ALERTS = 5


async def show(visit: Visit) -> Response:
    """Each part is drawn only for who may ask for it."""
    window = visit.asked("window")
    window = window if window in _STEPS_S else "24h"
    length = LENGTHS[window]
    now = a_moment_ago()
    start, end = (now - length).isoformat(), now.isoformat()
    rest = visit.rest
    before, series, costs, incidents, servers, keys = await asyncio.gather(
        if_allowed(
            rest.recent("/v1/metrics/summary", start_time=(now - 2 * length).isoformat(), end_time=start)
        ),
        if_allowed(
            rest.recent("/v1/metrics/series", start_time=start, end_time=end, step_s=_STEPS_S[window])
        ),
        if_allowed(rest.recent("/v1/costs/summary", group_by="day")),
        if_allowed(rest.get("/v1/alerts/incidents", limit=_ALERTS)),
        if_allowed(rest.get("/v1/servers", limit=1)),
        if_allowed(rest.get("/v1/auth/keys", limit=1)),
    )
    current = await _figures(visit, series, start)
    return draw(
        visit,
        "overview/page.html",
        window=window,
        now=current,
        before=before and before["figures"],
        volume=_volume(series),
        costs=costs,
        daily=costs and [[row["group"], row["cost"]] for row in costs["breakdown"]],
        incidents=incidents and incidents["incidents"],
        steps=_steps(visit, current, servers, keys),
    )


async def _figures(visit: Visit, series: Json | None, start: str) -> Json | None:
    """Of the whole window; asked anew while there are no calls, for the first one ticks off the last step."""
    if series is None:
        return None
    if series["groups"]:
        return dict(series["groups"][0]["figures"])
    found = await visit.rest.get("/v1/metrics/summary", start_time=start)
    return dict(found["figures"])


def _volume(series: Json | None) -> list[list[object]] | None:
    if series is None:
        return None
    points = series["groups"][0]["points"] if series["groups"] else []
    return [[point["time"], point["calls"] - point["errors"], point["errors"]] for point in points]


def _steps(visit: Visit, current: Json | None, servers: Json | None, keys: Json | None) -> list[Json]:
    """The first-run checklist; empty when all is done or the person may do none of it."""
    steps = [
        {"label": "Add an MCP server", "href": "/servers/new", "done": bool(servers and servers["servers"])},
        {"label": "Make an API key", "href": "/keys", "done": bool(keys and keys["keys"])},
        {
            "label": "Make a first call",
            "href": "/servers",
            "done": bool(current and current["calls"]),
        },
    ]
    if not visit.may("servers.write") or all(step["done"] for step in steps):
        return []
    return steps
