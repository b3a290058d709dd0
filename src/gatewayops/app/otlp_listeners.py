"""The listeners for exporters at OpenTelemetry's own ports, beside the gateway's address: gRPC and HTTP.

In the control role: it has the keys, the audit log and the intake, and what gRPC needs of memory and time
stays out of the gateway, which goes on carrying calls while control is away. A port that is taken is said
and left alone: nothing else depends on it.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gatewayops.app.layout import is_port_free

if TYPE_CHECKING:
    from gatewayops.api.otlp_grpc import OtlpGrpc

_GRACE_S = 5.0
_ASK_S = 0.05
_log = logging.getLogger(__name__)


def http_socket(address: str) -> socket.socket | None:
    """What the HTTP listener serves; None where it is off or cannot be, which is logged."""
    if not address:
        return None
    host, port = _host_and_port(address)
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except OSError as error:
        if listener is not None:
            listener.close()
        _tell("HTTP", address, "otlp_http", error.strerror)
        return None
    return listener


async def serve_grpc(app: Any, address: str, *, is_ready: Callable[[], bool]) -> None:  # noqa: ANN401 - the API
    """Until cancelled, from the moment at which the role is ready: loading grpc must not hold it up."""
    if not address:
        return
    while not is_ready():  # noqa: ASYNC110 - uvicorn sets no event
        await asyncio.sleep(_ASK_S)
    try:
        is_free = await asyncio.to_thread(is_port_free, *_host_and_port(address))
    except OSError as error:
        _tell("gRPC", address, "otlp_grpc", error.strerror)
        return
    if not is_free:  # asked first: grpc prints to standard error what it finds
        _tell("gRPC", address, "otlp_grpc", "the port is taken")
        return
    try:
        listener = (await asyncio.to_thread(_load))(app, address)
        await listener.start()
    except (OSError, ImportError) as error:
        _tell("gRPC", address, "otlp_grpc", str(error))
        return
    try:
        await asyncio.Event().wait()
    finally:
        await listener.stop(_GRACE_S)


def _load() -> "type[OtlpGrpc]":
    from gatewayops.api.otlp_grpc import OtlpGrpc

    return OtlpGrpc


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _tell(what: str, address: str, setting: str, why: str | None) -> None:
    _log.warning(
        "OTLP over %s is not served at %s (setting control.%s): %s; everything else goes on",
        what, address, setting, why,
    )  # fmt: skip
