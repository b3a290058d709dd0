"""The traces API's bodies, and how rows of `query` become them: dollars, milliseconds, ISO times.

One trace with its spans is answered by trace_answers in the shape of OneTrace and SpanList.
"""

from typing import Any, Literal

from pydantic import Field

from gatewayops.api.exported_shapes import LogBody
from gatewayops.api.periods import iso, ms
from gatewayops.api.shapes import LateShape, Listed, dollars
from gatewayops.query.trace_rows import SpanRow, TraceRow

# SpanBody's fields that are columns as they are, and those where empty means null
_SAME = ("method", "status", "request_bytes", "response_bytes", "input_tokens", "output_tokens", "door")
_OR_NULL = (
    "server",
    "tool",
    "resource_uri",
    "user_id",
    "team_id",
    "project_id",
    "key_id",
    "era",
    "protocol_version",
    "session",
    "request_id",
    "rpc_id",
    "client_address",
    "kind",
    "service",
    "scope",
)


class TraceBody(LateShape):
    """A trace in a list."""

    id: str = Field(examples=["tr_4bf92f3577b34da6a3ce929d0e0e4736"])
    start_time: str = Field(examples=["2026-01-15T10:30:00.000000Z"])
    end_time: str
    duration_ms: float
    status: str = Field(description="timeout if any span timed out, error if any failed, else success")
    user_id: str | None
    team_id: str | None
    project_id: str | None
    key_id: str | None
    agent_name: str | None
    environment: str | None
    servers: list[str]
    span_count: int
    call_count: int = Field(description="spans of calls that the gateway carried; the others were exported")
    error_count: int
    total_cost: float = Field(description="dollars")


class TraceList(Listed):
    """A page of traces, newest first."""

    traces: list[TraceBody]


class Timings(LateShape):
    """Where a span's time went, in milliseconds; the gateway's own work is the rest of the total."""

    auth_ms: float
    policy_ms: float
    upstream_ms: float
    total_ms: float


class EventBody(LateShape):
    """A moment within a span."""

    time: str
    name: str
    attributes: dict[str, str]


class LinkBody(LateShape):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    attributes: dict[str, str]


class SpanBody(LateShape):
    """One call that the gateway answered, or a span that was exported to it. All text is masked."""

    id: str = Field(examples=["00f067aa0ba902b7"])
    parent_id: str | None
    trace_id: str
    operation: str = Field(examples=["mcp.tools.call"])
    method: str
    server: str | None
    tool: str | None
    resource_uri: str | None
    start_time: str
    duration_ms: float
    status: str
    reason: str | None = Field(description="why it did not succeed; a closed list")
    error: str | None
    http_status: int
    rpc_code: int | None
    request: Any = Field(description="a JSON value, or text where the recorded body is not whole")
    response: Any
    request_truncated: bool
    response_truncated: bool
    request_bytes: int
    response_bytes: int
    input_tokens: int = Field(description="estimated")
    output_tokens: int = Field(description="estimated")
    cost: float = Field(description="dollars")
    timings: Timings
    user_id: str | None
    team_id: str | None
    project_id: str | None
    key_id: str | None
    environment: str | None
    agent_name: str | None
    door: str
    era: str | None
    protocol_version: str | None
    session: str | None
    request_id: str | None
    rpc_id: str | None
    client_address: str | None
    source: Literal["gateway", "otlp"] = Field(description="who says so: we, or an exporter")
    name: str = Field(description="as the exporter named it; the operation for our own")
    kind: str | None = Field(examples=["server"])
    service: str | None = Field(description="the exporter's service.name")
    scope: str | None = Field(description="the library that made the span")
    attributes: dict[str, str]
    resource: dict[str, str]
    events: list[EventBody]
    links: list[LinkBody]


class LatencyBody(LateShape):
    """Where the time went, in milliseconds: client + auth + policy + gateway + upstream make the total.

    upstream is network + server. Null is what nobody told us: the client's part without a span of the
    client, network and server without a span of the server (send both by OTLP to see them).
    """

    client_ms: float | None
    auth_ms: float
    policy_ms: float
    gateway_ms: float = Field(description="the rest of the gateway's own work")
    upstream_ms: float
    network_ms: float | None
    server_ms: float | None
    total_ms: float


class PlaceBody(LateShape):
    """Where a span stands in the waterfall."""

    row: int = Field(description="from 0, children behind their parent")
    depth: int
    on_critical_path: bool = Field(description="shortening it would shorten the trace")
    clock_shift_ms: float = Field(description="add to start_time for drawing: the other clock is off by it")


class PlacedSpan(SpanBody):
    """A span within its trace."""

    latency: LatencyBody | None = Field(description="null of spans that others sent by OTLP")
    place: PlaceBody | None = Field(description="null beyond the first 10,000 spans")


class TraceContext(LateShape):
    """Who was at work."""

    user_id: str | None
    team_id: str | None
    project_id: str | None
    key_id: str | None
    agent_name: str | None
    environment: str | None


class TraceFigures(LateShape):
    """A trace without its spans."""

    id: str
    start_time: str
    end_time: str
    duration_ms: float
    status: str
    context: TraceContext
    span_count: int
    call_count: int
    error_count: int
    latency: LatencyBody | None = Field(description="all calls together; they may have run at the same time")
    logs: list[LogBody] = Field(description="the first 1,000 by time; /v1/logs?trace_id= has the rest")
    total_cost: float = Field(description="dollars")


class TraceDetail(TraceFigures):
    """A trace with its spans in order of start."""

    spans: list[PlacedSpan] = Field(description="at most 10,000; /spans has the rest")


class OneTrace(LateShape):
    """The answer about one trace."""

    trace: TraceDetail


class OutlinedSpan(LateShape):
    """What a waterfall shows of a span."""

    id: str
    parent_id: str | None
    name: str = Field(description="as the exporter named it; the operation for our own")
    source: Literal["gateway", "otlp"]
    kind: str | None
    service: str | None
    server: str | None
    tool: str | None
    resource_uri: str | None
    status: str
    reason: str | None
    start_ms: float = Field(description="after the trace's start, by the clock that timed the span")
    duration_ms: float
    cost: float = Field(description="dollars")
    place: PlaceBody


class TraceOutline(TraceFigures):
    """A trace with its spans in order of start, without what was sent and answered."""

    spans: list[OutlinedSpan] = Field(description="the first 10,000")


class TimedSpanBody(SpanBody):
    """A span, and where its time went."""

    latency: LatencyBody | None = Field(description="null of spans that others sent by OTLP")


class OneOutline(LateShape):
    """The answer about a trace's outline."""

    trace: TraceOutline
    span: TimedSpanBody | None = Field(description="the one that was asked for")


class OneSpan(LateShape):
    """The answer about one span."""

    span: TimedSpanBody


class SpanList(Listed):
    """A page of spans in order of start."""

    spans: list[PlacedSpan]


def trace_body(trace: TraceRow) -> TraceBody:
    """A row of a list."""
    return TraceBody(**trace_fields(trace))


def trace_fields(trace: TraceRow) -> dict[str, Any]:
    """The fields of TraceBody, plain values throughout."""
    return {
        "id": f"tr_{trace.trace_id}",
        "start_time": iso(trace.start_ns),
        "end_time": iso(trace.end_ns),
        "duration_ms": ms(trace.end_ns - trace.start_ns),
        "status": trace.status,
        "user_id": trace.user_id or None,
        "team_id": trace.team_id or None,
        "project_id": trace.project_id or None,
        "key_id": trace.key_id or None,
        "agent_name": trace.agent or None,
        "environment": trace.env or None,
        "servers": list(trace.servers),
        "span_count": trace.span_count,
        "call_count": trace.call_count,
        "error_count": trace.error_count,
        "total_cost": dollars(trace.cost_micros),
    }


def span_body(span: SpanRow) -> SpanBody:
    """One span."""
    return SpanBody(**span_fields(span))


def span_fields(span: SpanRow) -> dict[str, Any]:
    """The fields of SpanBody, plain values throughout."""
    known = span.fields
    same: dict[str, Any] = {name: known[name] for name in _SAME}
    same |= {name: known[name] or None for name in _OR_NULL}
    return dict(
        id=span.span_id,
        parent_id=span.parent_span_id or None,
        trace_id=f"tr_{span.trace_id}",
        operation=span.operation,
        start_time=iso(span.start_ns),
        duration_ms=ms(known["duration_ns"]),
        reason=known["reason"] or None,
        error=known["error_detail"] or None,
        http_status=known["http_status"],
        rpc_code=known["rpc_code"] or None,
        request=span.request,
        response=span.response,
        request_truncated=span.is_request_cut,
        response_truncated=span.is_response_cut,
        cost=dollars(known["cost_micros"]),
        timings={
            "auth_ms": ms(known["auth_ns"]),
            "policy_ms": ms(known["policy_ns"]),
            "upstream_ms": ms(known["upstream_ns"]),
            "total_ms": ms(known["duration_ns"]),
        },
        environment=known["env"] or None,
        agent_name=known["agent"] or None,
        source="otlp" if known["door"] == "otlp" else "gateway",
        name=known["name"] or span.operation,
        attributes=known["attributes"],
        resource=known["resource"],
        events=[
            {"time": iso(each["time_ns"]), "name": each["name"], "attributes": each["attributes"]}
            for each in span.events
        ],
        links=[{name: each[name] for name in LinkBody.model_fields} for each in span.links],
        **same,
    )
