"""How the gateway says no, and yes: HTTP statuses, JSON-RPC codes and bodies of both doors.

Codes of our own are -31000 minus the HTTP status (-31403 is forbidden): outside -32768..-32000,
which JSON-RPC keeps for itself and MCP.
"""

from typing import Any

import msgspec

from gatewayops.base.errors import GatewayOpsError, Reason
from gatewayops.gateway import pages
from gatewayops.gateway.call import Call
from gatewayops.protocol.envelope import BadEnvelope
from gatewayops.protocol.methods import HEADER_MISMATCH

_encode = msgspec.json.Encoder().encode
_OWN_CODES = -31000
_JSON = (b"content-type", b"application/json")
_REST_CODES = {Reason.MALFORMED_JSON: "invalid_request", Reason.TOO_LARGE: "too_large"}


def rpc_code(error: GatewayOpsError) -> int:
    """The JSON-RPC code of an error of ours."""
    if isinstance(error, BadEnvelope):
        return error.rpc_code
    if error.reason is Reason.HEADER_MISMATCH:
        return HEADER_MISMATCH
    return _OWN_CODES - error.status


def extra_headers(error: GatewayOpsError) -> list[tuple[bytes, bytes]]:
    """What HTTP asks for beside the body: the challenge of a 401, when to come back, what is allowed."""
    if error.headers:
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in error.headers]
    if error.status == 401:
        return [(b"www-authenticate", b'Bearer realm="gatewayops"')]
    if error.status in (429, 503):
        return [(b"retry-after", b"1")]
    if error.status == 405:
        return [(b"allow", b"POST, GET, DELETE")]
    return []


def rpc_body(error: GatewayOpsError, call: Call) -> bytes:
    """The error as a JSON-RPC response; the id as far as it was read."""
    rpc_id = b"null"
    if isinstance(error, BadEnvelope):
        rpc_id = error.rpc_id
    elif call.message is not None and call.message.rpc_id:
        rpc_id = call.message.rpc_id
    body = {
        "code": rpc_code(error),
        "message": error.detail,
        "data": {"reason": error.reason.value, "trace_id": call.span.shown_id(), **error.extra},
    }
    return b'{"jsonrpc":"2.0","id":' + rpc_id + b',"error":' + _encode(body) + b"}"


def rest_body(error: GatewayOpsError, trace_id: str, extra: dict[str, Any] | None = None) -> bytes:
    """The documented error of REST routes."""
    body: dict[str, Any] = {"error": error.code, "reason": error.reason.value, "message": error.detail}
    body |= error.extra
    if extra:
        body |= extra
    if trace_id:
        body["metadata"] = {"trace_id": trace_id}
    return _encode(body)


def refuse(call: Call, error: GatewayOpsError) -> None:
    """Answers with an error of ours, in the words of the door it came through."""
    body = rpc_body(error, call) if call.door == "mcp" else rest_body(error, call.span.shown_id())
    answer(call, error.status, [_JSON, *extra_headers(error)], body)


def answer(call: Call, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Sends a whole answer; every one names its trace."""
    if call.page:
        headers = headers + pages.readable(call.page)
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    call.cycle.answer(status, b"%bx-trace-id: %b\r\n" % (lines, call.span.shown_id().encode()), body)
