"""All servers: how each is, and what went through it in the last hour."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit
from gatewayops.web.window import a_moment_ago

_HOUR_S = 3600


async def show(visit: Visit) -> Response:
    """Figures are shown to whoever may read metrics."""
    end = a_moment_ago()
    hour_long = {"start_time": (end - timedelta(seconds=_HOUR_S)).isoformat(), "end_time": end.isoformat()}
    listed, hour = await asyncio.gather(
        visit.rest.get("/v1/servers", limit=50, cursor=visit.asked("cursor")),
        if_allowed(visit.rest.recent("/v1/metrics/series", group_by="server", step_s=_HOUR_S, **hour_long)),
    )
    return draw(
        visit,
        "servers/listing.html",
        listed=listed,
        figures=hour and {group["group"]: group["figures"] for group in hour["groups"]},
        has_all=bool(hour and not hour["has_more_groups"]),
    )
