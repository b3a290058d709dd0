"""All budgets with what they have spent, and when each will be exceeded if spending goes on."""

import asyncio

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.names import names
from gatewayops.web.visit import Visit

_PAGE = 25
_COLUMNS = ("id", "name", "scope", "subject", "period", "hard", "limit", "spent", "remaining")


async def show(visit: Visit) -> Response:
    """Newest first, as the API lists them."""
    if visit.asked("format") == "csv":
        found = await visit.rest.get("/v1/budgets", limit=200)
        rows = ([one[column] for column in _COLUMNS] for one in found["budgets"])
        return csv_answer("budgets", _COLUMNS, rows)
    found, called = await asyncio.gather(
        visit.rest.get("/v1/budgets", limit=_PAGE, forecast="true", cursor=visit.asked("cursor")),
        names(visit, "team", "project", "user", "key"),
    )
    return draw(visit, "budgets/listing.html", answer=found, budgets=found["budgets"], called=called)
