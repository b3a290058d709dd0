"""The last minute's figures: drawn on the server, again every ten seconds until the live feed takes over."""

from datetime import timedelta

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.drawing import draw_part
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

_MINUTE = timedelta(minutes=1)


async def show(visit: Visit) -> Response:
    """A part of the page of metrics."""
    return draw_part(visit, "metrics/live.html", live=await last_minute(visit))


async def last_minute(visit: Visit) -> Json:
    """The figures as the live feed has them."""
    now = clock.now()
    found = await visit.rest.get(
        "/v1/metrics/summary", start_time=(now - _MINUTE).isoformat(), end_time=now.isoformat()
    )
    figures: Json = found["figures"]
    return figures
