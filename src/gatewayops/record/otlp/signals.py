"""The signals of OTLP: their messages in either form, and who makes records of them."""

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gatewayops.record.otlp import destinations, json_form, json_metrics
from gatewayops.record.otlp.logs import LogReader
from gatewayops.record.otlp.points import PointReader
from gatewayops.record.otlp.raw_attributes import RawTracesRequest
from gatewayops.record.otlp.spans import SpanReader
from gatewayops.record.otlp.wire import Signal

TRACES = Signal(
    noun="spans",
    request=ExportTraceServiceRequest,
    response=ExportTraceServiceResponse,
    json_request=json_form.TracesRequest,
    rejected="rejected_spans",
    reader=SpanReader,
    kind=destinations.SPANS,
    raw_request=RawTracesRequest,
)
LOGS = Signal(
    noun="logs",
    request=ExportLogsServiceRequest,
    response=ExportLogsServiceResponse,
    json_request=json_form.LogsRequest,
    rejected="rejected_log_records",
    reader=LogReader,
    kind=destinations.LOGS,
)
METRICS = Signal(
    noun="points",
    request=ExportMetricsServiceRequest,
    response=ExportMetricsServiceResponse,
    json_request=json_metrics.MetricsRequest,
    rejected="rejected_data_points",
    reader=PointReader,
    kind=destinations.POINTS,
)
