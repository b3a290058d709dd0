"""What a destination is, what it may answer, and how it is connected to, whatever its protocol."""

import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum, StrEnum
from urllib.parse import SplitResult, urlsplit

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gatewayops.store.control.credentials import Credentials
from gatewayops.store.control.exports import Destination, export_binding

TIMEOUT_S = 15.0
LONGEST_ASKED_S = 3600.0  # what a destination may ask us to wait
_EXCERPT = 300


class Protocol(StrEnum):
    """OTLP's, as OTEL_EXPORTER_OTLP_PROTOCOL spells them."""

    HTTP_PROTOBUF = "http/protobuf"
    HTTP_JSON = "http/json"
    GRPC = "grpc"


class Target(msgspec.Struct, frozen=True):
    """Where spans go. `headers` are secret."""

    endpoint: str
    headers: dict[str, str] = {}
    protocol: Protocol = Protocol.HTTP_PROTOBUF
    is_gzip: bool = True
    allows_private: bool = False

    @property
    def url(self) -> SplitResult:
        """The endpoint in parts."""
        return urlsplit(self.endpoint)

    @property
    def port(self) -> int:
        """The endpoint's, else that of its scheme."""
        return self.url.port or (443 if self.url.scheme == "https" else 80)


class Verdict(Enum):
    """What becomes of a batch."""

    TAKEN = "taken"
    AGAIN = "again"  # later, the same
    REFUSED = "refused"  # for good


class Answer(msgspec.Struct, frozen=True):
    """What the other side said. `status` is HTTP's, 0 when it said nothing or speaks gRPC.

    Of what was taken, `rejected` spans were not after all; `why` says so. `error` is there when it said
    nothing at all, `said` otherwise.
    """

    verdict: Verdict
    said: str = ""
    status: int = 0
    body: str = ""
    error: str = ""
    rejected: int = 0
    why: str = ""
    retry_after_s: float = 0.0

    @property
    def told(self) -> str:
        """For people, on one line."""
        return self.error or f"{self.said} {self.body}".rstrip()


Deliver = Callable[[ExportTraceServiceRequest], Awaitable[Answer]]


async def opened_target(credentials: Credentials, destination: Destination) -> Target:
    """Where a destination's spans go, its headers opened. Raises SealBroken, MasterKeyUnavailable."""
    spec, headers = destination.spec, {}
    if spec.headers_sealed:
        bound_to = export_binding(destination.org_id, destination.id)
        plain = await credentials.open(spec.headers_sealed, org_id=destination.org_id, bound_to=bound_to)
        headers = msgspec.json.decode(plain, type=dict[str, str])
    return Target(
        spec.endpoint,
        headers,
        protocol=Protocol(spec.protocol),
        is_gzip=spec.is_gzip,
        allows_private=spec.allows_private,
    )


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Deliver]:
    """A way to send requests one after the other; its connection is kept for the next, to the same address.

    Sending never raises for what the network or the other side does.
    """
    one = _made(target)
    try:
        yield one.deliver
    finally:
        await one.close()


class _Way(typing.Protocol):
    async def deliver(self, request: ExportTraceServiceRequest) -> Answer: ...

    async def close(self) -> None: ...


def _made(target: Target) -> _Way:
    """Each is imported when a destination wants it: roles start at once, and most never need gRPC."""
    if target.protocol is Protocol.GRPC:
        from gatewayops.upstream.exports.over_grpc import OverGrpc

        return OverGrpc(target)
    from gatewayops.upstream.exports.over_http import OverHttp

    return OverHttp(target)


def excerpt(text: str) -> str:
    """The beginning of what somebody else wrote, printable, on one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_EXCERPT]).strip()
