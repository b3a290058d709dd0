"""`/v1/costs`, continued: the dearest tools and traces, exports for finance, what lists of tools cost."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from gatewayops.api import periods
from gatewayops.api.costs import Reader, ToolCost, figure_fields
from gatewayops.api.days import DaysAsked, Period
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.recent import MAY_BE_OLD
from gatewayops.api.shapes import LateShape, dollars
from gatewayops.base.errors import InvalidInput
from gatewayops.cost import focus
from gatewayops.cost.focus import Account, Charge
from gatewayops.query import charges, costs
from gatewayops.query.tool_lists import tool_list_costs
from gatewayops.record.audit.export import cell, csv_lines
from gatewayops.store.control import directory, subject_names

router = LateRouter(prefix="/v1/costs", tags=["Costs"], dependencies=[MAY_BE_OLD])

_MAX_DAYS = 400
_DAY_NS = 86_400 * 10**9


class DearTrace(LateShape):
    """A trace and what the part of it in the period cost."""

    trace_id: str
    start_time: str
    servers: list[str]
    cost: float = Field(description="dollars")
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int


class TopCosts(LateShape):
    """Dearest first."""

    period: Period
    tools: list[ToolCost]
    traces: list[DearTrace]


class DailyGroup(LateShape):
    """A group's cost on each of `days`; `group` is null for calls that have none, and of the others."""

    group: str | None
    is_other: bool = Field(description="all groups that are not among the dearest, together")
    costs: list[float] = Field(description="dollars")


class DailyCosts(LateShape):
    """Every day of the period in order, with the calls of all groups; the dearest group first."""

    period: Period
    group_by: str
    days: list[date]
    calls: list[int]
    groups: list[DailyGroup]


class UnusedTool(LateShape):
    """A tool that nobody called in the period; `tokens` of its definition, estimated."""

    tool: str
    tokens: int


class ListReader(LateShape):
    """A client that read the list in the period: how often, and the tokens of what it got, estimated."""

    agent: str | None
    lists: int
    tokens: int


class ToolListCost(LateShape):
    """A server's list of tools as it is now; tokens are estimated."""

    server: str
    tools: int
    tokens: int
    unused_tokens: int
    unused: list[UnusedTool]
    read_by: list[ListReader]


class ToolListCosts(LateShape):
    """The largest list first; servers whose tools are not known are left out."""

    period: Period
    servers: list[ToolListCost]


@router.get("/top")
async def top(
    caller: Reader, parts: Parts, days: DaysAsked, limit: Annotated[int, Query(ge=1, le=200)] = 10
) -> TopCosts:
    """The dearest tools and traces of the period."""
    found = await costs.top_costs(
        parts.telemetry, org_id=caller.org_id, start_ns=days.start_ns, end_ns=days.end_ns, limit=limit
    )
    return TopCosts(
        period=days.period,
        tools=[
            ToolCost(server=row.server or None, tool=row.tool or None, **figure_fields(row.figures))
            for row in found.tools
        ],
        traces=[
            DearTrace(
                trace_id=f"tr_{row.trace_id}",
                start_time=periods.iso(row.start_ns),
                servers=list(row.servers),
                **figure_fields(row.figures),
            )
            for row in found.traces
        ],
    )


@router.get("/daily")
async def daily(
    caller: Reader,
    parts: Parts,
    days: DaysAsked,
    group_by: Literal["team", "user", "project", "server", "tool"] = "server",
    limit: Annotated[int, Query(ge=1, le=20)] = 7,
) -> DailyCosts:
    """The period day by day, days without calls too: the dearest groups, and the rest together."""
    if days.end_ns - days.start_ns > _MAX_DAYS * _DAY_NS:
        msg = f"start_date: at most {_MAX_DAYS} days before end_date"
        raise InvalidInput(msg)
    found = await costs.daily_costs(
        parts.telemetry,
        org_id=caller.org_id,
        start_ns=days.start_ns,
        end_ns=days.end_ns,
        group_by=group_by,
        limit=limit,
    )
    return DailyCosts(
        period=days.period,
        group_by=group_by,
        days=found.days,
        calls=found.calls,
        groups=[
            DailyGroup(
                group=group.name or None,
                is_other=group.name is None,
                costs=[dollars(micros) for micros in group.micros],
            )
            for group in found.groups
        ],
    )


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "CSV; the first line names the columns"}},
)
async def export(
    caller: Reader,
    parts: Parts,
    days: DaysAsked,
    form: Annotated[Literal["csv", "focus"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """The period by day, team, project, user, server and tool, as CSV: plain, or with FOCUS 1.2's columns.

    Money is decimal text in dollars; its sum is the ledger's, to the micro-dollar.
    """
    async with parts.database.reading() as session:
        billed = await directory.organisation(session, org_id=caller.org_id)
        names = await subject_names.names(session, org_id=caller.org_id)
    account = Account(billed.id, billed.name)
    found = await charges.days_with_calls(
        parts.telemetry, org_id=caller.org_id, start_ns=days.start_ns, end_ns=days.end_ns
    )
    rows = charges.charges(parts.telemetry, org_id=caller.org_id, days=found, names=names)
    lines = _focus_lines(rows, account) if form == "focus" else _plain_lines(rows)
    name = f"costs-{form}-{days.period.start}-{days.period.end}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/tool-lists")
async def tool_lists(caller: Reader, parts: Parts, days: DaysAsked) -> ToolListCosts:
    """What each server's list of tools takes from a model's context, who read it, and tools nobody called."""
    found = await tool_list_costs(
        parts.database, parts.telemetry, org_id=caller.org_id, start_ns=days.start_ns, end_ns=days.end_ns
    )  # fmt: skip
    return ToolListCosts(
        period=days.period,
        servers=[
            ToolListCost(
                server=row.server,
                tools=row.tool_count,
                tokens=row.tokens,
                unused_tokens=sum(tool.tokens for tool in row.unused),
                unused=[UnusedTool(tool=tool.tool, tokens=tool.tokens) for tool in row.unused],
                read_by=[
                    ListReader(agent=reader.agent or None, lists=reader.lists, tokens=reader.tokens)
                    for reader in row.readers
                ],
            )
            for row in found
        ],
    )


async def _plain_lines(pages: AsyncIterator[list[Charge]]) -> AsyncIterator[bytes]:
    yield csv_lines([focus.PLAIN])
    async for page in pages:
        yield csv_lines(map(cell, focus.plain_row(charge)) for charge in page)


async def _focus_lines(pages: AsyncIterator[list[Charge]], account: Account) -> AsyncIterator[bytes]:
    yield csv_lines([focus.FOCUS])
    async for page in pages:
        yield csv_lines(map(cell, focus.focus_row(charge, account)) for charge in page)
