"""The list of keys; whoever may see their own only sees these."""

import asyncio

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import choices_of
from gatewayops.web.drawing import draw
from gatewayops.web.keys.state import state_of
from gatewayops.web.visit import Visit

_ROWS = 25


async def show(visit: Visit) -> Response:
    """With usage, which is asked for the shown rows only."""
    rest = visit.rest
    found, people = await asyncio.gather(
        rest.get(
            "/v1/auth/keys",
            limit=_ROWS,
            cursor=visit.asked("cursor"),
            include_usage="true",
            include_revoked="true" if visit.asked("state") == "all" else None,
            query=visit.asked("query"),
            user=visit.asked("user"),
        ),
        choices_of(rest, "/v1/users", "users"),  # to say whose keys they are, where that may be known
    )
    now = clock.now()
    return draw(
        visit,
        "keys/list.html",
        found=found,
        keys=[key | {"state": state_of(key, now)} for key in found["keys"]],
        people={one["id"]: one for one in people},
    )
