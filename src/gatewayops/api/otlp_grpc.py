"""OTLP over gRPC: the Export methods of traces, logs and metrics, on a port of their own.

The same keys, refusals and intake as over HTTP. Each method reads its one message only after its caller was
let in, so a stranger's body stays on the wire. Imported only where the listener is on: grpc is large.
Source: the OTLP specification, "OTLP/gRPC".
"""

import asyncio
import logging
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
from fastapi import FastAPI, Request
from grpc import aio

from gatewayops.api import answers
from gatewayops.api.auth import BEARER, NeedsAction
from gatewayops.api.otlp_taking import intake_of, take
from gatewayops.base.errors import GatewayOpsError
from gatewayops.protocol import otlp
from gatewayops.record.intake import Export
from gatewayops.record.otlp import signals, wire
from gatewayops.store import origin

_log = logging.getLogger(__name__)

_SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": signals.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": signals.LOGS,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": signals.METRICS,
}
_GZIP = b"\x1f\x8b"  # no protobuf message begins so
_IDENTITY_AND_GZIP = 0b101
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class OtlpGrpc:
    """The listener of one control role: `start`, then `stop`."""

    def __init__(self, app: FastAPI, address: str) -> None:
        """`app` is the API whose keys, audit log and intake it uses; `address` is `host:port`."""
        self._app = app
        self._address = address
        self._check = NeedsAction((otlp.ACTION,))
        self.port = 0

    async def start(self) -> None:
        """Raises OSError when nothing can listen there."""
        self._server = aio.server(
            options=[
                ("grpc.max_receive_message_length", self._app.state.parts.otlp_body_bytes),
                ("grpc.per_message_decompression", 0),  # the intake unpacks, within the limit
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
                ("grpc.so_reuseport", 0),  # a second installation must not take half of what is sent
            ]
        )
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.stream_unary_rpc_method_handler(partial(self._export, signal))}
                )
                for service, signal in _SERVICES.items()
            ]
        )
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            msg = "the address is taken, or not this machine's"
            raise OSError(msg) from error
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Takes nothing new, and gives what is under way so long."""
        await self._server.stop(grace_s)

    async def _export(self, signal: wire.Signal, _messages: object, context: Any) -> bytes:  # noqa: ANN401
        with origin.kept():
            try:
                return await self._taken(signal, context)
            except Exception as error:  # noqa: BLE001 - the outermost door
                refused = _shown(error)
        retry_after_s = int(answers.answer(refused).headers.get("Retry-After", "0"))
        code, trailing = otlp.grpc_status(
            http_status=refused.status, message=refused.detail, retry_after_s=retry_after_s
        )
        context.set_trailing_metadata(tuple(trailing))
        await context.abort(_CODES[code], refused.detail)
        raise AssertionError

    async def _taken(self, signal: wire.Signal, context: Any) -> bytes:  # noqa: ANN401
        state = self._app.state
        request = _request(self._app, context)
        caller = await self._check(request, await BEARER(request))
        intake = intake_of(state.parts)
        body = await context.read()
        if body is aio.EOF:  # over the limit: grpc has answered so itself
            raise asyncio.CancelledError
        encoding = "gzip" if body.startswith(_GZIP) else ""
        refusals = await take(state.maskers, intake, Export(signal, otlp.PROTOBUF, encoding, body), caller)
        return wire.success(signal, otlp.PROTOBUF, rejected=refusals.count, message=refusals.message())


def _shown(error: Exception) -> GatewayOpsError:
    """What the exporter is told: nothing of our insides, which are logged."""
    if isinstance(error, GatewayOpsError) and error.status != 500:
        return error
    _log.error("an export over gRPC failed", exc_info=error)
    return GatewayOpsError("something of ours failed; the log has more")


def _request(app: FastAPI, context: Any) -> Request:  # noqa: ANN401
    """The call as the checks of the API know requests."""
    pairs = [(str(name), value) for name, value in context.invocation_metadata() or ()]
    headers = [(name.encode(), value.encode()) for name, value in pairs if isinstance(value, str)]
    host, _, _ = unquote(context.peer()).partition(":")[2].rpartition(":")
    client = (host.strip("[]"), 0)
    return Request({"type": "http", "method": "POST", "headers": headers, "client": client, "app": app})
