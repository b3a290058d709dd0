"""The list of runs, where two can be chosen for comparison."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.listed import asked, page_of
from gatewayops.web.names import names_in
from gatewayops.web.visit import Visit
from gatewayops.web.window import asked_window

_FILTERS = (
    *("agent", "server", "tool", "outcome", "user_id", "team_id", "project_id", "key_id"),
    *("min_steps", "min_duration_ms", "min_cost"),
)
_MORE = (
    *("user_id", "team_id", "project_id", "key_id", "start_time", "end_time"),
    *("min_steps", "min_duration_ms", "min_cost"),
)
_COLUMNS = (
    *("id", "start_time", "outcome", "stitched_by", "steps", "errors", "agent_name", "user_id", "team_id"),
    *("key_id", "duration_ms", "total_cost"),
)


async def show(visit: Visit) -> Response:
    """A page of runs."""
    window = asked_window(visit)
    answer = await page_of(visit, "/v1/runs", window, asked(visit, _FILTERS))
    runs = answer["runs"]
    if visit.asked("format") == "csv":
        return csv_answer("runs", _COLUMNS, [[run[name] for name in _COLUMNS] for run in runs])
    return draw(
        visit,
        "runs/listing.html",
        window=window,
        answer=answer,
        runs=runs,
        names=await names_in(visit, runs),
        is_filtered=any(visit.asked(name) for name in _FILTERS),
        more=sum(bool(visit.asked(name)) for name in _MORE),
    )
