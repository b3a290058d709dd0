"""`/v1/traces`: what the gateway carried, by trace."""

import asyncio
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Path, Query, Response
from pydantic import BeforeValidator, Field

from gatewayops.api import periods
from gatewayops.api.auth import principal_for
from gatewayops.api.late_routes import LateRouter
from gatewayops.api.parts import Parts
from gatewayops.api.shapes import Body
from gatewayops.api.trace_answers import one_outline, one_span, one_trace, page_of_spans, telling_span
from gatewayops.api.trace_shapes import OneOutline, OneSpan, OneTrace, SpanList, TraceList, trace_body
from gatewayops.base.errors import InvalidInput
from gatewayops.base.ids import trace_id_of
from gatewayops.identity.principal import Principal
from gatewayops.query import logs, traces
from gatewayops.query.timed_span import timed_row, timed_span
from gatewayops.query.waterfall import waterfall
from gatewayops.store.telemetry.span_filter import SpanFilter

router = LateRouter(prefix="/v1/traces", tags=["Traces"])

Reader = Annotated[Principal, Depends(principal_for("traces.read"))]
TraceId = Annotated[str, Path(max_length=256, description="`tr_…`, 32 hex digits, or your own X-Trace-ID")]
SpanId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Field(max_length=256)]

T = TypeVar("T")
Several = Annotated[list[T], BeforeValidator(lambda given: _several(given))]
Attribute = Annotated[
    str, Field(max_length=512, pattern=r"^[^:]+:", description="key:value of a span; given twice, both")
]

_MICROS = 1_000_000
_TELLING = "telling"


def _several(given: object) -> object:
    """One value instead of a list stands for itself."""
    if isinstance(given, str):
        return [given]
    return [] if given is None else given


class TraceQuestion(Body):
    """Which traces. Everything is optional; without times, the last 24 hours."""

    start_time: Annotated[str, Field(max_length=40, examples=["2026-01-15T00:00:00Z"])] = ""
    end_time: Annotated[str, Field(max_length=40, description="exclusive; a date includes its day")] = ""
    user_id: Text = ""
    team_id: Text = ""
    project_id: Text = ""
    key_id: Text = ""
    server: Text = ""
    tool: Text = ""
    operation: Annotated[str, Field(max_length=256, examples=["mcp.tools.call"])] = ""
    agent: Annotated[Text, Field(description="the client's name")] = ""
    environment: Annotated[Text, Field(description="the key's, such as prod")] = ""
    attribute: Several[Attribute] = Field(default_factory=list, max_length=8)
    status: Several[Literal["success", "error", "timeout"]] = Field(default_factory=list, max_length=8)
    min_duration_ms: Annotated[float, Field(ge=0, le=1e9)] = 0
    max_duration_ms: Annotated[float, Field(ge=0, le=1e9, description="0 for any")] = 0
    min_cost: Annotated[Decimal, Field(ge=0, le=1_000_000, description="dollars")] = Decimal(0)
    max_cost: Annotated[Decimal, Field(ge=0, le=1_000_000, description="dollars")] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=512)] = ""
    query: Annotated[
        str,
        Field(max_length=1000, description="anywhere in tool, resource, error, request, response, or the id"),
    ] = ""


@router.get("")
async def list_traces(asked: Annotated[TraceQuestion, Query()], caller: Reader, parts: Parts) -> TraceList:
    """Traces of the organisation, newest first. Filters choose traces with a span like that."""
    return await _page(asked, caller, parts)


@router.post("/search")
async def search(asked: TraceQuestion, caller: Reader, parts: Parts) -> TraceList:
    """The same question as JSON: what is looked for stands in no address then."""
    return await _page(asked, caller, parts)


@router.get("/{trace_id}", response_model=OneTrace)
async def show(trace_id: TraceId, caller: Reader, parts: Parts) -> Response:
    """One trace with its spans, and the log records that name it."""
    extent = await traces.extent_of(parts.telemetry, org_id=caller.org_id, trace_id=trace_id)
    (trace, page), found = await asyncio.gather(
        traces.whole_trace(parts.telemetry, extent), logs.logs_of_trace(parts.telemetry, extent)
    )
    timed = [timed_span(span) for span in page.spans]
    return Response(one_trace(trace, page.spans, timed, found), media_type="application/json")


@router.get("/{trace_id}/spans", response_model=SpanList)
async def list_spans(
    trace_id: TraceId,
    caller: Reader,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Annotated[str, Query(max_length=512)] = "",
) -> Response:
    """The spans of a trace, a page at a time, in order of start."""
    trace = await traces.get_trace(parts.telemetry, org_id=caller.org_id, trace_id=trace_id)
    page = await traces.list_spans(
        parts.telemetry, org_id=caller.org_id, trace=trace, limit=limit, cursor=cursor
    )
    outline = await traces.outline(parts.telemetry, org_id=caller.org_id, trace=trace)
    answer = page_of_spans(page, [timed_row(row) for row in outline])
    return Response(answer, media_type="application/json")


@router.get("/{trace_id}/outline", response_model=OneOutline)
async def outline(
    trace_id: TraceId,
    caller: Reader,
    parts: Parts,
    span: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """The same without what was sent and answered: what a waterfall needs, however many spans there are.

    `span` adds one whole: its id, or `telling` for the deepest that failed, or the first where none did.
    """
    extent = await traces.extent_of(parts.telemetry, org_id=caller.org_id, trace_id=trace_id)
    is_named = span not in ("", _TELLING)
    (trace, rows), found, shown = await asyncio.gather(
        traces.named_outline(parts.telemetry, extent),
        logs.logs_of_trace(parts.telemetry, extent),
        traces.span_of(parts.telemetry, extent, span) if is_named else asyncio.sleep(0),
    )
    timed = [timed_row(row) for row in rows]
    places = waterfall(timed)
    if span == _TELLING:
        shown = await traces.span_of(parts.telemetry, extent, telling_span(rows, places))
    return Response(one_outline(trace, rows, timed, places, found, shown), media_type="application/json")


@router.get("/{trace_id}/spans/{span_id}", response_model=OneSpan)
async def show_span(trace_id: TraceId, span_id: SpanId, caller: Reader, parts: Parts) -> Response:
    """One span of a trace."""
    extent = await traces.extent_of(parts.telemetry, org_id=caller.org_id, trace_id=trace_id)
    span, near = await traces.one_span(parts.telemetry, extent, span_id)
    return Response(one_span(span, [timed_row(row) for row in near]), media_type="application/json")


async def _page(asked: TraceQuestion, caller: Principal, parts: Parts) -> TraceList:
    wanted = _filter(asked, org_id=caller.org_id)
    page = await traces.list_traces(parts.telemetry, wanted, limit=asked.limit, cursor=asked.cursor)
    bodies = [trace_body(trace) for trace in page.traces]
    return TraceList(traces=bodies, cursor=page.cursor, has_more=page.cursor is not None)


def _filter(asked: TraceQuestion, *, org_id: str) -> SpanFilter:
    text = asked.query.strip()
    window = periods.window(asked.start_time, asked.end_time)
    if 0 < asked.max_duration_ms < asked.min_duration_ms:
        msg = "max_duration_ms: must not be below min_duration_ms"
        raise InvalidInput(msg)
    return SpanFilter(
        org_id=org_id,
        start_ns=window.start_ns,
        end_ns=window.end_ns,
        user_id=asked.user_id,
        team_id=asked.team_id,
        project_id=asked.project_id,
        key_id=asked.key_id,
        server=asked.server,
        tool=asked.tool,
        method=asked.operation.removeprefix("mcp.").replace(".", "/"),
        text=text,
        trace_id=trace_id_of(text) if text else "",
        agent=asked.agent,
        env=asked.environment,
        attributes=tuple(_key_and_value(one) for one in asked.attribute),
        statuses=tuple(asked.status),
        min_duration_ns=round(asked.min_duration_ms * 1e6),
        max_duration_ns=round(asked.max_duration_ms * 1e6),
        min_cost_micros=int((asked.min_cost * _MICROS).to_integral_value(rounding="ROUND_CEILING")),
        max_cost_micros=None if asked.max_cost is None else int(asked.max_cost * _MICROS),
    )


def _key_and_value(text: str) -> tuple[str, str]:
    key, _, value = text.partition(":")
    return key, value
