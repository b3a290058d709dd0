"""Requests and answers in OTLP's JSON: ids in hex, enums as numbers, 64-bit numbers as text.

Source: the OTLP specification, "JSON Protobuf Encoding". The messages are those that `record.otlp` reads.
"""

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from gatewayops.record.otlp import json_form as form


class PartialSuccess(form.Form):
    """Of an answer."""

    rejected_spans: form.Integer = None
    error_message: str | None = None


class ExportAnswer(form.Form):
    """ExportTraceServiceResponse."""

    partial_success: PartialSuccess | None = None


def traces_json(request: ExportTraceServiceRequest) -> bytes:
    """A request as `record.exports.spans` makes them: attributes are text or whole numbers, no events."""
    return msgspec.json.encode(form.TracesRequest([_group(one) for one in request.resource_spans]))


def rejected_in(answer: bytes) -> tuple[int, str]:
    """How many spans an answer rejects, and why; none when it cannot be read."""
    try:
        partial = msgspec.json.decode(answer, type=ExportAnswer).partial_success
        return (form.whole(partial.rejected_spans), partial.error_message or "") if partial else (0, "")
    except (msgspec.MsgspecError, ValueError):
        return 0, ""


def _group(group: ResourceSpans) -> form.ResourceSpans:
    scoped = [
        form.ScopeSpans(form.Scope(one.scope.name or None), [_span(span) for span in one.spans])
        for one in group.scope_spans
    ]
    return form.ResourceSpans(form.Resource(_attributes(group.resource.attributes)), scoped)


def _span(span: Span) -> form.Span:
    status = form.Status(span.status.message or None, span.status.code) if span.HasField("status") else None
    return form.Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        kind=span.kind,
        start_time_unix_nano=str(span.start_time_unix_nano),
        end_time_unix_nano=str(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        status=status,
    )


def _attributes(pairs: list[KeyValue]) -> list[form.KeyValue]:
    return [form.KeyValue(pair.key, _value(pair)) for pair in pairs]


def _value(pair: KeyValue) -> form.AnyValue:
    if pair.value.WhichOneof("value") == "int_value":
        return form.AnyValue(int_value=str(pair.value.int_value))
    return form.AnyValue(string_value=pair.value.string_value)
