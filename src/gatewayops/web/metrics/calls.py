"""Calls over any time: rate, errors and latency, in all and by server, tool, team, key or status."""

import asyncio

from starlette.responses import Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw, draw_part
from gatewayops.web.metrics.live import last_minute
from gatewayops.web.names import names
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit
from gatewayops.web.window import PRESETS, ended_window

VIEWS = (
    ("server", "By server"),
    ("tool", "By tool"),
    ("team", "By team"),
    ("key", "By key"),
    ("status", "By status"),
)
_FILTERS = ("server", "tool", "agent")
_DRAWN = 8
_COLUMNS = ("calls", "calls_per_s", "errors", "error_rate", "p50_ms", "p95_ms", "p99_ms")
Rows = list[list[object]]


async def show(visit: Visit) -> Response:
    """`by` cuts the second half of the page; `format=csv` is calls by step, `part=live` the last minute."""
    if visit.is_partial and visit.asked("part") == "live":
        return draw_part(visit, "metrics/live.html", live=await last_minute(visit))
    window = ended_window(visit)
    only = {name: visit.asked(name) for name in _FILTERS}
    by = visit.asked("by", "server")
    by = by if by in dict(VIEWS) else "server"
    rest = visit.rest
    if visit.asked("format") == "csv":
        series = await rest.get("/v1/metrics/series", group_by=by, **window.query, **only)
        return csv_answer("metrics", ("time", *_COLUMNS), _points(series["total"], *_COLUMNS))
    before, grouped, live, called = await asyncio.gather(
        rest.get("/v1/metrics/summary", **(window.before or window.query), **only),
        rest.get("/v1/metrics/series", group_by=by, **window.query, **only),
        last_minute(visit),
        names(visit, by),
    )
    total, drawn = grouped["total"], grouped["groups"][:_DRAWN]
    return draw(
        visit,
        "metrics/calls.html",
        window=window,
        presets=PRESETS,
        only=only,
        by=by,
        views=VIEWS,
        now=total["figures"],
        before=before["figures"],
        step_s=grouped["step_s"],
        rate=_points(total, "calls_per_s"),
        errors=_points(total, "error_rate"),
        latency=_points(total, "p50_ms", "p95_ms", "p99_ms"),
        group_rows=grouped["groups"],
        has_more=grouped["has_more_groups"],
        columns=[called.get(str(group["group"]), group["group"] or "none") for group in drawn],
        by_group=_side_by_side(drawn, "calls"),
        called=called,
        live=live,
    )


def _points(total: Json, *fields: str) -> Rows:
    """A row a step, of all calls; nothing where there were none."""
    if not total["figures"]["calls"]:
        return []
    return [[point["time"], *(point[name] for name in fields)] for point in total["points"]]


def _side_by_side(drawn: list[Json], field: str) -> Rows:
    """A row a step, a column a group."""
    if not drawn:
        return []
    points = zip(*(group["points"] for group in drawn), strict=True)
    return [[row[0]["time"], *(point[field] for point in row)] for row in points]
