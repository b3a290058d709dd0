"""The list of keys; whoever may see their own only sees these."""

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.drawing import draw
from gatewayops.web.keys.state import state_of
from gatewayops.web.names import names_of
from gatewayops.web.visit import Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """With usage, which is asked for the shown rows only."""
    found = await visit.rest.recent(
        "/v1/auth/keys",
        limit=_ROWS,
        cursor=visit.asked("cursor"),
        include_usage="true",
        include_revoked="true" if visit.asked("state") == "all" else None,
        query=visit.asked("query"),
        user=visit.asked("user"),
    )
    owners = {key["metadata"]["user_id"] for key in found["keys"]}
    people = await names_of(visit, filter(None, owners))  # where it may be known whose keys they are
    now = clock.now()
    return draw(
        visit,
        "keys/list.html",
        found=found,
        keys=[key | {"state": state_of(key, now)} for key in found["keys"]],
        people=people,
    )
