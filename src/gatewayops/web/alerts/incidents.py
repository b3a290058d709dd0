"""Incidents and the messages about them."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.rest import segment
from gatewayops.web.visit import Visit


async def show(visit: Visit) -> Response:
    """Newest first; `state` and `rule` filter."""
    asked = {name: visit.asked(name) for name in ("state", "rule")}
    found = await visit.rest.get("/v1/alerts/incidents", **asked, cursor=visit.asked("cursor"), limit=50)
    return draw(visit, "alerts/incidents.html", asked=asked, found=found)


async def show_one(visit: Visit) -> Response:
    """What was out of bounds, since when, and who was told."""
    found = await visit.rest.get(f"/v1/alerts/incidents/{segment(visit.request.path_params['id'])}")
    return draw(visit, "alerts/incident.html", incident=found["incident"], deliveries=found["deliveries"])


async def show_deliveries(visit: Visit) -> Response:
    """Every message to a channel, and what became of it."""
    asked = {name: visit.asked(name) for name in ("state", "channel")}
    found = await visit.rest.get("/v1/alerts/deliveries", **asked, cursor=visit.asked("cursor"), limit=50)
    return draw(visit, "alerts/deliveries.html", asked=asked, found=found)
