"""The most called tools, and the most frequent values of their arguments where the settings show them."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.rest import Refused
from gatewayops.web.visit import Visit

_LIMIT = 50
_COLUMNS = ("server", "tool", "calls", "share", "error_rate", "users", "sessions", "previous_calls", "change")
_VALUES = ("value", "calls", "share", "users")
_TOLD_HERE = (400, 403)


async def show(visit: Visit) -> Response:
    """Beside as many days before."""
    asked = question_asked(visit)
    found, servers = await asyncio.gather(
        visit.rest.recent("/v1/analytics/tools", limit=_LIMIT, **asked.query), asked.servers()
    )
    if visit.asked("format") == "csv":
        rows = ([row[name] for name in _COLUMNS] for row in found["tools"])
        return csv_answer(f"tools-{asked.file_name}", _COLUMNS, rows)
    return asked.draw("analytics/tools.html", servers, calls=found["calls"], tools=found["tools"])


async def show_values(visit: Visit) -> Response:
    """Of the field `field` of `tool`; what the settings don't name is refused by the API, and told here."""
    asked = question_asked(visit)
    tool, field = visit.asked("tool"), visit.asked("field")
    problem, found = "", None
    if tool and field:
        try:
            found = await visit.rest.get(
                "/v1/analytics/arguments", tool=tool, field=field, limit=_LIMIT, **asked.query
            )
        except Refused as refused:
            if refused.status not in _TOLD_HERE:
                raise
            problem = refused.message
    if visit.asked("format") == "csv" and found:
        rows = ([row[name] for name in _VALUES] for row in found["values"])
        return csv_answer(f"values-{asked.file_name}", _VALUES, rows)
    return asked.draw(
        "analytics/values.html", await asked.servers(), tool=tool, field=field, problem=problem, found=found
    )
