"""The signals of OTLP: their messages in either form, and who makes records of them."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gatewayops.record.otlp import json_form
from gatewayops.record.otlp.spans import SpanReader
from gatewayops.record.otlp.wire import Signal

TRACES = Signal(
    noun="spans",
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    json_request=json_form.TracesRequest,
    rejected="rejected_spans",
    reader=SpanReader,
)
