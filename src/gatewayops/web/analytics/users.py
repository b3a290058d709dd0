"""Active users by day, week or month, new beside returning, how sticky, and segments by sessions."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.visit import Visit

INTERVALS = (("day", "By day"), ("week", "By week"), ("month", "By month"))
_COLUMNS = ("start", "users", "new_users", "returning_users", "calls")


async def show(visit: Visit) -> Response:
    """`interval` is that of the chart and the table; `format=csv` is the table."""
    asked = question_asked(visit)
    interval = visit.asked("interval", "day")
    interval = interval if interval in dict(INTERVALS) else "day"
    rest = visit.rest
    if visit.asked("format") == "csv":
        active = await rest.recent("/v1/analytics/active-users", interval=interval, **asked.query)
        rows = [[row[name] for name in _COLUMNS] for row in active["series"]]
        return csv_answer(f"users-{asked.file_name}", _COLUMNS, rows)
    summary, active, segments, servers = await asyncio.gather(
        rest.recent("/v1/analytics/summary", **asked.query),
        rest.recent("/v1/analytics/active-users", interval=interval, **asked.query),
        rest.recent("/v1/analytics/segments", **asked.query),
        asked.servers(),
    )
    series = active["series"]
    return asked.draw(
        "analytics/users.html",
        servers,
        summary=summary,
        intervals=INTERVALS,
        interval=interval,
        active=active,
        by_time=[[row["start"], row["returning_users"], row["new_users"]] for row in series],
        rolling=[[row["date"], row["daily"], row["weekly"], row["monthly"]] for row in active["rolling"]],
        segments=segments["segments"],
    )
