"""Metrics that servers and clients sent by OTLP: which there are, and one over time."""

from starlette.responses import RedirectResponse, Response

from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.drawing import draw
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit
from gatewayops.web.window import PRESETS, ended_window

_PAGE = 50
_DRAWN = 8
Rows = list[list[object]]


async def show(visit: Visit) -> Response:
    """By name, with who sent them."""
    window = ended_window(visit, "24h")
    found = await visit.rest.get(
        "/v1/metrics/exported",
        limit=_PAGE,
        cursor=visit.asked("cursor"),
        server=visit.asked("server"),
        service=visit.asked("service"),
        **window.query,
    )
    return draw(
        visit,
        "metrics/exported.html",
        window=window,
        presets=PRESETS,
        answer=found,
        found=found["metrics"],
    )


async def show_one(visit: Visit) -> Response:
    """The metric `name`, a line for each sender and set of attributes."""
    window = ended_window(visit, "1h")
    name = visit.asked("name")
    if not name:
        return RedirectResponse("/metrics/exported")
    found = await visit.rest.get(
        "/v1/metrics/exported/series",
        name=name,
        server=visit.asked("server"),
        service=visit.asked("service"),
        **window.query,
    )
    series = found["series"]
    fields = (
        ("value",) if not series or series[0]["kind"] in ("gauge", "sum") else ("count", "sum", "min", "max")
    )
    if visit.asked("format") == "csv":
        rows = [[point["time"], label, *(point[one] for one in fields)]
                for label, one_series in zip(_labels(series), series, strict=True)
                for point in one_series["points"]]  # fmt: skip
        return csv_answer("metric", ("time", "series", *fields), rows)
    drawn = series[:_DRAWN]
    return draw(
        visit,
        "metrics/exported_one.html",
        name=name,
        window=window,
        presets=PRESETS,
        series=series,
        has_more=found["has_more_series"],
        fields=fields,
        labels=_labels(series),
        rows=_side_by_side(drawn, fields[0]),
    )


def _labels(series: list[Json]) -> list[str]:
    found = []
    for one in series:
        sender = one["service"] or one["server"] or "unnamed sender"
        told = ", ".join(f"{key}={value}" for key, value in sorted(one["attributes"].items()))
        found.append(f"{sender}: {told}" if told else sender)
    return found


def _side_by_side(series: list[Json], field: str) -> Rows:
    """A row a step that any has, a column a series; None where it has no point."""
    by_time: dict[str, list[object]] = {}
    for at, one in enumerate(series):
        for point in one["points"]:
            by_time.setdefault(point["time"], [None] * len(series))[at] = point[field]
    return [[time, *values] for time, values in sorted(by_time.items())]
