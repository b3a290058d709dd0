"""Exports of telemetry for tests: one span as an SDK would send it, in either form."""

import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"


def span_json(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A server's span of a tool call, in OTLP's JSON."""
    now_ns = time.time_ns()
    return {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "parentSpanId": "eee19b7ec3c1b173",
        "name": "tools/call search",
        "kind": 2,
        "startTimeUnixNano": str(now_ns - 5_000_000),
        "endTimeUnixNano": str(now_ns),
        "attributes": attributes({"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}),
    } | changes


def traces_json(*spans: dict[str, Any], resource: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A request with these spans, of the service `crm` unless `resource` says otherwise."""
    named = attributes(resource if resource is not None else {"service.name": "crm"})
    scope_spans = [{"scope": {"name": "mcp.server", "version": "2"}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": named}, "scopeSpans": scope_spans}]}


def attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Texts, as OTLP's JSON has them."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def traces_protobuf(
    name: str = "tools/call search",
    *,
    trace_id: str = TRACE_ID,
    span_id: str = SPAN_ID,
    values: Mapping[str, str] | None = None,
) -> ExportTraceServiceRequest:
    """A request with one span of now."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "crm"
    scoped = group.scope_spans.add()
    scoped.scope.name = "mcp.server"
    now_ns = time.time_ns()
    span = scoped.spans.add(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        name=name,
        kind="SPAN_KIND_SERVER",
        start_time_unix_nano=now_ns - 5_000_000,
        end_time_unix_nano=now_ns,
    )
    for key, value in ({"mcp.method.name": "tools/call"} | dict(values or {})).items():
        span.attributes.add(key=key).value.string_value = value
    return request
