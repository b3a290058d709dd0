"""All servers: how each is, and what went through it in the last hour."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit

_HOUR_S = 3600


async def show(visit: Visit) -> Response:
    """Figures are shown to whoever may read metrics."""
    begun = (clock.now() - timedelta(seconds=_HOUR_S)).isoformat()
    listed, hour = await asyncio.gather(
        visit.rest.get("/v1/servers", limit=50, cursor=visit.asked("cursor")),
        if_allowed(visit.rest.get("/v1/metrics/series", start_time=begun, group_by="server", step_s=_HOUR_S)),
    )
    return draw(
        visit,
        "servers/listing.html",
        listed=listed,
        figures=hour and {group["group"]: group["figures"] for group in hour["groups"]},
        has_all=bool(hour and not hour["has_more_groups"]),
    )
