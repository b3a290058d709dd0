"""All budgets with what they have spent, and when each will be exceeded if spending goes on."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.names import names, names_of
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

_PAGE = 25
_COLUMNS = ("id", "name", "scope", "subject", "period", "hard", "limit", "spent", "remaining")


async def show(visit: Visit) -> Response:
    """Newest first, as the API lists them."""
    if visit.asked("format") == "csv":
        found = await visit.rest.get("/v1/budgets", limit=200)
        rows = ([one[column] for column in _COLUMNS] for one in found["budgets"])
        return csv_answer("budgets", _COLUMNS, rows)
    found = await visit.rest.get("/v1/budgets", limit=_PAGE, forecast="true", cursor=visit.asked("cursor"))
    budgets = found["budgets"]
    return draw(
        visit, "budgets/listing.html", answer=found, budgets=budgets, called=await _called(visit, budgets)
    )


async def _called(visit: Visit, budgets: list[Json]) -> dict[str, str]:
    """Whose budgets they are; who may not read the directory may still list keys."""
    ids = [one["subject"] for one in budgets if one["scope"] != "organization"]
    if visit.may("directory.read") or not ids:
        return await names_of(visit, ids)
    return await names(visit, "key")
