"""Costs of a period: figures beside those before, by day, by team, user, project, server or tool, dearest."""

import asyncio
from urllib.parse import urlencode

from starlette.responses import Response

from gatewayops.web.asking import if_allowed
from gatewayops.web.csv_answer import csv_answer
from gatewayops.web.days import PRESETS, days_asked
from gatewayops.web.drawing import draw
from gatewayops.web.names import names
from gatewayops.web.rest import Json
from gatewayops.web.visit import Visit

VIEWS = (
    ("server", "By server"),
    ("tool", "By tool"),
    ("team", "By team"),
    ("user", "By user"),
    ("project", "By project"),
)
_SHOWN = 50
_TOP = 10
_BUDGETS = 200
_NEAR = 0.8
_COLUMNS = ("group", "name", "cost", "calls", "errors", "input_tokens", "output_tokens")


async def show(visit: Visit) -> Response:
    """`by` says how the days are stacked and the table is cut; `format=csv` is the table."""
    days = days_asked(visit)
    by = visit.asked("by", "server")
    by = by if by in dict(VIEWS) else "server"
    rest = visit.rest
    report, called = await asyncio.gather(
        rest.recent("/v1/costs/summary", group_by=by, **days.query), names(visit, by)
    )
    if visit.asked("format") == "csv":
        return csv_answer(f"costs-by-{by}-{days.start}-{days.end}", _COLUMNS, _cells(report, called))
    daily, top, budgets = await asyncio.gather(
        rest.recent("/v1/costs/daily", group_by=by, **days.query),
        rest.recent("/v1/costs/top", limit=_TOP, **days.query),
        if_allowed(rest.get("/v1/budgets", limit=_BUDGETS)),
    )
    standing = budgets["budgets"] if budgets else []
    return draw(
        visit,
        "costs/page.html",
        days=days,
        presets=PRESETS,
        by=by,
        views=VIEWS,
        summary=report["summary"],
        rows=report["breakdown"][: None if visit.asked("all") else _SHOWN],
        group_count=len(report["breakdown"]),
        called=called,
        budget_of={one["subject"]: one for one in standing if one["scope"] == by},
        near=[one for one in standing if one["limit"] and one["spent"] >= _NEAR * one["limit"]],
        columns=[_label(group, called) for group in daily["groups"]],
        daily=_by_day(daily),
        top=top,
        exported=urlencode(days.query),
    )


def _cells(report: Json, called: dict[str, str]) -> list[list[object]]:
    named = [row | {"name": called.get(row["group"], row["group"])} for row in report["breakdown"]]
    return [[row[column] for column in _COLUMNS] for row in named]


def _label(group: Json, called: dict[str, str]) -> str:
    if group["is_other"]:
        return "All others"
    name = str(group["group"] or "None")
    return called.get(name, name)


def _by_day(daily: Json) -> list[list[object]]:
    if not any(daily["calls"]):
        return []
    return [[day, *(group["costs"][at] for group in daily["groups"])] for at, day in enumerate(daily["days"])]
