"""Metrics of calls: of a time range, by step and group. Exact, from the calls themselves."""

from dataclasses import dataclass
from typing import Any

from gatewayops.query.asking import SpanReader
from gatewayops.store.telemetry import metrics_sql
from gatewayops.store.telemetry.span_filter import SpanFilter, parameters

MAX_GROUPS = 20
MAX_POINTS = 1_500
_AIM_POINTS = 120
_SECOND_NS = 1_000_000_000
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What a set of calls amounts to; percentiles (nearest rank, nanoseconds) are None without any to time.

    Streams count as calls, but how long they stayed open is no latency. `users` are those whom keys or
    sign-ins name; `keys` is how many keys were used.
    """

    calls: int = 0
    errors: int = 0
    p50_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    agents: int = 0
    users: int = 0
    keys: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One group over time: a point a step, from the first to the last of the range; empty ones too."""

    name: str
    total: CallFigures
    points: list[tuple[int, CallFigures]]  # (Unix nanoseconds where the step begins, figures)


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """The busiest groups; `has_more_groups` says that others were left out. `total` is all calls together."""

    step_s: int
    total: Series
    groups: list[Series]
    has_more_groups: bool


async def summary(telemetry: SpanReader, wanted: SpanFilter) -> CallFigures:
    """All calls that the filter wants (its status, duration and cost bounds are of traces, and not asked)."""
    [row] = await telemetry.rows(metrics_sql.summary(wanted), parameters(wanted))
    return _figures(row)


async def series(telemetry: SpanReader, wanted: SpanFilter, *, group_by: str, step_s: int) -> SeriesReport:
    """Calls a step and group; `group_by` one of metrics_sql.GROUPS, empty for all calls together."""
    step_ns = step_s * _SECOND_NS
    moments = range(wanted.start_ns // step_ns * step_ns, wanted.end_ns, step_ns)
    most = (MAX_GROUPS + 2) * (len(moments) + 1)
    values = parameters(wanted) | {"step": step_ns, "limit": most}
    rows = await telemetry.rows(metrics_sql.series(wanted, group_by), values)
    of_all = [row for row in rows if row["is_all"]]
    found = [row for row in rows if row["is_total"] and not row["is_all"]]
    if len(rows) == most:  # there may be more, and fewer are shown
        sql = metrics_sql.series(wanted, group_by, is_of_some=True)
        names = [row["group_name"] for row in found[:MAX_GROUPS]]
        rows = await telemetry.rows(sql, values | {"groups": names})
    points: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if not row["is_all"] and not row["is_total"]:
            points.setdefault(row["group_name"], []).append(row)
    total = _series(of_all[:1], of_all[1:], moments)
    groups = [_series([row], points[row["group_name"]], moments) for row in found[:MAX_GROUPS]]
    if not group_by and total.total.calls:
        groups = [total]
    return SeriesReport(step_s, total, groups, has_more_groups=len(found) > MAX_GROUPS)


def _series(total: list[dict[str, Any]], points: list[dict[str, Any]], moments: range) -> Series:
    figures = {row["at_ns"]: _figures(row) for row in points}
    return Series(
        total[0]["group_name"] if total else "",
        _figures(total[0]) if total else CallFigures(),
        [(at_ns, figures.get(at_ns, CallFigures())) for at_ns in moments],
    )


def step_for(start_ns: int, end_ns: int) -> int:
    """Seconds: the shortest round step that gives at most about 120 points."""
    length_s = (end_ns - start_ns) / _SECOND_NS
    fitting = [step for step in _STEPS_S if length_s / step <= _AIM_POINTS]
    return fitting[0] if fitting else -(-int(length_s) // (_AIM_POINTS * 86400)) * 86400


def _figures(row: dict[str, Any]) -> CallFigures:
    p50, p95, p99 = row["percentiles"] if row["timed"] else (None, None, None)
    return CallFigures(row["calls"], row["errors"], p50, p95, p99, row["agents"], row["users"], row["keys"])
