"""The list of entries, with filters; each opens to what was there before and after."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit

_ROWS = 25
FILTERS = ("action", "actor", "target", "start_time", "end_time")


async def show(visit: Visit) -> Response:
    """Newest first."""
    asked = {name: visit.asked(name) for name in FILTERS}
    found = await visit.rest.get("/v1/logs/audit", **asked, cursor=visit.asked("cursor"), limit=_ROWS)
    return draw(visit, "audit/entries.html", asked=asked, found=found)
