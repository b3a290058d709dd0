"""One budget: where it stands, how its period will end, and everything that can be changed of it."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from gatewayops.base import clock
from gatewayops.web.asking import choices_of, if_allowed
from gatewayops.web.drawing import draw
from gatewayops.web.names import called_of, names_of
from gatewayops.web.rest import segment
from gatewayops.web.visit import Visit

_ENTRIES = 10


async def show(visit: Visit) -> Response:
    """With what the audit log says of it, for who may read that."""
    budget_id = visit.request.path_params["id"]
    rest = visit.rest
    found = await rest.get(f"/v1/budgets/{segment(budget_id)}")
    called, keys, audit = await asyncio.gather(
        names_of(visit, [found["budget"]["subject"]]),
        choices_of(rest, "/v1/auth/keys", "keys"),
        if_allowed(rest.get("/v1/logs/audit", target=budget_id, limit=_ENTRIES)),
    )
    return draw(
        visit,
        "budgets/detail.html",
        budget=found["budget"],
        forecast=found["forecast"],
        events=found["events"],
        called=called | called_of(keys, "name"),
        keys=[key for key in keys if not key["revoked_at"]],
        entries=audit and audit["entries"],
        tomorrow=f"{clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}",
    )
