"""A receiver of OTLP on loopback that can be told to be away, and a maker of records."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import pytest
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
        self.status = 200
        self.more_headers = ""
        self.rejected = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append(headers)
        said = b"no"
        if self.status == 200:
            plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            for of_resource in ExportTraceServiceRequest.FromString(plain).resource_spans:
                for of_scope in of_resource.scope_spans:
                    self.spans += of_scope.spans
            answer = ExportTraceServiceResponse()
            if self.rejected:
                answer.partial_success.rejected_spans = self.rejected
                answer.partial_success.error_message = "too old"
            said = answer.SerializeToString()
        lines = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(said)}\r\n{self.more_headers}\r\n"
        writer.write(lines.encode() + said)
        await writer.drain()
        writer.close()

    def span_ids(self) -> list[str]:
        return [span.span_id.hex() for span in self.spans]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield receiver
    server.close()


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
