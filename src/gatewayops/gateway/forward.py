"""Everything that is not a call goes to the control role, so that users see one address."""

import math

from gatewayops.base.errors import GatewayOpsError, Unavailable
from gatewayops.gateway.call import Receive, Scope, Send, read_body
from gatewayops.gateway.flights import Flights
from gatewayops.protocol import otlp
from gatewayops.upstream.exchange import Exchange
from gatewayops.upstream.pool import Pool

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"content-length",
    b"expect",
    b"x-gatewayops-internal",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
}
_TIMEOUT_S = 60.0
_SIGN_IN = ("/oauth/", "/.well-known/")  # forms, registrations, token requests: all of them small
_SIGN_IN_BYTES = 64 << 10


class Forwarder:
    """Passes requests to the control role and its answers back, both as streams of bytes."""

    def __init__(self, control: Pool, flights: Flights, *, max_body_bytes: int, otlp_body_bytes: int) -> None:
        """`control` leads to the control role; exports of telemetry have a bound of their own."""
        self._otlp_body_bytes = otlp_body_bytes
        self._control = control
        self._flights = flights
        self._max_body_bytes = max_body_bytes

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Unavailable while the control role is away, TooLarge for a body over the bound."""
        body = await read_body(scope["cycle"], self._most_bytes(scope["method"], scope["path"]))
        try:
            exchange = await self._control.send(_request(scope, body), streams_all=True)
        except GatewayOpsError as error:
            raise Unavailable(
                "the control role is away; calls go on, this page comes back with it"
            ) from error
        flight = self._flights.open(exchange, receive, timeout_s=_TIMEOUT_S, server="the control role")
        try:
            await exchange.answered
            flight.deadline = math.inf  # from here on it may take as long as the client stays
            await _answer(exchange, scope, send)
        finally:
            self._flights.close(flight)

    def _most_bytes(self, method: str, path: str) -> int:
        """Of a body that is read before anybody has said who they are."""
        if otlp.is_export(method, path):
            return self._otlp_body_bytes
        return (
            min(_SIGN_IN_BYTES, self._max_body_bytes) if path.startswith(_SIGN_IN) else self._max_body_bytes
        )


async def _answer(exchange: Exchange, scope: Scope, send: Send) -> None:
    headers = [(name, value) for name, value in exchange.headers if name not in _HOP_BY_HOP]
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    while chunk := await exchange.next_chunk():
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _request(scope: Scope, body: bytes) -> bytes:
    verb = "GET" if scope["method"] == "HEAD" else scope["method"]  # an answer to HEAD has a length, no body
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    parts = [verb.encode(), b" ", scope["raw_path"], query, b" HTTP/1.1\r\n"]
    host = b""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        if name not in _NOT_FORWARDED:
            parts += (name, b": ", value, b"\r\n")
    client = scope.get("client")
    parts += (b"x-forwarded-for: ", (client[0] if client else "").encode(), b"\r\n")
    parts += (b"x-forwarded-proto: ", scope["scheme"].encode(), b"\r\nx-forwarded-host: ", host, b"\r\n")
    parts += (b"content-length: ", str(len(body)).encode(), b"\r\n\r\n", body)
    return b"".join(parts)
