"""OTLP over HTTP: which form a body has, gzip, and the answers in the same form. Pure.

Source: the OTLP specification, "OTLP/HTTP": protobuf and JSON, `Status` bodies for errors, partial
success with the number of rejected items, the response's type as the request's.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from google.protobuf.message import DecodeError

from gatewayops.base.errors import InvalidInput, Reason, TooLarge
from gatewayops.protocol import otlp
from gatewayops.protocol.otlp import JSON, PROTOBUF
from gatewayops.record.otlp.destinations import Kind
from gatewayops.record.otlp.sender import Refusals

_GZIP = zlib.MAX_WBITS | 16


class UnsupportedMedia(InvalidInput):
    """Neither protobuf nor JSON, or an encoding that is not gzip."""

    status = 415
    code = "unsupported_media_type"


class Reader(Protocol):
    """Makes the records of one request."""

    refusals: Refusals

    def records(self, request: Any) -> list[Any]:  # noqa: ANN401 - messages of either form in, structs out
        """What is good of it, masked."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One of traces, logs, metrics: its messages, and what a partial success calls the rejected."""

    noun: str
    request: Any
    response: Any
    json_request: type
    rejected: str  # field of the partial success; camelCase in JSON
    reader: Callable[..., Reader]  # (sender, window, masker, *, is_json, body_limit)
    kind: Kind
    raw_request: Any = None  # read instead of `request`, once that has found the bytes valid


def form_of(content_type: str) -> str:
    """PROTOBUF or JSON. Raises UnsupportedMedia."""
    form = otlp.form_of(content_type)
    if form is not None:
        return form
    msg = f"send Content-Type: {PROTOBUF} or {JSON}"
    raise UnsupportedMedia(msg)


def inflated(body: bytes, encoding: str, *, limit_bytes: int) -> bytes:
    """The body as it was before gzip. Raises InvalidInput, and TooLarge when it unpacks to too much."""
    match encoding.strip().lower():
        case "" | "identity" | "none":
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
            return body
        case "gzip":
            return _gunzipped(body, limit_bytes)
        case _:
            msg = "send Content-Encoding: gzip, or none"
            raise UnsupportedMedia(msg)


def _gunzipped(body: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = limit_bytes
    try:
        while body:  # a gzip file may have several members
            inflater = zlib.decompressobj(_GZIP)
            part = inflater.decompress(body, left + 1)
            left -= len(part)
            if left < 0:
                raise _too_large(limit_bytes)
            if not inflater.eof:
                msg = "the gzip body ends too early"
                raise InvalidInput(msg)
            parts.append(part)
            body = inflater.unused_data
    except zlib.error as error:
        msg = "the body is not gzip"
        raise InvalidInput(msg) from error
    return b"".join(parts)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"the body is over {limit_bytes} bytes, unpacked; send smaller batches")


def request_of(signal: Signal, body: bytes, form: str) -> Any:  # noqa: ANN401 - a message of either form
    """The request. Raises InvalidInput for a body that is none: sending it again would not help."""
    if form == JSON:
        try:
            return msgspec.json.decode(body, type=signal.json_request)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            msg = f"the body is no {signal.request.DESCRIPTOR.name} in JSON"
            raise InvalidInput(msg, Reason.MALFORMED_JSON) from error
    try:
        request = signal.request.FromString(body)
        return request if signal.raw_request is None else signal.raw_request.FromString(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"the body is no {signal.request.DESCRIPTOR.name} in protobuf"
        raise InvalidInput(msg) from error


def success(signal: Signal, form: str, *, rejected: int, message: str) -> bytes:
    """The answer to a request that was taken, all of it or but for `rejected`."""
    if form == JSON:
        if not rejected:
            return b"{}"
        first, *rest = signal.rejected.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        return msgspec.json.encode({"partialSuccess": {name: str(rejected), "errorMessage": message}})
    if not rejected:
        return b""  # partial_success must be unset
    partial = {signal.rejected: rejected, "error_message": message}
    encoded: bytes = signal.response(partial_success=partial).SerializeToString()
    return encoded
