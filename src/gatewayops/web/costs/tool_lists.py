"""What each server's list of tools takes from every conversation, and which tools nobody called."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.days import PRESETS, days_asked
from gatewayops.web.drawing import draw
from gatewayops.web.visit import Visit

_COLUMNS = ("server", "tools", "tokens", "unused_tools", "unused_tokens")


async def show(visit: Visit) -> Response:
    """The largest list first."""
    days = days_asked(visit)
    found = await visit.rest.recent("/v1/costs/tool-lists", **days.query)
    servers = found["servers"]
    if visit.asked("format") == "csv":
        rows = [
            (one["server"], one["tools"], one["tokens"], len(one["unused"]), one["unused_tokens"])
            for one in servers
        ]
        return csv_answer(f"tool-lists-{days.start}-{days.end}", _COLUMNS, rows)
    return draw(
        visit,
        "costs/tool_lists.html",
        days=days,
        presets=PRESETS,
        servers=servers,
        tokens=sum(one["tokens"] for one in servers),
        unused_tokens=sum(one["unused_tokens"] for one in servers),
        unused=sum(len(one["unused"]) for one in servers),
        tools=sum(one["tools"] for one in servers),
    )
