"""`POST /v1/traces` as exporters meet it: forms, answers, refusals, and what is on disk when it says yes."""

import gzip
from dataclasses import replace

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from gatewayops.record.intake import Intake
from gatewayops.record.settings import RecordSettings
from gatewayops.testing.exports import attributes, span_json, traces_json, traces_protobuf

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
LIMIT = 1 << 21


@pytest.fixture
def record_settings():
    return RecordSettings(otlp_body_bytes=LIMIT, otlp_backlog_bytes=1 << 20)


@pytest.fixture
def intake(tmp_path, record_settings):
    opened = Intake(tmp_path / "otlp", record_settings, retention_days=30)
    yield opened
    opened.close()


@pytest.fixture
def parts(parts, intake):
    return replace(parts, intake=intake, otlp_body_bytes=LIMIT)


@pytest.fixture
async def exporter(client_of):
    return await client_of("org_default", "telemetry.write")


async def test_a_protobuf_export_is_on_disk_when_it_is_acknowledged(exporter, spooled):
    answer = await exporter.post(
        "/v1/traces", content=traces_protobuf().SerializeToString(), headers=PROTOBUF
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    [record] = spooled()
    assert (record["org_id"], record["name"]) == ("org_default", "tools/call search")


async def test_a_json_export_is_answered_in_json(exporter, spooled):
    answer = await exporter.post("/v1/traces", json=traces_json(span_json()))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {}
    assert len(spooled()) == 1


async def test_gzip_is_taken(exporter, spooled):
    body = gzip.compress(traces_protobuf().SerializeToString())

    answer = await exporter.post("/v1/traces", content=body, headers=PROTOBUF | {"Content-Encoding": "gzip"})

    assert answer.status_code == 200
    assert len(spooled()) == 1


async def test_an_empty_export_succeeds(exporter, spooled):
    assert (await exporter.post("/v1/traces", content=b"", headers=PROTOBUF)).status_code == 200
    assert (await exporter.post("/v1/traces", json={})).json() == {}
    assert spooled() == []


async def test_a_partial_success_says_how_many_spans_and_why(exporter, spooled):
    answer = await exporter.post("/v1/traces", json=traces_json(span_json(traceId="no"), span_json()))

    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert "trace id" in partial["errorMessage"]
    assert len(spooled()) == 1


async def test_a_partial_success_in_protobuf(exporter):
    request = traces_protobuf()
    request.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short", span_id=b"12345678")

    answer = await exporter.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert partial.error_message


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
async def test_what_makes_no_sense_is_refused_for_good_with_a_status_in_the_same_form(exporter, path):
    wrong = await exporter.post(path, content=b"\xff\xff\xff", headers=PROTOBUF)
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/x-protobuf")
    status = Status.FromString(wrong.content)
    assert status.code == 3
    assert "protobuf" in status.message

    wrong = await exporter.post(path, content=b"{", headers=JSON)
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/json")
    assert wrong.json()["code"] == 3


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Type": "text/plain"}, id="neither form"),
        pytest.param({}, id="no type"),
        pytest.param(PROTOBUF | {"Content-Encoding": "br"}, id="another encoding"),
    ],
)
async def test_other_types_and_encodings_are_415(exporter, headers):
    assert (await exporter.post("/v1/traces", content=b"", headers=headers)).status_code == 415


@pytest.mark.parametrize("body", [b"x" * (LIMIT + 1), gzip.compress(b"x" * (LIMIT + 1))])
async def test_too_large_a_body_is_413_packed_or_not(exporter, body):
    headers = PROTOBUF | ({"Content-Encoding": "gzip"} if len(body) < LIMIT else {})

    answer = await exporter.post("/v1/traces", content=body, headers=headers)

    assert answer.status_code == 413
    assert Status.FromString(answer.content).code == 8


async def test_a_resource_that_would_swell_each_record_is_refused(exporter, spooled):
    wide = {f"a{number}": "v" * 15_000 for number in range(4)}
    body = traces_json(*[span_json()] * 500, resource=wide)

    answer = await exporter.post("/v1/traces", json=body)

    assert answer.status_code == 413, answer.text
    assert spooled() == []


async def test_without_the_key_or_its_scope_nothing_is_taken(anyone, client_of, spooled):
    reader = await client_of("org_default", "traces.read")
    for client, code, grpc in ((anyone, 401, 16), (reader, 403, 7)):
        answer = await client.post("/v1/traces", content=b"", headers=PROTOBUF)
        assert answer.status_code == code
        assert Status.FromString(answer.content).code == grpc
    assert spooled() == []


async def test_a_body_may_be_larger_than_those_of_the_api(exporter, spooled):
    big = span_json(attributes=attributes({f"a{n}": "v" * 12_000 for n in range(120)}))

    assert (await exporter.post("/v1/traces", json=traces_json(big))).status_code == 200
    assert len(spooled()) == 1


async def test_while_the_store_is_far_behind_exporters_are_told_to_come_back(exporter, tmp_path):
    folder = tmp_path / "otlp" / "spans" / "of-before"
    folder.mkdir(parents=True)
    (folder / "0000000001.seg").write_bytes(b"\0" * ((1 << 20) + 1))

    answer = await exporter.post("/v1/traces", json=traces_json(span_json()))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["code"] == 14


async def test_while_the_disk_takes_nothing_exporters_are_told_to_come_back(exporter, intake, tmp_path):
    (tmp_path / "otlp").write_text("in the way")

    answer = await exporter.post(
        "/v1/traces", content=traces_protobuf().SerializeToString(), headers=PROTOBUF
    )

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert Status.FromString(answer.content).code == 14


async def test_own_masking_rules_hold_from_the_next_export_on(admin, exporter, spooled):
    given = traces_json(span_json(attributes=attributes({"who": "EMP-123456"})))
    await exporter.post("/v1/traces", json=given)
    rule = {"kind": "regex", "pattern": "EMP-[0-9]{6}"}
    changed = await admin.put("/v1/masking/rules/staff", json=rule)
    assert changed.is_success, changed.text
    await exporter.post("/v1/traces", json=given)

    before, after = spooled()
    assert dict(before["attributes"])["who"] == "EMP-123456"
    assert "123456" not in dict(after["attributes"])["who"]
