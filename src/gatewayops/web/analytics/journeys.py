"""The sequences of tools that sessions go through most often."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.visit import Visit

_LIMIT = 50
_LENGTHS = tuple((str(number), f"{number} tools") for number in range(2, 9))
_COLUMNS = ("times", "sessions", "users", "tools")


async def show(visit: Visit) -> Response:
    """`length` tools each."""
    asked = question_asked(visit)
    length = visit.asked("length", "3")
    length = length if length in dict(_LENGTHS) else "3"
    found, servers = await asyncio.gather(
        visit.rest.recent("/v1/analytics/journeys", length=length, limit=_LIMIT, **asked.query),
        asked.servers(),
    )
    journeys = found["journeys"]
    if visit.asked("format") == "csv":
        rows = ([one["times"], one["sessions"], one["users"], " > ".join(one["steps"])] for one in journeys)
        return csv_answer(f"journeys-{asked.file_name}", _COLUMNS, rows)
    return asked.draw(
        "analytics/journeys.html", servers, lengths=_LENGTHS, length=length, journeys=journeys,
        most=max((one["times"] for one in journeys), default=1),
    )  # fmt: skip
