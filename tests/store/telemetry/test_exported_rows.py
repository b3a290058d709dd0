"""Exported spans in the real store: stored once, in one trace with calls, and counted as no calls."""

import json
import time

import pytest

from gatewayops.query.costs import trace_cost
from gatewayops.query.usage import key_usage
from gatewayops.record import spool
from gatewayops.record.intake import Export, Intake
from gatewayops.record.masking import Masker
from gatewayops.record.otlp import destinations, signals, wire
from gatewayops.record.otlp.sender import Sender
from gatewayops.record.recorder import Recorder
from gatewayops.record.rows import columns_of
from gatewayops.record.settings import RecordSettings
from gatewayops.testing.exports import SPAN_ID, TRACE_ID, attributes, span_json, traces_json

TODAY = {"start_date": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))}
SIGNALS = {
    "resourceSpans": signals.TRACES,
    "resourceLogs": signals.LOGS,
    "resourceMetrics": signals.METRICS,
}
CALL_ID = "00f067aa0ba902b7"


@pytest.fixture
def intake(tmp_path):
    opened = Intake(tmp_path / "otlp", RecordSettings(), retention_days=30)
    yield opened
    opened.close()


@pytest.fixture
def export(intake, tmp_path, telemetry):
    """Takes a request of org_a and stores it."""

    async def take(body):
        signal = SIGNALS[next(iter(body))]
        raw = json.dumps(body).encode()
        sender = Sender(org_id="org_a", key_id="key_a", team_id="red")
        refusals = await intake.take(Export(signal, wire.JSON, "", raw), sender, Masker())
        assert refusals.count == 0, refusals.message()
        root, state = tmp_path / "otlp" / signal.noun, tmp_path / "state" / signal.noun
        await Recorder(root, state, destinations.Exported(telemetry, signal.kind), RecordSettings()).drain()

    return take


@pytest.fixture
async def call(telemetry, record):
    """A call of the gateway's, in the trace that is exported to."""
    made = record(
        ts_ns=time.time_ns() - 20_000_000, trace_id=TRACE_ID, span_id=CALL_ID, server="crm", cost_micros=5_000
    )
    await telemetry.insert_spans(columns_of([made], batch="call"), "call")
    return made


async def test_an_exported_span_stands_in_one_trace_with_the_call(api, call, export):
    before = span_json(spanId="aa" * 8, startTimeUnixNano=call.ts_ns - 1, name="an agent's step")
    await export(traces_json(before, span_json(
        parentSpanId=CALL_ID,
        name="SELECT customers", kind=3,
        attributes=attributes({"db.system": "postgresql"}),
        events=[{"timeUnixNano": str(time.time_ns()), "name": "retry", "attributes": attributes({"n": "1"})}],
        links=[{"traceId": TRACE_ID, "spanId": CALL_ID}],
    )))  # fmt: skip

    trace = (await api.get(f"/v1/traces/{TRACE_ID}")).json()["trace"]

    assert (trace["span_count"], trace["call_count"]) == (3, 1)
    assert trace["context"]["environment"] == call.env  # as the call says, though an exporter came first
    step, first, second = trace["spans"]
    assert step["name"] == "an agent's step"
    assert (first["source"], first["name"]) == ("gateway", "mcp.tools.call")
    assert (second["source"], second["parent_id"]) == ("otlp", first["id"])
    assert (second["name"], second["operation"], second["kind"]) == ("SELECT customers",) * 2 + ("client",)
    assert (second["service"], second["scope"], second["team_id"]) == ("crm", "mcp.server", "red")
    assert second["attributes"] == {"db.system": "postgresql"}
    assert second["resource"] == {"service.name": "crm"}
    assert [(event["name"], event["attributes"]) for event in second["events"]] == [("retry", {"n": "1"})]
    assert second["links"] == [{"trace_id": TRACE_ID, "span_id": CALL_ID, "attributes": {}}]


async def test_a_span_that_is_exported_again_is_shown_once(api, call, export):
    body = traces_json(span_json(status={"code": 2}))
    await export(body)
    await export(body)

    trace = (await api.get(f"/v1/traces/{TRACE_ID}")).json()["trace"]
    [listed] = (await api.get("/v1/traces")).json()["traces"]

    assert [span["id"] for span in trace["spans"]] == [CALL_ID, SPAN_ID]
    assert (trace["span_count"], trace["error_count"]) == (2, 1)
    assert (listed["span_count"], listed["call_count"], listed["error_count"]) == (2, 1, 1)


async def test_exports_are_no_calls_in_costs_usage_and_the_request_log(api, telemetry, call, export):
    await export(traces_json(span_json(attributes=attributes({"gen_ai.usage.input_tokens": "9000"}))))

    summary = (await api.get("/v1/costs/summary", params=TODAY | {"group_by": "server"})).json()
    of_trace = await trace_cost(telemetry, org_id="org_a", trace_id=TRACE_ID)
    usage = await key_usage(telemetry, org_id="org_a", key_ids=["key_a"])

    assert (summary["summary"]["total_calls"], summary["summary"]["total_cost"]) == (1, 0.005)
    assert [group["group"] for group in summary["breakdown"]] == ["crm"]
    assert (of_trace.total.calls, of_trace.total.cost_micros) == (1, 5_000)
    assert of_trace.total.input_tokens == call.input_tokens
    assert usage["key_a"].calls == 1


async def test_a_trace_of_exports_alone_costs_nothing(telemetry, export):
    await export(traces_json(span_json()))

    cost = await trace_cost(telemetry, org_id="org_a", trace_id=TRACE_ID)

    assert (cost.total.calls, cost.total.cost_micros, cost.tools) == (0, 0, [])


async def test_what_a_batch_lost_is_told_from_what_is_stored(telemetry, intake, tmp_path):
    other = SPAN_ID[::-1]
    for span_id in (SPAN_ID, other):
        raw = json.dumps(traces_json(span_json(spanId=span_id))).encode()
        await intake.take(
            Export(signals.TRACES, wire.JSON, "", raw), Sender(org_id="o", key_id="k"), Masker()
        )
    [path] = spool.segments(tmp_path / "otlp" / "spans")
    spans = destinations.Exported(telemetry, destinations.SPANS)
    [first, second] = [spans.decode(frame) for frame in spool.read_frames(path, 0, limit=10)[0]]
    await spans.insert([first], batch="b", token="t")

    [lost] = await spans.lost([first, second], batch="b")
    await spans.insert([lost], batch="b", token="t-repair")

    rows = await telemetry.rows("SELECT span_id, batch FROM spans ORDER BY span_id")
    assert [(row["span_id"], row["batch"]) for row in rows] == sorted([(SPAN_ID, "b"), (other, "b")])
    assert await spans.lost([first, second], batch="b") == []


def test_a_frame_that_is_no_block_is_said_to_be_none(telemetry):
    spans = destinations.Exported(telemetry, destinations.SPANS)
    for frame in (b"", b"x", b"\x00" * 64):
        with pytest.raises(ValueError, match="no Arrow"):
            spans.decode(frame)


async def test_a_log_record_is_a_row(telemetry, export):
    now_ns = time.time_ns()
    item = {
        "timeUnixNano": str(now_ns), "severityNumber": 17, "severityText": "ERROR", "traceId": TRACE_ID,
        "spanId": SPAN_ID, "body": {"stringValue": "it broke"}, "attributes": attributes({"k": "v"}),
    }  # fmt: skip
    resource = {"attributes": attributes({"service.name": "crm"})}
    await export({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [item]}]}]})

    [row] = await telemetry.rows(
        "SELECT toUnixTimestamp64Nano(ts) AS ns, org_id, team_id, trace_id, span_id, severity, "
        "severity_text, body, service, attributes FROM logs"
    )

    assert row == {
        "ns": now_ns, "org_id": "org_a", "team_id": "red", "trace_id": TRACE_ID, "span_id": SPAN_ID,
        "severity": 17, "severity_text": "ERROR", "body": "it broke", "service": "crm",
        "attributes": {"k": "v"},
    }  # fmt: skip


async def test_points_are_rows_with_what_each_kind_has(telemetry, export):
    at = {"timeUnixNano": str(time.time_ns())}
    buckets = {"offset": -2, "bucketCounts": ["1", str(2**64 - 1)]}
    given = [
        {"name": "g", "gauge": {"dataPoints": [at | {"asInt": "7"}]}},
        {"name": "h", "unit": "s", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
            at | {"count": 4, "scale": 3, "sum": 2.5, "positive": buckets}]}},
    ]  # fmt: skip
    await export({"resourceMetrics": [{"scopeMetrics": [{"metrics": given}]}]})

    rows = await telemetry.rows(
        "SELECT name, kind, unit, temporality, value, count, sum, min, scale, positive_offset, "
        "positive_counts FROM metric_points ORDER BY name"
    )

    assert [tuple(row.values()) for row in rows] == [
        ("g", "gauge", "", "", 7.0, 0, None, None, 0, 0, []),
        ("h", "exponential_histogram", "s", "delta", None, 4, 2.5, None, 3, -2, [1, 2**63 - 1]),
    ]


async def test_new_tables_keep_what_they_have_as_long_as_the_settings_say(telemetry, export):
    await export(traces_json(span_json()))

    rows = await telemetry.rows(
        "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() "
        "AND name IN ('spans', 'logs', 'metric_points')"
    )

    assert len(rows) == 3
    for row in rows:
        assert "toIntervalDay(3650)" in row["engine_full"], row["name"]
