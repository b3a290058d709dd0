"""What calls were for, by the rules that the settings name."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.visit import Visit

_COLUMNS = ("intent", "calls", "share", "users", "sessions")


async def show(visit: Visit) -> Response:
    """In the settings' order; then the calls that no rule names."""
    asked = question_asked(visit)
    found, servers = await asyncio.gather(
        visit.rest.recent("/v1/analytics/intents", **asked.query), asked.servers()
    )
    intents = found["intents"]
    if visit.asked("format") == "csv":
        return csv_answer(
            f"intents-{asked.file_name}", _COLUMNS, ([row[name] for name in _COLUMNS] for row in intents)
        )
    return asked.draw(
        "analytics/intents.html", servers, calls=found["calls"], intents=intents,
        has_rules=any(row["intent"] for row in intents),
    )  # fmt: skip
