"""Receivers of OTLP on loopback that can be told to be away, and a maker of records."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from gatewayops.record.call_record import CallRecord

_TYPES = CallRecord.__annotations__


class Receiver:
    """Keeps the spans of every request it answers with 200."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.status = 200
        self.more_headers = ""
        self.rejected = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.paths.append(head.split(" ", 2)[1])
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append(headers)
        said, kind = b"no", headers["content-type"]
        if self.status == 200:
            plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            self.take(from_json(plain) if "json" in kind else ExportTraceServiceRequest.FromString(plain))
            answer = self.answer()
            is_json = "json" in kind
            said = json_format.MessageToJson(answer).encode() if is_json else answer.SerializeToString()
        lines = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(said)}\r\ncontent-type: {kind}\r\n"
        writer.write(f"{lines}connection: close\r\n{self.more_headers}\r\n".encode() + said)
        await writer.drain()
        writer.close()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans

    def answer(self) -> ExportTraceServiceResponse:
        answer = ExportTraceServiceResponse()
        if self.rejected:
            answer.partial_success.rejected_spans = self.rejected
            answer.partial_success.error_message = "too old"
        return answer

    def span_ids(self) -> list[str]:
        return [span.span_id.hex() for span in self.spans]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield receiver
    server.close()


class RpcReceiver(Receiver):
    """The same over gRPC; `code` is the answer, with `trailers`."""

    def __init__(self) -> None:
        super().__init__()
        self.code = grpc.StatusCode.OK
        self.trailers: tuple[tuple[str, bytes], ...] = ()
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        export = grpc.unary_unary_rpc_method_handler(
            self.export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        name = "opentelemetry.proto.collector.trace.v1.TraceService"
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"Export": export}),)
        )
        at = f"127.0.0.1:{port}"
        if credentials is None:
            port = self._server.add_insecure_port(at)
        else:
            port = self._server.add_secure_port(at, credentials)
        self.url = f"http{'s' if credentials else ''}://127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def export(
        self, request: ExportTraceServiceRequest, context: grpc.aio.ServicerContext
    ) -> ExportTraceServiceResponse:
        self.requests.append(dict(context.invocation_metadata()))
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, "no", self.trailers)
        self.take(request)
        return self.answer()


def from_json(plain: bytes) -> ExportTraceServiceRequest:
    """By protobuf's own JSON mapping, in which ids are base64 and not hex."""
    told = json.loads(plain)
    for group in told["resourceSpans"]:
        for span in (span for scoped in group["scopeSpans"] for span in scoped["spans"]):
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(told, ExportTraceServiceRequest())


@pytest.fixture
async def rpc_receiver() -> AsyncIterator[RpcReceiver]:
    receiver = RpcReceiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def record() -> Callable[..., CallRecord]:
    """A call of the tool `search` with this number."""

    def make(number: int, **more: object) -> CallRecord:
        blank = {"int": 0, "bool": False, "str": ""}
        fields = {name: blank[getattr(kind, "__name__", kind)] for name, kind in _TYPES.items()}
        given = {
            "ts_ns": 1_700_000_000_000_000_000 + number,
            "duration_ns": 1_000,
            "org_id": "org_default",
            "trace_id": f"{number:032x}",
            "span_id": f"{number + 1:016x}",
            "method": "tools/call",
            "server": "github",
            "tool": "search",
            "status": "success",
        }
        return CallRecord(**(fields | given | more))

    return make
