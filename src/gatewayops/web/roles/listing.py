"""The roles: predefined ones and those of the organisation."""

from starlette.responses import Response

from gatewayops.web.drawing import draw
from gatewayops.web.roles import policies, rules
from gatewayops.web.visit import Visit

_ROWS = 50


async def show(visit: Visit) -> Response:
    """With what each may."""
    if not visit.may("roles.read") and visit.may("policies.read"):
        return await policies.show(visit)
    found = await visit.rest.get("/v1/roles", limit=_ROWS, cursor=visit.asked("cursor"))
    return draw(visit, "roles/list.html", tabs=rules.tabs(visit), found=found)
