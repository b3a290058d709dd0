"""A funnel over tools, of the person's own making: the steps are in the address."""

import asyncio

from starlette.responses import Response

from gatewayops.web.analytics.question import question_asked
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.rest import Refused
from gatewayops.web.visit import Visit

WITHIN = (
    ("3600", "an hour"),
    ("86400", "a day"),
    ("604800", "a week"),
    ("2592000", "30 days"),
)
_MOST = 10
_INVALID = 400
_LEAST = 2
_TOOLS = 100
_COLUMNS = ("tool", "users", "rate", "step_rate")


async def show(visit: Visit) -> Response:
    """`step` once a tool, in their order; with fewer than two there is only the editor."""
    asked = question_asked(visit)
    steps = [step.strip() for step in visit.request.query_params.getlist("step") if step.strip()][:_MOST]
    within = visit.asked("within", "86400")
    problem, found = "", None
    if len(steps) >= _LEAST:
        try:
            found = await visit.rest.recent(
                "/v1/analytics/funnel", step=steps, window_s=within, **asked.query
            )
        except Refused as refused:
            if refused.status != _INVALID:
                raise
            problem = refused.message
    if visit.asked("format") == "csv" and found:
        rows = ([row[name] for name in _COLUMNS] for row in found["steps"])
        return csv_answer(f"funnel-{asked.file_name}", _COLUMNS, rows)
    tools, servers = await asyncio.gather(
        visit.rest.recent("/v1/analytics/tools", limit=_TOOLS, **asked.query), asked.servers()
    )
    return asked.draw(
        "analytics/funnel.html",
        servers,
        steps=steps,
        fields=[*steps, *[""] * min(max(_LEAST, len(steps) + 1) - len(steps), _MOST - len(steps))],
        within=within,
        choices=WITHIN,
        tools=[f"{row['server']}/{row['tool']}" if row["server"] else row["tool"] for row in tools["tools"]],
        problem=problem,
        found=found and found["steps"],
    )
