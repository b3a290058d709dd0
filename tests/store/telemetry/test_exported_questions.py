"""Log records and metrics that came by OTLP, read over the API: filters, pages, series, the waterfall."""

import json
import time

import pytest

from gatewayops.api.trace_shapes import OneOutline, OneSpan, OneTrace, SpanList
from gatewayops.record.intake import Export, Intake
from gatewayops.record.masking import Masker
from gatewayops.record.otlp import destinations, signals, wire
from gatewayops.record.otlp.sender import Sender
from gatewayops.record.recorder import Recorder
from gatewayops.record.rows import columns_of
from gatewayops.record.settings import RecordSettings
from gatewayops.testing.exports import SPAN_ID, TRACE_ID, attributes, span_json, traces_json

NOW_NS = time.time_ns() // 3_600_000_000_000 * 3_600_000_000_000 - 3_600_000_000_000
SECOND_NS = 1_000_000_000
ALL = {"start_time": time.strftime("%Y-%m-%d", time.gmtime(NOW_NS // SECOND_NS - 86_400))}
KINDS = {
    "resourceSpans": (signals.TRACES, destinations.SPANS),
    "resourceLogs": (signals.LOGS, destinations.LOGS),
    "resourceMetrics": (signals.METRICS, destinations.POINTS),
}


@pytest.fixture
def export(tmp_path, telemetry):
    """Takes a request of an organisation and stores it."""
    intake = Intake(tmp_path / "otlp", RecordSettings(), retention_days=30)

    async def take(body, *, org_id="org_a"):
        [signal, kind] = KINDS[next(iter(body))]
        raw = json.dumps(body).encode()
        refusals = await intake.take(
            Export(signal, wire.JSON, "", raw), Sender(org_id=org_id, key_id="key_a"), Masker()
        )
        assert refusals.count == 0, refusals.message()
        root, state = tmp_path / "otlp" / signal.noun, tmp_path / "state" / signal.noun
        await Recorder(root, state, destinations.Exported(telemetry, kind), RecordSettings()).drain()

    yield take
    intake.close()


def logs_json(*records, service="crm"):
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}


def log_json(text, *, second=0, severity=9, **more):
    moment = str(NOW_NS + second * SECOND_NS)
    return {"timeUnixNano": moment, "severityNumber": severity, "body": {"stringValue": text}} | more


def metrics_json(*metrics, service="crm"):
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(metrics)}]}]}


def sum_json(name, values, *, temporality, every_s=1, **labels):
    points = [
        {
            "timeUnixNano": str(NOW_NS + number * every_s * SECOND_NS),
            "asDouble": value,
            "attributes": attributes(labels),
        }
        for number, value in enumerate(values)
    ]
    return {"name": name, "unit": "1", "sum": {"aggregationTemporality": temporality, "dataPoints": points}}


async def texts(api, **asked):
    answer = await api.get("/v1/logs", params=ALL | asked)
    assert answer.status_code == 200, answer.text
    return [log["body"] for log in answer.json()["logs"]]


async def series(api, name, **asked):
    answer = await api.get("/v1/metrics/exported/series", params=ALL | {"name": name, "step_s": 3600} | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["series"]


async def test_log_records_are_found_by_each_filter(api, export):
    await export(
        logs_json(
            log_json("Card Declined", second=1, severity=17, traceId=TRACE_ID, spanId=SPAN_ID),
            log_json("cache miss", second=2, severity=5),
            log_json("no severity", second=3, severity=0),
        )
    )
    await export(logs_json(log_json("elsewhere", second=4), service="billing"))
    await export(logs_json(log_json("of others", second=5)), org_id="org_b")

    assert await texts(api) == ["elsewhere", "no severity", "cache miss", "Card Declined"]
    assert await texts(api, trace_id=f"tr_{TRACE_ID}") == ["Card Declined"]
    assert await texts(api, severity="info") == ["elsewhere", "Card Declined"]
    assert await texts(api, service="billing") == ["elsewhere"]
    assert await texts(api, query="card dec") == ["Card Declined"]
    assert await texts(api, server="unknown") == []
    assert await texts(api, end_time=ALL["start_time"]) == []


async def test_a_log_record_shows_who_said_it(api, export):
    await export(
        logs_json(log_json("it broke", severity=18, severityText="ERROR2", attributes=attributes({"k": "v"})))
    )

    [log] = (await api.get("/v1/logs", params=ALL)).json()["logs"]

    assert (log["severity"], log["severity_number"], log["severity_text"]) == ("error", 18, "ERROR2")
    assert (log["service"], log["attributes"], log["trace_id"]) == ("crm", {"k": "v"}, None)


async def test_pages_of_log_records_do_not_shift_when_more_arrive(api, export):
    await export(logs_json(*(log_json(f"line {number}", second=number // 2) for number in range(5))))
    first = (await api.get("/v1/logs", params=ALL | {"limit": 2})).json()
    await export(logs_json(log_json("late", second=100)))
    second = (await api.get("/v1/logs", params=ALL | {"limit": 2, "cursor": first["cursor"]})).json()
    third = (await api.get("/v1/logs", params=ALL | {"limit": 2, "cursor": second["cursor"]})).json()

    seen = [log["body"] for page in (first, second, third) for log in page["logs"]]
    assert sorted(seen) == [f"line {number}" for number in range(5)]
    assert (third["cursor"], third["has_more"]) == (None, False)


async def test_a_trace_shows_the_log_records_that_name_it(api, export):
    await export(traces_json(span_json()))
    await export(
        logs_json(
            log_json("second", second=2, traceId=TRACE_ID, spanId=SPAN_ID),
            log_json("first", second=1, traceId=TRACE_ID),
            log_json("no trace's", second=1),
        )
    )

    trace = (await api.get(f"/v1/traces/tr_{TRACE_ID}")).json()["trace"]

    assert [(log["body"], log["span_id"]) for log in trace["logs"]] == [("first", None), ("second", SPAN_ID)]


async def test_one_trace_has_the_shape_that_is_documented(api, export, telemetry, record):
    """The answers are encoded without the models that the OpenAPI shows."""
    moment = str(NOW_NS)
    exported = span_json(
        parentSpanId="c" * 16,
        events=[{"timeUnixNano": moment, "name": "retry", "attributes": attributes({"n": "1"})}],
        links=[{"traceId": "d" * 32, "spanId": "e" * 16, "attributes": attributes({"why": "batch"})}],
    )
    await export(traces_json(exported))
    await export(logs_json(log_json("said", traceId=TRACE_ID, spanId=SPAN_ID)))
    calls = [
        record(trace_id=TRACE_ID, span_id="c" * 16, cost_micros=1, request_body='{"\u00e9": [1, 2.5, null]}'),
        record(trace_id=TRACE_ID, request_body="{cut", is_request_cut=True, response_body="", rpc_code=-3),
    ]
    await telemetry.insert_spans(columns_of(calls, batch="b"), "b")

    whole = await api.get(f"/v1/traces/{TRACE_ID}")
    page = await api.get(f"/v1/traces/{TRACE_ID}/spans", params={"limit": 2})
    outline = await api.get(f"/v1/traces/{TRACE_ID}/outline", params={"span": "c" * 16})
    span = await api.get(f"/v1/traces/{TRACE_ID}/spans/{'c' * 16}")

    for answer, shape in ((whole, OneTrace), (page, SpanList), (outline, OneOutline), (span, OneSpan)):
        assert answer.headers["content-type"] == "application/json"
        assert shape.model_validate_json(answer.content, strict=True).model_dump() == answer.json()
    assert [len(span["events"]) + len(span["links"]) for span in whole.json()["trace"]["spans"]] == [0, 0, 2]
    assert page.json()["has_more"]
    trace = whole.json()["trace"]
    assert {name: trace[name] for name in trace if name != "spans"} == {
        name: value for name, value in outline.json()["trace"].items() if name != "spans"
    }
    assert [one["place"] for one in outline.json()["trace"]["spans"]] == [
        one["place"] for one in trace["spans"]
    ]
    [same] = [one for one in trace["spans"] if one["id"] == "c" * 16]
    same.pop("place")
    assert span.json()["span"] == outline.json()["span"] == same
    assert (await api.get(f"/v1/traces/{TRACE_ID}/outline", params={"span": "9" * 16})).json()["span"] is None
    assert (await api.get(f"/v1/traces/{TRACE_ID}/spans/{'9' * 16}")).status_code == 404


async def test_metrics_are_listed_by_name_in_pages(api, export):
    await export(
        metrics_json(*(sum_json(name, [1.0], temporality=2) for name in ("b.calls", "a.calls", "c.calls")))
    )
    await export(metrics_json(sum_json("hidden", [1.0], temporality=2)), org_id="org_b")

    first = (await api.get("/v1/metrics/exported", params=ALL | {"limit": 2})).json()
    rest = (
        await api.get("/v1/metrics/exported", params=ALL | {"limit": 2, "cursor": first["cursor"]})
    ).json()

    shown = [metric["name"] for page in (first, rest) for metric in page["metrics"]]
    assert shown == ["a.calls", "b.calls", "c.calls"]
    one = first["metrics"][0]
    assert (one["kind"], one["temporality"], one["services"], one["points"]) == (
        "sum", "cumulative", ["crm"], 1
    )  # fmt: skip
    other = await api.get("/v1/metrics/exported", params=ALL | {"service": "billing"})
    assert other.json()["metrics"] == []


@pytest.mark.parametrize(
    ("temporality", "expected"),
    [pytest.param(1, [3.0, 4.0], id="deltas add up"), pytest.param(2, [2.0, 4.0], id="the last reading")],
)
async def test_a_step_of_a_sum(api, export, temporality, expected):
    given = sum_json("calls", [1.0, 2.0, 4.0], temporality=temporality, every_s=1800)
    for _ in range(2):  # an exporter sends again what it does not know to have arrived
        await export(metrics_json(given))

    [found] = await series(api, "calls")

    assert [point["value"] for point in found["points"]] == expected
    assert found["points"][0]["count"] is None


async def test_each_set_of_attributes_and_each_sender_is_a_series(api, export):
    await export(
        metrics_json(
            sum_json("calls", [1.0], temporality=2, kind="a"),
            sum_json("calls", [2.0], temporality=2, kind="b"),
        )
    )
    await export(metrics_json(sum_json("calls", [3.0], temporality=2, kind="a"), service="billing"))

    found = await series(api, "calls")
    of_one = await series(api, "calls", service="billing")

    shown = {(one["service"], one["attributes"]["kind"]): one["points"][0]["value"] for one in found}
    assert shown == {("crm", "a"): 1.0, ("crm", "b"): 2.0, ("billing", "a"): 3.0}
    assert [one["service"] for one in of_one] == ["billing"]


async def test_a_histogram_has_count_and_sum_and_no_value(api, export):
    point = {
        "timeUnixNano": str(NOW_NS), "count": "3", "sum": 6.5, "min": 0.5, "max": 5.0,
        "bucketCounts": ["1", "2"], "explicitBounds": [1.0],
    }  # fmt: skip
    await export(
        metrics_json({"name": "took", "histogram": {"aggregationTemporality": 1, "dataPoints": [point]}})
    )

    [found] = await series(api, "took")

    [step] = found["points"]
    assert (step["value"], step["count"], step["sum"], step["min"], step["max"]) == (None, 3, 6.5, 0.5, 5.0)


async def test_too_many_steps_are_refused_with_what_to_do(api):
    answer = await api.get("/v1/metrics/exported/series", params=ALL | {"name": "x", "step_s": 1})

    assert answer.status_code == 400
    assert "give a longer one" in answer.json()["message"]


async def test_the_outline_brings_along_the_deepest_span_that_failed_else_the_first(api, telemetry, record):
    calls = [
        record(trace_id="1" * 32, span_id="a" * 16, ts_ns=NOW_NS, status="error"),
        record(trace_id="1" * 32, span_id="b" * 16, parent_span_id="a" * 16, ts_ns=NOW_NS, status="timeout"),
        record(trace_id="1" * 32, span_id="c" * 16, ts_ns=NOW_NS + 1, status="error"),
        record(trace_id="2" * 32, span_id="e" * 16, ts_ns=NOW_NS + 1),
        record(trace_id="2" * 32, span_id="d" * 16, ts_ns=NOW_NS),
    ]
    await telemetry.insert_spans(columns_of(calls, batch="b"), "b")

    found = [
        await api.get(f"/v1/traces/{trace_id}/outline", params={"span": "telling"})
        for trace_id in ("1" * 32, "2" * 32)
    ]

    assert [one.json()["span"]["id"] for one in found] == ["b" * 16, "d" * 16]
