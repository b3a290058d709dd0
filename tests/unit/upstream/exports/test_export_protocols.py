"""Protobuf, JSON or gRPC, as a destination has it: the same spans, retries and acknowledgements."""

import asyncio
import datetime
import ipaddress
import json
import subprocess
import sys

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.rpc import error_details_pb2, status_pb2

from gatewayops.record.exports.json_form import rejected_in, traces_json
from gatewayops.record.exports.queue import ExportQueue, read_state
from gatewayops.record.exports.spans import request_of
from gatewayops.upstream.exports.delivery import Protocol, Target, Verdict, connected
from gatewayops.upstream.exports.over_grpc import OverGrpc
from gatewayops.upstream.exports.presets import PRESETS
from gatewayops.upstream.exports.sender import Sender

HEADERS = {"X-Key": "k"}
CODE = grpc.StatusCode


@pytest.fixture(params=Protocol)
def protocol(request):
    return request.param


@pytest.fixture
def told(protocol, receiver, rpc_receiver):
    """The receiver that speaks the protocol."""
    return rpc_receiver if protocol is Protocol.GRPC else receiver


def retry_info(seconds):
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromTimedelta(datetime.timedelta(seconds=seconds))
    status = status_pb2.Status(code=14, message="no")
    status.details.add().Pack(error_details_pb2.DebugInfo(detail="beside"))
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


@pytest.mark.parametrize("is_gzip", [True, False])
async def test_the_same_spans_arrive_by_every_protocol(protocol, told, record, is_gzip):
    sent = request_of(
        [record(1, cost_micros=7, status="error", error_detail="nö"), record(2)], with_payloads=False
    )
    target = Target(told.url, HEADERS, protocol=protocol, is_gzip=is_gzip, allows_private=True)
    async with connected(target) as deliver:
        answers = [await deliver(sent), await deliver(sent)]
    assert [answer.verdict for answer in answers] == [Verdict.TAKEN, Verdict.TAKEN]
    assert told.spans == list(sent.resource_spans[0].scope_spans[0].spans) * 2
    assert told.requests[0]["x-key"] == "k"
    assert (told.requests[0].get("content-encoding") == "gzip") is (is_gzip and protocol is not Protocol.GRPC)


async def test_what_a_receiver_rejects_of_a_batch_is_counted(tmp_path, protocol, told, record):
    queue = ExportQueue(tmp_path, max_bytes=1 << 20)
    queue.append([record(number) for number in range(10)])
    told.rejected = 3
    async with connected(Target(told.url, protocol=protocol, allows_private=True)) as deliver:
        await Sender(queue, deliver, with_payloads=False).step()
    state = read_state(tmp_path)
    assert (state.sent, state.refused, state.last_error) == (7, 3, "too old")


async def test_private_addresses_are_reached_by_no_protocol_unless_allowed(protocol, told):
    async with connected(Target(told.url, protocol=protocol)) as deliver:
        answer = await deliver(request_of([], with_payloads=False))
    assert (answer.verdict, told.requests) == (Verdict.AGAIN, [])
    assert "loopback" in answer.error


def test_json_has_hex_ids_numbers_for_enums_and_text_for_long_numbers(record):
    call = record(1, cost_micros=7, parent_span_id="00000000000000ff", status="error", error_detail="no")
    [group] = json.loads(traces_json(request_of([call], with_payloads=False)))["resourceSpans"]
    [span] = group["scopeSpans"][0]["spans"]
    told = {one["key"]: one["value"] for one in span.pop("attributes")}
    assert group["resource"] == {
        "attributes": [{"key": "service.name", "value": {"stringValue": "gatewayops"}}]
    }
    assert span == {
        "traceId": f"{1:032x}",
        "spanId": f"{2:016x}",
        "parentSpanId": "00000000000000ff",
        "name": "tools/call search",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000001",
        "endTimeUnixNano": "1700000000000001001",
        "status": {"message": "no", "code": 2},
    }
    assert told["gatewayops.cost.micros"] == {"intValue": "7"}
    assert told["gatewayops.server"] == {"stringValue": "github"}


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}', 3),
        (b'{"partialSuccess":{"rejectedSpans":3}}', 3),
        (b'{"partialSuccess":null}', 0),
        (b"{}", 0),
        (b"", 0),
        (b'{"partialSuccess":{"rejectedSpans":"many"}}', 0),
        (b"<html>", 0),
    ],
)
def test_answers_in_json_are_read_leniently(answer, count):
    assert rejected_in(answer)[0] == count


@pytest.mark.parametrize(
    ("code", "trailers", "verdict", "wait_s"),
    [
        (CODE.UNAVAILABLE, (), Verdict.AGAIN, 0),
        (CODE.UNAVAILABLE, retry_info(2.5), Verdict.AGAIN, 2.5),
        (CODE.UNAVAILABLE, retry_info(1e6), Verdict.AGAIN, 3600),
        (CODE.UNAVAILABLE, (("grpc-status-details-bin", b"\xff\xff"),), Verdict.AGAIN, 0),
        (CODE.RESOURCE_EXHAUSTED, retry_info(9), Verdict.AGAIN, 9),
        (CODE.RESOURCE_EXHAUSTED, (), Verdict.REFUSED, 0),
        (CODE.ABORTED, (), Verdict.AGAIN, 0),
        (CODE.DATA_LOSS, (), Verdict.AGAIN, 0),
        (CODE.UNAUTHENTICATED, (), Verdict.REFUSED, 0),
        (CODE.INVALID_ARGUMENT, retry_info(9), Verdict.REFUSED, 0),
        (CODE.UNIMPLEMENTED, (), Verdict.REFUSED, 0),
    ],
)
async def test_grpc_is_tried_again_after_the_codes_that_otlp_names(
    rpc_receiver, code, trailers, verdict, wait_s
):
    rpc_receiver.code, rpc_receiver.trailers = code, trailers
    target = Target(rpc_receiver.url, protocol=Protocol.GRPC, allows_private=True)
    async with connected(target) as deliver:
        answer = await deliver(request_of([], with_payloads=False))
    assert (answer.verdict, answer.retry_after_s) == (verdict, wait_s)
    assert answer.told == f"gRPC {code.name} no"


async def test_a_grpc_receiver_that_comes_back_gets_everything(tmp_path, rpc_receiver, record):
    queue = ExportQueue(tmp_path, max_bytes=1 << 20)
    queue.append([record(1)])
    port = int(rpc_receiver.url.rpartition(":")[2])
    async with connected(Target(rpc_receiver.url, protocol=Protocol.GRPC, allows_private=True)) as deliver:
        sender = Sender(queue, deliver, with_payloads=False)
        await sender.step()
        await rpc_receiver.stop()
        queue.append([record(2)])
        assert await sender.step() > 0
        assert read_state(tmp_path).last_error.startswith("gRPC UNAVAILABLE")
        await rpc_receiver.start(port)
        await sender.step()
    assert rpc_receiver.span_ids() == [f"{2:016x}", f"{3:016x}"]
    assert read_state(tmp_path).sent == 2


async def test_grpc_over_tls_trusts_only_certificates_that_somebody_vouches_for(rpc_receiver):
    certificate, key = self_signed()
    port = 0
    await rpc_receiver.stop()
    await rpc_receiver.start(port, grpc.ssl_server_credentials([(key, certificate)]))
    target = Target(rpc_receiver.url, protocol=Protocol.GRPC, allows_private=True)
    request = request_of([], with_payloads=False)
    trusting, doubting = OverGrpc(target, roots=certificate), OverGrpc(target)
    assert (await doubting.deliver(request)).verdict is Verdict.AGAIN
    assert (await trusting.deliver(request)).told == "gRPC OK"
    assert len(rpc_receiver.requests) == 1
    await asyncio.gather(doubting.close(), trusting.close())


def self_signed():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1)
    ).add_extension(x509.SubjectAlternativeName([address]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), private


@pytest.mark.parametrize(
    ("preset", "base", "path", "header", "value"),
    [
        pytest.param("generic", "", "/v1/traces", "x-key", "k", id="generic"),
        pytest.param("generic", "/v1/traces", "/v1/traces", "x-key", "k", id="a whole address"),
        pytest.param("datadog", "", "/v1/traces", "dd-api-key", "secret", id="datadog"),
        pytest.param(
            "grafana_cloud", "/otlp", "/otlp/v1/traces", "authorization", "basic ndi6c2vjcmv0", id="grafana"
        ),
        pytest.param("honeycomb", "", "/v1/traces", "x-honeycomb-team", "secret", id="honeycomb"),
        pytest.param("new_relic", "", "/v1/traces", "api-key", "secret", id="new relic"),
    ],
)
async def test_a_preset_asks_as_its_vendor_documents(receiver, record, preset, base, path, header, value):
    known = PRESETS[preset]
    given = "42:secret" if preset == "grafana_cloud" else "secret"
    headers = known.headers_for(given) if preset != "generic" else HEADERS
    async with connected(Target(receiver.url + base, headers, allows_private=True)) as deliver:
        await deliver(request_of([record(1)], with_payloads=False))
    assert receiver.paths == [path]
    assert receiver.requests[0][header] == value  # the receiver folds letters to lower case
    assert receiver.requests[0]["content-type"] == "application/x-protobuf"
    assert receiver.span_ids() == [f"{2:016x}"]
    assert Protocol.HTTP_PROTOBUF in known.protocols


def test_grpc_and_apprise_are_not_loaded_before_somebody_wants_them():
    asked = "import sys, gatewayops.app.exports, gatewayops.alerts.outbox; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert {"grpc", "apprise"} & set(done.stdout.split()) == set()
