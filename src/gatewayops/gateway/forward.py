"""Everything that is not a call goes to the control role, so that users see one address.

The control role says who may do what. Exports of telemetry may be large, so here it is asked first whether
their key may send any: of a stranger's body only a little is read.
"""

import math
from collections.abc import Sequence

from gatewayops.base.errors import GatewayOpsError, Reason, TooLarge, Unauthenticated, Unavailable
from gatewayops.gateway.call import Cycle, Receive, Scope, Send, read_body
from gatewayops.gateway.flights import Flights
from gatewayops.gateway.head import client_of
from gatewayops.gateway.live import Live
from gatewayops.gateway.pipeline import Refused
from gatewayops.policy.decision import Deny
from gatewayops.protocol import otlp
from gatewayops.protocol.forwarded import TrustedProxies
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
_FOR, _PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_SCHEMES = (b"http", b"https")
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"content-length",
    b"expect",
    b"x-gatewayops-internal",
    _FOR,
    _PROTO,
    b"x-forwarded-host",
}
_TIMEOUT_S = 60.0
_SIGN_IN = ("/oauth/", "/.well-known/")  # forms, registrations, token requests: all of them small
_SIGN_IN_BYTES = 64 << 10
_STRANGERS_BYTES = 64 << 10  # of an export whose key may send none; the control role refuses it, and tells


class Forwarder:
    """Passes requests to the control role and its answers back, both as streams of bytes."""

    def __init__(
        self,
        control: Pool,
        flights: Flights,
        live: Live,
        *,
        max_body_bytes: int,
        otlp_body_bytes: int,
        proxies: TrustedProxies,
    ) -> None:
        """`control` leads to the control role; exports of telemetry have a bound of their own.

        What `proxies` say of whom they forward is passed on; what others say is not.
        """
        self._proxies = proxies
        self._otlp_body_bytes = otlp_body_bytes
        self._control = control
        self._live = live
        self._flights = flights
        self._max_body_bytes = max_body_bytes

    async def handle(
        self, scope: Scope, receive: Receive, send: Send, *, extra: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Raises Unavailable while the control role is away, TooLarge for a body over the bound.

        Unauthenticated and Refused for large exports of a key that may send none. `extra` are header lines
        that an answer gets on its way.
        """
        if otlp.is_export(scope["method"], scope["path"]):
            body = await self._read_export(scope["cycle"])
        else:
            is_sign_in = scope["path"].startswith(_SIGN_IN)
            limit = min(_SIGN_IN_BYTES, self._max_body_bytes) if is_sign_in else self._max_body_bytes
            body = await read_body(scope["cycle"], limit)
        try:
            exchange = await self._control.send(_request(scope, body, self._proxies), streams_all=True)
        except GatewayOpsError as error:
            raise Unavailable(
                "the control role is away; calls go on, this page comes back with it"
            ) from error
        flight = self._flights.open(exchange, receive, timeout_s=_TIMEOUT_S, server="the control role")
        try:
            await exchange.answered
            flight.deadline = math.inf  # from here on it may take as long as the client stays
            await _answer(exchange, scope, send, extra)
        finally:
            self._flights.close(flight)

    async def _read_export(self, cycle: Cycle) -> bytes:
        refusal = await self._refusal(cycle)
        limit = self._otlp_body_bytes if refusal is None else min(_STRANGERS_BYTES, self._otlp_body_bytes)
        try:
            return await read_body(cycle, limit)
        except TooLarge as error:
            msg = f"the body is over {limit} bytes (setting record.otlp_body_bytes); send smaller batches"
            raise refusal or TooLarge(msg) from error

    async def _refusal(self, cycle: Cycle) -> GatewayOpsError | None:
        """What stands against an export, as far as is known here."""
        if not self._live.is_ready:
            return Unavailable("the gateway has just started and has no rules yet", Reason.NOT_READY)
        head, authenticator = cycle.head, self._live.authenticator
        if not head.token:
            return Unauthenticated("send a key: Authorization: Bearer gwo_...", Reason.KEY_MISSING)
        try:
            caller = authenticator.known(head.digest) or await authenticator.verify(head.token)
        except GatewayOpsError as error:
            return error
        decision = self._live.governance.decide_control(caller, otlp.ACTION)
        return Refused(decision.detail, decision.reason) if isinstance(decision, Deny) else None


async def _answer(exchange: Exchange, scope: Scope, send: Send, extra: Sequence[tuple[bytes, bytes]]) -> None:
    headers = [(name, value) for name, value in exchange.headers if name not in _HOP_BY_HOP]
    headers += extra
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    while chunk := await exchange.next_chunk():
        if scope["method"] != "HEAD":
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _request(scope: Scope, body: bytes, proxies: TrustedProxies) -> bytes:
    verb = "GET" if scope["method"] == "HEAD" else scope["method"]  # an answer to HEAD has a length, no body
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    parts = [verb.encode(), b" ", scope["raw_path"], query, b" HTTP/1.1\r\n"]
    host, scheme = b"", scope["scheme"].encode()
    client = scope.get("client")
    peer = client[0] if client else ""
    is_trusted = proxies.trusts(peer)
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        if name == _PROTO and is_trusted and value.strip().lower() in _SCHEMES:
            scheme = value.strip().lower()
        if name not in _NOT_FORWARDED:
            parts += (name, b": ", value, b"\r\n")
    parts += (b"x-forwarded-for: ", client_of(proxies, peer, scope["headers"]).encode(), b"\r\n")
    parts += (b"x-forwarded-proto: ", scheme, b"\r\nx-forwarded-host: ", host, b"\r\n")
    parts += (b"content-length: ", str(len(body)).encode(), b"\r\n\r\n", body)
    return b"".join(parts)
