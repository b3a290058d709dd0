"""OTLP over HTTP, as much as both gateway and API must know: paths, forms, and the body of an error.

The paths stand beside the query routes of the same names. Source: the OTLP specification, "OTLP/HTTP".
"""

import msgspec

TRACES = "/v1/traces"
LOGS = "/v1/logs"
METRICS = "/v1/metrics"
PATHS = frozenset((TRACES, LOGS, METRICS))
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ACTION = "telemetry.write"  # what a key needs to export

_GRPC_CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
_INTERNAL = 13


def is_export(verb: str, path: str) -> bool:
    """Whether a request brings telemetry."""
    return verb == "POST" and path in PATHS


def form_of(content_type: str) -> str | None:
    """PROTOBUF or JSON; None for anything else."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind if kind in (PROTOBUF, JSON) else None


def status(content_type: str, *, http_status: int, message: str) -> tuple[str, bytes]:
    """The body of an error, a google.rpc.Status, in the form of the request or else JSON; its type first."""
    code = _GRPC_CODES.get(http_status, _INTERNAL)
    if form_of(content_type) != PROTOBUF:
        return JSON, msgspec.json.encode({"code": code, "message": message})
    text = message.encode()
    return PROTOBUF, b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
