"""`/v1/costs`: what calls cost, by period, team, user, server, and trace. Dollars, computed exactly."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Depends, Path
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.days import Days, DaysAsked, Period
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import ControlParts, Parts
from gatewayops.api.recent import MAY_BE_OLD
from gatewayops.api.shapes import LateShape, dollars
from gatewayops.base import clock
from gatewayops.identity.principal import Principal
from gatewayops.query import costs
from gatewayops.query.analytics import change
from gatewayops.query.costs import Figures

router = LateRouter(prefix="/v1/costs", tags=["Costs"], dependencies=[MAY_BE_OLD])

Reader = Annotated[Principal, Depends(principal_for("costs.read"))]
GroupBy = Literal["day", "week", "month", "team", "user", "project", "server", "tool"]


class Before(LateShape):
    """As many days just before; `change` 0.5 is half as much again, null where those cost nothing."""

    period: Period
    total_cost: float = Field(description="dollars")
    total_calls: int
    change: float | None


class Projection(LateShape):
    """The present month: what it has cost, and what it will have cost if it goes on so.

    As it went on average since the month began or over the last seven days, whichever began earlier.
    """

    month: str = Field(examples=["2026-01"])
    cost: float = Field(description="dollars, so far")
    expected_cost: float = Field(description="dollars, at the end of the month")


class CostSummary(LateShape):
    """All calls of the period; a projection where the period goes on to today."""

    total_cost: float = Field(description="dollars")
    total_calls: int
    total_errors: int
    input_tokens: int = Field(description="estimated")
    output_tokens: int = Field(description="estimated")
    period: Period
    previous: Before
    projection: Projection | None


class CostGroup(LateShape):
    """One day, team, server…; `group` is null for calls that have none."""

    group: str | None
    cost: float = Field(description="dollars")
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int


class CostReport(LateShape):
    """The period and its groups: days in order, other groups dearest first (at most 1,000)."""

    summary: CostSummary
    group_by: str
    breakdown: list[CostGroup]


class ToolCost(LateShape):
    """What a tool cost within a trace."""

    server: str | None
    tool: str | None
    cost: float
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int


class TraceCost(LateShape):
    """What a trace cost."""

    trace_id: str
    total_cost: float = Field(description="dollars")
    total_calls: int
    breakdown: list[ToolCost]


@router.get("/summary")
async def summary(caller: Reader, parts: Parts, days: DaysAsked, group_by: GroupBy = "day") -> CostReport:
    """The period by day, or by whatever `group_by` says."""
    return await _report(caller, parts, days, group_by)


@router.get("/by-team")
async def by_team(caller: Reader, parts: Parts, days: DaysAsked) -> CostReport:
    """The period by team."""
    return await _report(caller, parts, days, "team")


@router.get("/by-user")
async def by_user(caller: Reader, parts: Parts, days: DaysAsked) -> CostReport:
    """The period by user."""
    return await _report(caller, parts, days, "user")


@router.get("/by-server")
async def by_server(caller: Reader, parts: Parts, days: DaysAsked) -> CostReport:
    """The period by MCP server."""
    return await _report(caller, parts, days, "server")


@router.get("/trace/{trace_id}")
async def trace(trace_id: Annotated[str, Path(max_length=256)], caller: Reader, parts: Parts) -> TraceCost:
    """One trace, by server and tool."""
    found = await costs.trace_cost(parts.telemetry, org_id=caller.org_id, trace_id=trace_id)
    return TraceCost(
        trace_id=f"tr_{found.trace_id}",
        total_cost=dollars(found.total.cost_micros),
        total_calls=found.total.calls,
        breakdown=[
            ToolCost(server=row.server or None, tool=row.tool or None, **figure_fields(row.figures))
            for row in found.tools
        ],
    )


async def _report(caller: Principal, parts: Parts, days: Days, group_by: GroupBy) -> CostReport:
    telemetry, org_id, before = parts.telemetry, caller.org_id, days.before
    report, found_before, projection = await asyncio.gather(
        costs.cost_report(
            telemetry, org_id=org_id, start_ns=days.start_ns, end_ns=days.end_ns, group_by=group_by
        ),
        costs.total(telemetry, org_id=org_id, start_ns=before.start_ns, end_ns=before.end_ns),
        _projection(caller, parts, days),
    )
    total = report.total
    return CostReport(
        summary=CostSummary(
            total_cost=dollars(total.cost_micros),
            total_calls=total.calls,
            total_errors=total.errors,
            input_tokens=total.input_tokens,
            output_tokens=total.output_tokens,
            period=days.period,
            previous=Before(
                period=before.period,
                total_cost=dollars(found_before.cost_micros),
                total_calls=found_before.calls,
                change=change(total.cost_micros, found_before.cost_micros),
            ),
            projection=projection,
        ),
        group_by=group_by,
        breakdown=[CostGroup(group=row.name or None, **figure_fields(row.figures)) for row in report.groups],
    )


async def _projection(caller: Principal, parts: ControlParts, days: Days) -> Projection | None:
    now = clock.now()
    if not days.start_ns <= periods.unix_ns(now) < days.end_ns:
        return None
    found = await costs.projection(parts.telemetry, org_id=caller.org_id, now=now)
    return Projection(
        month=f"{found.month.start:%Y-%m}",
        cost=dollars(found.spent_micros),
        expected_cost=dollars(found.expected_micros),
    )


def figure_fields(figures: Figures) -> dict[str, Any]:
    """Figures as the shapes have them."""
    return {
        "cost": dollars(figures.cost_micros),
        "calls": figures.calls,
        "errors": figures.errors,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
    }
