"""Costs: of a period by group, its projection, the dearest tools and traces, and one trace.

Periods are whole UTC days; costs are whole micro-dollars.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gatewayops.cost.budget import RECENT_DAYS, Period, Span, forecast, span_at
from gatewayops.query.asking import SpanReader, SumReader, with_sums
from gatewayops.query.traces import extent_of
from gatewayops.store.telemetry import cost_sql

GROUPS = cost_sql.GROUPS
MAX_GROUPS = 1_000
_SECOND_NS = 10**9
_DAY_NS = 86_400 * _SECOND_NS
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set of calls amounts to."""

    calls: int
    errors: int
    cost_micros: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of one day, team, server…; an empty name gathers the calls that have none."""

    name: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class CostReport:
    """The whole period, and its groups (at most MAX_GROUPS, so they may add up to less)."""

    total: Figures
    groups: list[Group]


@dataclass(frozen=True, slots=True)
class ToolCost:
    """Figures of one tool of one server within a trace."""

    server: str
    tool: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class TraceCost:
    """What a trace cost, by tool, dearest first."""

    trace_id: str
    total: Figures
    tools: list[ToolCost]


@dataclass(frozen=True, slots=True)
class Projection:
    """A month: what it has cost so far, and what it will have cost at its end."""

    month: Span
    spent_micros: int
    expected_micros: int


@dataclass(frozen=True, slots=True)
class DearTrace:
    """A trace, as far as it lies in the period."""

    trace_id: str
    start_ns: int
    servers: tuple[str, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class TopCosts:
    """Dearest first."""

    tools: list[ToolCost]
    traces: list[DearTrace]


@dataclass(frozen=True, slots=True)
class DailyGroup:
    """A group's micro-dollars on each day of the period, in order; `name` is None of all other groups."""

    name: str | None
    micros: list[int]


@dataclass(frozen=True, slots=True)
class DailyCosts:
    """Every day of the period, with the calls of all groups; the dearest groups first, others last."""

    days: list[date]
    calls: list[int]
    groups: list[DailyGroup]


async def daily_costs(
    telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int, group_by: str, limit: int
) -> DailyCosts:
    """Costs by day, of the `limit` dearest groups and of the rest together; days without calls are zero."""
    values = await with_sums(telemetry, {"org": org_id, "start": start_ns, "end": end_ns, "limit": limit})
    names = [row["group_name"] for row in await telemetry.rows(cost_sql.costs(group_by), values)]
    rows = await telemetry.rows(cost_sql.by_day(group_by), values | {"groups": names})
    first = datetime.fromtimestamp(start_ns // _SECOND_NS, UTC).date()
    days = [first + timedelta(days=at) for at in range((end_ns - start_ns) // _DAY_NS)]
    micros: Counter[tuple[str | None, str]] = Counter()
    calls: Counter[str] = Counter()
    for row in rows:
        micros[row["group_name"] if row["is_named"] else None, row["day_name"]] += row["total_micros"]
        calls[row["day_name"]] += row["calls"]
    has_others = any(not row["is_named"] for row in rows)
    groups = [
        DailyGroup(name, [micros[name, day.isoformat()] for day in days])
        for name in (*names, *([None] if has_others else []))
    ]
    return DailyCosts(days, [calls[day.isoformat()] for day in days], groups)


async def cost_report(
    telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int, group_by: str
) -> CostReport:
    """Costs from `start_ns` up to `end_ns` (Unix nanoseconds), grouped by one of GROUPS."""
    values = await with_sums(
        telemetry, {"org": org_id, "start": start_ns, "end": end_ns, "limit": MAX_GROUPS}
    )
    if group_by in cost_sql.TIME_GROUPS:
        groups = await _periods(telemetry, group_by, values)
    else:
        rows = await telemetry.rows(cost_sql.costs(group_by), values)
        groups = [Group(row["group_name"], figures(row)) for row in rows]
    if len(groups) < MAX_GROUPS:
        return CostReport(summed([group.figures for group in groups]), groups)
    whole = await total(telemetry, org_id=org_id, start_ns=start_ns, end_ns=end_ns)
    return CostReport(whole, groups)


async def _periods(telemetry: SumReader, group_by: str, values: dict[str, Any]) -> list[Group]:
    """Days, weeks or months in order; what the built days among them add up to is remembered."""
    past, others = cost_sql.costs_in_two(group_by)
    parts: defaultdict[str, list[Figures]] = defaultdict(list)
    for rows in await asyncio.gather(telemetry.remembered_rows(past, values), telemetry.rows(others, values)):
        for row in rows:
            parts[row["group_name"]].append(figures(row))
    return [Group(name, summed(found)) for name, found in sorted(parts.items())][:MAX_GROUPS]


async def total(telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int) -> Figures:
    """The figures of a whole period."""
    values = {"org": org_id, "start": start_ns, "end": end_ns}
    rows = await telemetry.rows(cost_sql.total(), await with_sums(telemetry, values))
    return figures(rows[0])


async def projection(telemetry: SumReader, *, org_id: str, now: datetime) -> Projection:
    """What the present month will have cost, if it goes on as on average since it began or over seven days.

    Whichever began earlier, as forecasts of budgets do.
    """
    month = span_at(Period.MONTH, now)
    since = min(month.start, now.date() - timedelta(days=RECENT_DAYS))
    since_ns = int(Span(since, since).start_s) * _SECOND_NS
    report = await cost_report(
        telemetry, org_id=org_id, start_ns=since_ns, end_ns=int(month.end_s) * _SECOND_NS, group_by="day"
    )
    by_day = {date.fromisoformat(group.name): group.figures.cost_micros for group in report.groups}
    spent = sum(micros for day, micros in by_day.items() if day >= month.start)
    expected = forecast(span=month, now=now, limit_micros=_NO_LIMIT, spent_micros=spent, by_day=by_day)
    return Projection(month, spent, expected.expected_micros)


async def top_costs(telemetry: SumReader, *, org_id: str, start_ns: int, end_ns: int, limit: int) -> TopCosts:
    """The dearest tools and (a minute old at most) the dearest traces of a period."""
    values = await with_sums(telemetry, {"org": org_id, "start": start_ns, "end": end_ns, "limit": limit})
    tools = await telemetry.rows(cost_sql.top_tools(), values)
    traces = await telemetry.remembered_rows(cost_sql.top_traces(), values)
    return TopCosts(
        tools=[ToolCost(row["server"], row["tool"], figures(row)) for row in tools],
        traces=[
            DearTrace(
                trace_id=row["trace_id"],
                start_ns=row["start_ns"],
                servers=tuple(sorted(name for name in row["servers"] if name)),
                figures=figures(row),
            )
            for row in traces
        ],
    )


async def trace_cost(telemetry: SpanReader, *, org_id: str, trace_id: str) -> TraceCost:
    """What one trace cost; any form of its id. Raises NotFound."""
    place = await extent_of(telemetry, org_id=org_id, trace_id=trace_id)
    rows = await telemetry.rows(cost_sql.trace_costs(), place)
    tools = [ToolCost(row["server"], row["tool"], figures(row)) for row in rows]
    return TraceCost(place["trace"], summed([tool.figures for tool in tools]), tools)


def summed(parts: list[Figures]) -> Figures:
    """The figures of several sets that share no call."""
    return Figures(
        calls=sum(part.calls for part in parts),
        errors=sum(part.errors for part in parts),
        cost_micros=sum(part.cost_micros for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
    )


def figures(row: dict[str, Any]) -> Figures:
    """The figures of a row of cost_sql."""
    return Figures(
        calls=row["calls"],
        errors=row["errors"],
        cost_micros=row["total_micros"],
        input_tokens=row["total_input_tokens"],
        output_tokens=row["total_output_tokens"],
    )
