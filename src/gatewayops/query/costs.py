"""Costs: of a period by group, and of one trace. Read from the spans; whole micro-dollars."""

from dataclasses import dataclass
from typing import Any

from gatewayops.base.errors import NotFound
from gatewayops.base.ids import trace_id_of
from gatewayops.query.asking import SpanReader
from gatewayops.store.telemetry import cost_sql, trace_sql

GROUPS = cost_sql.GROUPS
MAX_GROUPS = 1_000


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


async def cost_report(
    telemetry: SpanReader, *, org_id: str, start_ns: int, end_ns: int, group_by: str
) -> CostReport:
    """Costs from `start_ns` up to `end_ns` (Unix nanoseconds), grouped by one of GROUPS."""
    values = {"org": org_id, "start": start_ns, "end": end_ns, "limit": MAX_GROUPS}
    groups = await telemetry.rows(cost_sql.costs(group_by), values)
    del values["limit"]
    total = await telemetry.rows(cost_sql.total(), values)
    return CostReport(figures(total[0]), [Group(row["group_name"], figures(row)) for row in groups])


async def trace_cost(telemetry: SpanReader, *, org_id: str, trace_id: str) -> TraceCost:
    """What one trace cost; any form of its id. Raises NotFound."""
    found = trace_id_of(trace_id)
    rows = await telemetry.rows(cost_sql.trace_costs(), {"org": org_id, "trace": found})
    if not rows and not await telemetry.rows(trace_sql.one_trace(), {"org": org_id, "trace": found}):
        msg = f"no trace {trace_id[:80]!r}; a new one takes up to two seconds to appear"
        raise NotFound(msg)
    tools = [ToolCost(row["server"], row["tool"], figures(row)) for row in rows]
    return TraceCost(found, summed([tool.figures for tool in tools]), tools)


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
