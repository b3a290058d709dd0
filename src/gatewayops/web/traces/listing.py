"""The list of traces: filters and full text in the address, a live tail, up to 200 rows as CSV."""

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.listed import asked, page_of
from gatewayops.web.names import names_in
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit
from gatewayops.web.window import asked_window

_WHAT = ("server", "tool", "agent", "user_id", "team_id", "project_id", "key_id", "operation", "environment")
_BOUNDS = ("min_duration_ms", "max_duration_ms", "min_cost", "max_cost")
FILTERS = ("query", *_WHAT, *_BOUNDS)
_STATUSES = {"failed": ["error", "timeout"]}  # what people ask for; the API's own words count too
_COLUMNS = (
    *("id", "start_time", "status", "servers", "agent_name", "user_id", "team_id", "key_id", "duration_ms"),
    *("span_count", "call_count", "error_count", "total_cost"),
)


async def show(visit: Visit) -> Response:
    """A page of traces; asked by the live tail, the same with what is newer than `seen` marked."""
    window = asked_window(visit)
    answer = await page_of(visit, "/v1/traces", window, _filters(visit))
    traces = answer["traces"]
    if visit.asked("format") == "csv":
        return csv_answer("traces", _COLUMNS, [_cells(trace) for trace in traces])
    names = await names_in(visit, traces)
    can_tail = window.is_moving and not visit.asked("cursor")
    return draw(
        visit,
        "traces/listing.html",
        window=window,
        answer=answer,
        traces=traces,
        names=names,
        can_tail=can_tail,
        is_live=can_tail and visit.asked("live") == "1",
        seen=visit.asked("seen") or (traces[0]["start_time"] if traces else "0"),
        is_filtered=any(visit.asked(name) for name in (*FILTERS, "status", "attribute")),
        more=sum(bool(visit.asked(name)) for name in _MORE),
    )


_MORE = (
    *("user_id", "team_id", "key_id", "attribute", "start_time", "end_time", "environment"),
    *("min_duration_ms", "min_cost", "operation", "project_id", "max_duration_ms", "max_cost"),
)


def _filters(visit: Visit) -> Json:
    several = visit.request.query_params.getlist
    found = asked(visit, FILTERS)
    found["attribute"] = [one.strip() for one in several("attribute") if one.strip()]
    given = [one for one in several("status") if one]
    found["status"] = [status for one in given for status in _STATUSES.get(one, [one])]
    return found


def _cells(trace: Json) -> list[object]:
    return [" ".join(trace[name]) if name == "servers" else trace[name] for name in _COLUMNS]
