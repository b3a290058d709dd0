"""OTLP, as much as several doors must know: paths, forms, and how an error is told.

The paths stand beside the query routes of the same names. Source: the OTLP specification, "OTLP/HTTP" and
"OTLP/gRPC".
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
_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"


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
    return PROTOBUF, _status(code, message)


def grpc_status(*, http_status: int, message: str, retry_after_s: int) -> tuple[int, list[tuple[str, bytes]]]:
    """Code and trailing metadata of an error over gRPC. Only with a RetryInfo exporters come back from it.

    It stands in the details of a google.rpc.Status, and by itself where OpenTelemetry's Python SDK looks.
    """
    code = _GRPC_CODES.get(http_status, _INTERNAL)
    if not retry_after_s:
        return code, [("grpc-status-details-bin", _status(code, message))]
    retry_info = _field(1, b"\x08" + _varint(retry_after_s))
    detail = _field(1, _RETRY_INFO) + _field(2, retry_info)
    status_bytes = _status(code, message) + _field(3, detail)
    return code, [("grpc-status-details-bin", status_bytes), ("google.rpc.retryinfo-bin", retry_info)]


def _status(code: int, message: str) -> bytes:
    return b"\x08" + _varint(code) + _field(2, message.encode())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
