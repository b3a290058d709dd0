"""The last minute's figures, as the server draws them until the live feed takes over."""

from datetime import timedelta

from gatewayops.base import clock
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

_MINUTE = timedelta(minutes=1)


async def last_minute(visit: Visit) -> Json:
    """The figures as the live feed has them."""
    now = clock.now()
    found = await visit.rest.get(
        "/v1/metrics/summary", start_time=(now - _MINUTE).isoformat(), end_time=now.isoformat()
    )
    figures: Json = found["figures"]
    return figures
