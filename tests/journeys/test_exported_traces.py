"""A customer's server exports its spans with the OpenTelemetry SDK; they stand in one trace with the call."""

from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)


@pytest.fixture(scope="module")
def telemetry_key(installation):
    return installation.json("key", "create", "exporter", "--action", "telemetry.write")["secret"]


@pytest.fixture
def tracer_of(installation, telemetry_key):
    """Makes tracers of a service that exports to the gateway's address."""
    providers = []

    def make(service):
        exporter = OTLPSpanExporter(
            f"{installation.url}/v1/traces",
            headers={"Authorization": f"Bearer {telemetry_key}"},
            compression=Compression.Gzip,
        )
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        providers.append(provider)
        return provider.get_tracer("journey", "1.0")

    yield make
    for provider in providers:
        provider.shutdown()


def parent_of(trace_id, span_id):
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(context))


def test_spans_of_client_and_server_join_the_call_in_one_trace(installation, tracer_of, eventually):
    with tracer_of("agent").start_as_current_span("answer the user", kind=SpanKind.CLIENT) as step:
        context = step.get_span_context()
        called = httpx.post(
            f"{installation.url}/v1/mcp/demo/tools/call",
            json={"tool": "echo", "arguments": {"text": "hello"}},
            headers={
                "Authorization": f"Bearer {installation.secret}",
                "traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-01",
            },
        )
    trace_id = f"{context.trace_id:032x}"
    assert called.json()["metadata"]["trace_id"].endswith(trace_id)
    shown = eventually(lambda: shown_with(installation, trace_id, spans=2))
    [call] = [span for span in shown["spans"] if span["source"] == "gateway"]

    server = tracer_of("demo")
    with server.start_as_current_span(
        "tools/call echo", parent_of(trace_id, call["id"]), kind=SpanKind.SERVER,
        attributes={"mcp.method.name": "tools/call", "gen_ai.tool.name": "echo", "api_key": "hunter2-9-x"},
    ) as span:  # fmt: skip
        span.add_event("looked it up")
        span.set_status(Status(StatusCode.ERROR, "half done"))
    shown = eventually(lambda: shown_with(installation, trace_id, spans=3))

    assert [(span["source"], span["parent_id"]) for span in shown["spans"]] == [
        ("otlp", None),
        ("gateway", f"{context.span_id:016x}"),
        ("otlp", call["id"]),
    ]
    told = installation.cli("trace", "show", trace_id).stdout
    assert "1 call, 3 spans" in told
    assert "client span of agent" in told
    assert "server span of demo" in told
    assert "looked it up" in told
    assert "half done" in told
    assert "hunter2" not in str(shown)


def shown_with(installation, trace_id, *, spans):
    done = installation.cli("trace", "show", trace_id, "--json")
    if done.returncode != 0:
        return None
    import json

    trace = json.loads(done.stdout)
    return trace if trace["span_count"] == spans else None


def test_exporters_find_it_at_opentelemetrys_own_ports(installation, telemetry_key, eventually):
    headers = {"Authorization": f"Bearer {telemetry_key}"}
    over_grpc = GrpcSpanExporter(
        installation.otlp_grpc,
        insecure=True,
        headers=(("authorization", headers["Authorization"]),),
        compression=grpc.Compression.Gzip,
    )
    over_http = OTLPSpanExporter(f"http://{installation.otlp_http}/v1/traces", headers=headers)
    provider = TracerProvider()
    for exporter in (over_grpc, over_http):
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("journey").start_as_current_span("twice on its way") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    sent = [exporter.export([span]) for exporter in (over_grpc, over_http)]
    provider.shutdown()

    assert sent == [SpanExportResult.SUCCESS] * 2
    shown = eventually(lambda: shown_with(installation, trace_id, spans=1))
    assert [span["name"] for span in shown["spans"]] == ["twice on its way"]
    assert httpx.get(f"http://{installation.otlp_http}/v1/servers", headers=headers).status_code == 404


def test_the_gateway_carries_no_grpc(installation):
    loaded = {role: Path(f"/proc/{pid}/maps").read_text() for role, pid in installation.pids.items()}

    assert [role for role, maps in loaded.items() if "grpc" in maps] == ["control"]


def test_a_key_of_another_scope_exports_nothing(installation):
    answer = httpx.post(
        f"{installation.url}/v1/traces",
        content=b"",
        headers={"Authorization": "Bearer gwo_dev_nobody", "Content-Type": "application/x-protobuf"},
    )

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/x-protobuf"
