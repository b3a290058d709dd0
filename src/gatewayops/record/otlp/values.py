"""AnyValue in both forms, as text: `attributes` is a map of texts in the store.

Text is itself, numbers and booleans are as JSON writes them, bytes are base64, arrays and maps are JSON.
"""

import base64
from typing import Any

import msgspec

MOST_ATTRIBUTES = 128
LONGEST_NAME = 256
_DEEPEST = 16
_encode = msgspec.json.Encoder().encode


def proto_text(value: Any) -> str:  # noqa: ANN401 - a protobuf message
    """Of an opentelemetry.proto.common.v1.AnyValue."""
    return as_text(_proto_plain(value, 0))


def as_text(value: object) -> str:
    """Of a plain value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else _encode(value).decode()


def _proto_plain(value: Any, depth: int) -> object:  # noqa: ANN401
    which = value.WhichOneof("value")
    if which is None or depth > _DEEPEST:
        return None
    found = getattr(value, which)
    if which == "array_value":
        return [_proto_plain(each, depth + 1) for each in found.values]
    if which == "kvlist_value":
        return {pair.key: _proto_plain(pair.value, depth + 1) for pair in found.values}
    return found


def proto_attributes(pairs: Any) -> dict[str, str]:  # noqa: ANN401
    """The first MOST_ATTRIBUTES of them, without those of longer names; of two with one name the last."""
    if len(pairs) > MOST_ATTRIBUTES:
        pairs = pairs[:MOST_ATTRIBUTES]
    return {
        key: (value := pair.value).string_value or proto_text(value)
        for pair in pairs
        if len(key := pair.key) <= LONGEST_NAME
    }
