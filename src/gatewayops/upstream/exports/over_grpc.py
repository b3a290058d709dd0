"""OTLP over gRPC: to an address that was checked, with a bound on time. Imported when somebody wants it.

Source: the OTLP specification, "OTLP/gRPC" (retryable codes, RetryInfo, partial success).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gatewayops.base.errors import GatewayOpsError
from gatewayops.upstream.address import resolve
from gatewayops.upstream.exports.delivery import (
    LONGEST_ASKED_S,
    TIMEOUT_S,
    Answer,
    Target,
    Verdict,
    excerpt,
)
from gatewayops.upstream.exports.rpc_status import STATUS_DETAILS, retry_delay_s

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_MAX_ANSWER = 1 << 20
_CODE = grpc.StatusCode
_RETRIED = frozenset(
    {
        _CODE.CANCELLED,
        _CODE.DEADLINE_EXCEEDED,
        _CODE.ABORTED,
        _CODE.OUT_OF_RANGE,
        _CODE.UNAVAILABLE,
        _CODE.DATA_LOSS,
    }
)


class OverGrpc:
    """One destination's; holds at most one channel, made anew after a failure."""

    def __init__(self, target: Target, *, roots: bytes | None = None) -> None:
        """Connects at the first request. `roots` are certificates to trust, PEM, instead of gRPC's."""
        self._target = target
        self._roots = roots
        self._channel: grpc.aio.Channel | None = None
        self._address = ""

    async def deliver(self, request: ExportTraceServiceRequest) -> Answer:
        """Sends; never raises for what the network or the other side does."""
        target = self._target
        body = await asyncio.to_thread(request.SerializeToString)
        try:
            channel = await self._connected()
            export = channel.unary_unary(_EXPORT, response_deserializer=ExportTraceServiceResponse.FromString)
            answer = await export(
                body,
                timeout=TIMEOUT_S,
                metadata=tuple((name.lower(), value) for name, value in target.headers.items()),
                compression=grpc.Compression.Gzip if target.is_gzip else grpc.Compression.NoCompression,
            )
        except GatewayOpsError as error:
            return Answer(Verdict.AGAIN, error=error.detail)
        except grpc.aio.AioRpcError as error:
            await self.close()  # a channel waits by itself before it connects again; the sender does that
            return _failure(error)
        partial = answer.partial_success
        return Answer(
            Verdict.TAKEN,
            "gRPC OK",
            rejected=max(partial.rejected_spans, 0),
            why=excerpt(partial.error_message),
        )

    async def close(self) -> None:
        """Closes the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _connected(self) -> grpc.aio.Channel:
        """The channel to the name's address of now."""
        target = self._target
        host = target.url.hostname or ""
        address = (await resolve(host, target.port, allows_private=target.allows_private))[0]
        if self._channel is None or address != self._address:
            await self.close()
            self._channel, self._address = self._channel_to(address, host), address
        return self._channel

    def _channel_to(self, address: str, host: str) -> grpc.aio.Channel:
        target = self._target
        at = f"ipv6:[{address}]:{target.port}" if ":" in address else f"ipv4:{address}:{target.port}"
        options: list[tuple[str, Any]] = [
            ("grpc.default_authority", target.url.netloc),
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", _MAX_ANSWER),
        ]
        if target.url.scheme != "https":
            return grpc.aio.insecure_channel(at, options)
        options.append(("grpc.ssl_target_name_override", host))
        return grpc.aio.secure_channel(at, grpc.ssl_channel_credentials(self._roots), options)


def _failure(error: grpc.aio.AioRpcError) -> Answer:
    code = error.code()
    said, text = f"gRPC {code.name}", excerpt(error.details() or "")
    delay_s = _asked_s(error.trailing_metadata() or ())
    is_retried = code in _RETRIED or (code is _CODE.RESOURCE_EXHAUSTED and delay_s is not None)
    if not is_retried:
        return Answer(Verdict.REFUSED, said, body=text)
    return Answer(Verdict.AGAIN, said, body=text, retry_after_s=min(delay_s or 0.0, LONGEST_ASKED_S))


def _asked_s(trailers: Iterable[tuple[str, Any]]) -> float | None:
    for name, value in trailers:
        if name == STATUS_DETAILS and isinstance(value, bytes):
            return retry_delay_s(value)
    return None
