"""OTLP over gRPC as exporters meet it: what is taken, what is refused with which code, and what is read."""

from dataclasses import replace

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode, aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from gatewayops.api.otlp_grpc import OtlpGrpc
from gatewayops.record.intake import Intake
from gatewayops.record.settings import RecordSettings
from gatewayops.testing.exports import traces_protobuf

from .accounts import token, user

LIMIT = 1 << 20
TRACES = "trace.v1.TraceService"
SERVICES = (TRACES, "logs.v1.LogsService", "metrics.v1.MetricsService")
GZIP = grpc.Compression.Gzip


@pytest.fixture
def intake(tmp_path):
    settings = RecordSettings(otlp_body_bytes=LIMIT, otlp_backlog_bytes=LIMIT)
    opened = Intake(tmp_path / "otlp", settings, retention_days=30)
    yield opened
    opened.close()


@pytest.fixture
def parts(parts, intake):
    return replace(parts, intake=intake, otlp_body_bytes=LIMIT)


@pytest.fixture
async def port(anyone):
    listener = OtlpGrpc(anyone._transport.app, "127.0.0.1:0")
    await listener.start()
    yield listener.port
    await listener.stop(0)


@pytest.fixture
async def export(port, client_of):
    """Sends bytes with a key for telemetry, or with other metadata."""
    exporter = await client_of("org_default", "telemetry.write")
    key = exporter.headers["Authorization"]
    options = [("grpc.max_send_message_length", -1)]
    async with aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:

        async def send(body=b"", *, service=TRACES, bearer=key, cookie="", compression=None):
            method = channel.unary_unary(f"/opentelemetry.proto.collector.{service}/Export")
            given = (("authorization", bearer), ("cookie", cookie))
            metadata = tuple((name, value) for name, value in given if value)
            return await method(body, metadata=metadata, compression=compression, timeout=30)

        yield send


async def refusal(sending):
    with pytest.raises(aio.AioRpcError) as refused:
        await sending
    return refused.value


def details_of(error):
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


@pytest.mark.parametrize("compression", [pytest.param(None, id="plain"), pytest.param(GZIP, id="gzip")])
async def test_an_export_is_on_disk_when_it_is_acknowledged(export, spooled, compression):
    answer = await export(traces_protobuf().SerializeToString(), compression=compression)

    assert not ExportTraceServiceResponse.FromString(answer).HasField("partial_success")
    [record] = spooled()
    assert (record["org_id"], record["name"]) == ("org_default", "tools/call search")


async def test_each_signal_has_its_service(export):
    assert [await export(service=service) for service in SERVICES] == [b""] * 3


async def test_a_partial_success_says_how_many_spans_and_why(export, spooled):
    request = traces_protobuf()
    request.resource_spans[0].scope_spans[0].spans.add(trace_id=b"short", span_id=b"12345678")

    partial = ExportTraceServiceResponse.FromString(await export(request.SerializeToString())).partial_success

    assert partial.rejected_spans == 1
    assert "1 rejected" in partial.error_message
    assert len(spooled()) == 1


async def test_what_makes_no_sense_is_refused_for_good(export):
    error = await refusal(export(b"\xff\xff\xff"))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert "protobuf" in error.details()
    assert (details_of(error).code, len(details_of(error).details)) == (3, 0)


async def test_without_a_key_or_its_scope_nothing_is_taken(export, client_of, spooled):
    reader = await client_of("org_default", "traces.read")
    body = traces_protobuf().SerializeToString()
    for bearer, code in (
        (None, StatusCode.UNAUTHENTICATED),
        ("Bearer gwo_dev_nobody", StatusCode.UNAUTHENTICATED),
        (reader.headers["Authorization"].replace("Bearer", "Basic"), StatusCode.UNAUTHENTICATED),
        (reader.headers["Authorization"], StatusCode.PERMISSION_DENIED),
    ):
        assert (await refusal(export(body, bearer=bearer))).code() is code
    assert spooled() == []


async def test_a_browser_s_cookie_is_not_enough(export, admin, anyone, spooled):
    await user(admin, role="admin")
    cookie = f"__Host-gatewayops={await token(anyone)}"

    error = await refusal(export(traces_protobuf().SerializeToString(), bearer=None, cookie=cookie))

    assert error.code() is StatusCode.PERMISSION_DENIED
    assert spooled() == []


async def test_a_strangers_message_is_refused_before_it_is_read(export):
    too_large = b"x" * (LIMIT + 1)  # to have read it would be RESOURCE_EXHAUSTED

    assert (await refusal(export(too_large, bearer=None))).code() is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("compression", [pytest.param(None, id="plain"), pytest.param(GZIP, id="gzip")])
async def test_too_large_a_message_is_refused_packed_or_not(export, spooled, compression):
    error = await refusal(export(b"x" * (LIMIT + 1), compression=compression))

    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata())


async def test_while_the_store_is_far_behind_exporters_are_told_when_to_come_back(export, tmp_path):
    folder = tmp_path / "otlp" / "spans" / "of-before"
    folder.mkdir(parents=True)
    (folder / "0000000001.seg").write_bytes(b"\0" * (LIMIT + 1))

    error = await refusal(export(traces_protobuf().SerializeToString()))

    assert error.code() is StatusCode.UNAVAILABLE
    [detail] = details_of(error).details
    told = RetryInfo()
    assert detail.Unpack(told)
    assert told.retry_delay == Duration(seconds=1)
    alone = dict(error.trailing_metadata())["google.rpc.retryinfo-bin"]  # where the Python SDK looks
    assert RetryInfo.FromString(alone) == told


async def test_a_fault_of_ours_shows_nothing_of_our_insides(export, intake, monkeypatch):
    async def broken(*_):
        msg = "inside"
        raise RuntimeError(msg)

    monkeypatch.setattr(intake, "take", broken)

    error = await refusal(export(traces_protobuf().SerializeToString()))

    assert error.code() is StatusCode.INTERNAL
    assert "inside" not in error.details()


async def test_a_port_that_is_taken_is_an_oserror(anyone, port):
    with pytest.raises(OSError, match="taken"):
        await OtlpGrpc(anyone._transport.app, f"127.0.0.1:{port}").start()
