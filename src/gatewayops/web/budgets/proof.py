"""Whether the ledger and the recorded calls agree, day by day, to the micro-dollar."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit

_COLUMNS = ("day", "ledger", "recorded", "difference")


async def show(visit: Visit) -> Response:
    """The last seven days, or those asked for."""
    found = await visit.rest.get(
        "/v1/budgets/proof", start_date=visit.asked("start_date"), end_date=visit.asked("end_date")
    )
    days = found["days"]
    if visit.asked("format") == "csv":
        return csv_answer("ledger-proof", _COLUMNS, ([day[name] for name in _COLUMNS] for day in days))
    return draw(visit, "budgets/proof.html", agrees=found["agrees"], proven=days)
