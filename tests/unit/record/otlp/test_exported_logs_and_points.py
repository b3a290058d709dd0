"""Exported log records and metric points of both forms become records."""

import math
import time

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from gatewayops.record.masking import Masker
from gatewayops.record.otlp import signals, wire
from gatewayops.record.otlp.metric_point import Shape
from gatewayops.record.otlp.points import MOST_BUCKETS
from gatewayops.record.otlp.sender import Sender, Window
from gatewayops.testing.exports import SPAN_ID, TRACE_ID, attributes

NOW_NS = time.time_ns()
AT = {"timeUnixNano": NOW_NS}
WINDOW = Window.around(NOW_NS, retention_days=30)
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def read(signal, body):
    form = wire.JSON if isinstance(body, dict) else wire.PROTOBUF
    raw = msgspec.json.encode(body) if form == wire.JSON else body.SerializeToString()
    sender = Sender(org_id="org_a", key_id="key_a")
    reader = signal.reader(sender, WINDOW, Masker(), is_json=form == wire.JSON, body_limit=1000)
    return reader.records(wire.request_of(signal, raw, form)), reader.refusals


def logs(*records):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def log(**changes):
    return {
        "timeUnixNano": str(NOW_NS), "severityNumber": 17, "severityText": "ERROR",
        "body": {"stringValue": "it broke"}, "traceId": TRACE_ID, "spanId": SPAN_ID,
    } | changes  # fmt: skip


def metrics(**metric):
    scope = {"metrics": [{"name": "mcp.server.operation.duration", "unit": "s"} | metric]}
    return {"resourceMetrics": [{"scopeMetrics": [scope]}]}


def test_a_log_record_of_json():
    [record], refusals = read(signals.LOGS, logs(log(attributes=attributes({"k": "v"}), eventName="e")))

    assert (record.trace_id, record.span_id, record.severity) == (TRACE_ID, SPAN_ID, 17)
    assert (record.texts.body, record.texts.event_name) == ("it broke", "e")
    assert record.texts.attributes == {"k": "v"}
    assert refusals.count == 0


def test_a_log_record_of_protobuf():
    request = ExportLogsServiceRequest()
    item = request.resource_logs.add().scope_logs.add().log_records.add()
    item.observed_time_unix_nano = NOW_NS
    item.body.kvlist_value.values.add(key="a").value.int_value = 1
    item.trace_id = bytes.fromhex(TRACE_ID)

    [record], _ = read(signals.LOGS, request)

    assert (record.ts_ns, record.trace_id, record.texts.body) == (NOW_NS, TRACE_ID, '{"a":1}')


def test_a_log_record_with_an_id_that_is_none_belongs_to_no_trace():
    [record], refusals = read(signals.LOGS, logs(log(traceId="zz")))

    assert (record.trace_id, record.span_id, refusals.count) == ("", "", 0)


def test_a_bad_log_record_is_left_out_and_secrets_are_masked():
    records, refusals = read(
        signals.LOGS,
        logs(
            log(timeUnixNano="0"),
            log(body={"stringValue": f"using {TOKEN}"}, attributes=attributes({"password": "hunter2-x-9"})),
        ),
    )

    [record] = records
    assert refusals.count == 1
    written = msgspec.msgpack.encode(record)
    assert TOKEN.encode() not in written
    assert b"hunter2" not in written


@pytest.mark.parametrize(
    ("metric", "kind", "shape"),
    [
        pytest.param(
            {"gauge": {"dataPoints": [{**AT, "asInt": "7"}]}}, "gauge", Shape(value=7.0), id="gauge"
        ),
        pytest.param(
            {"sum": {"dataPoints": [{**AT, "asDouble": 0.5}], "isMonotonic": True,
                     "aggregationTemporality": 2}}, "sum", Shape(value=0.5), id="sum"
        ),
        pytest.param(
            {"gauge": {"dataPoints": [{**AT, "flags": 1}]}}, "gauge", Shape(), id="no value"
        ),
        pytest.param(
            {"histogram": {"aggregationTemporality": 1, "dataPoints": [
                {**AT, "count": "3", "sum": 1.5, "max": 1, "bucketCounts": ["1", 2],
                 "explicitBounds": [0.1]}]}},
            "histogram", Shape(count=3, sum=1.5, max=1.0, bounds=[0.1], counts=[1, 2]), id="histogram"
        ),
        pytest.param(
            {"exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
                {**AT, "count": 4, "scale": 3, "zeroCount": "1", "zeroThreshold": 0.001,
                 "positive": {"offset": -2, "bucketCounts": ["1", "2"]}}]}},
            "exponential_histogram",
            Shape(count=4, scale=3, zero_count=1, zero_threshold=0.001, positive_offset=-2,
                  positive_counts=[1, 2]),
            id="exponential histogram"
        ),
        pytest.param(
            {"summary": {"dataPoints": [{**AT, "count": "9", "sum": 3,
                                         "quantileValues": [{"quantile": 0.5, "value": "2"}]}]}},
            "summary", Shape(count=9, sum=3.0, quantiles=[0.5], quantile_values=[2.0]), id="summary"
        ),
    ],
)  # fmt: skip
def test_points_of_each_kind(metric, kind, shape):
    [point], refusals = read(signals.METRICS, metrics(**metric))

    assert refusals.count == 0, refusals.message()
    assert (point.kind, point.texts.name) == (kind, "mcp.server.operation.duration")
    assert point.shape == shape


def test_points_of_protobuf_are_those_of_json():
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s")
    metric.exponential_histogram.aggregation_temporality = 1
    point = metric.exponential_histogram.data_points.add(time_unix_nano=NOW_NS, count=4, scale=3, sum=2.0)
    point.positive.offset = -2
    point.positive.bucket_counts.extend([1, 2])
    as_int = request.resource_metrics[0].scope_metrics[0].metrics.add(name="n").sum.data_points.add()
    as_int.time_unix_nano, as_int.as_int = NOW_NS, 0

    exponential, whole = read(signals.METRICS, request)[0]

    assert exponential.shape == Shape(count=4, scale=3, sum=2.0, positive_offset=-2, positive_counts=[1, 2])
    assert (exponential.temporality, whole.kind, whole.shape.value) == ("delta", "sum", 0.0)


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param({"gauge": {"dataPoints": [{**AT}]}}, id="no value"),
        pytest.param({"gauge": {"dataPoints": [{"asInt": 1}]}}, id="no time"),
        pytest.param({"name": "", "gauge": {"dataPoints": [{**AT, "asInt": 1}]}}, id="no name"),
        pytest.param({"gauge": {"dataPoints": [{**AT, "asInt": "9" * 30}]}}, id="too large"),
        pytest.param(
            {"histogram": {"dataPoints": [{**AT, "bucketCounts": [1], "explicitBounds": [1]}]}},
            id="bounds and counts that do not fit",
        ),
        pytest.param(
            {"histogram": {"dataPoints": [{**AT, "bucketCounts": [1] * (MOST_BUCKETS + 1)}]}},
            id="too many buckets",
        ),
    ],
)  # fmt: skip
def test_a_bad_point_is_left_out_and_counted(metric):
    records, refusals = read(signals.METRICS, metrics(**metric))

    assert records == []
    assert refusals.count == 1


def test_special_numbers_are_kept():
    points = [{**AT, "asDouble": given} for given in ("NaN", "-Infinity")]

    records, _ = read(signals.METRICS, metrics(gauge={"dataPoints": points}))

    assert math.isnan(records[0].shape.value)
    assert records[1].shape.value == -math.inf
