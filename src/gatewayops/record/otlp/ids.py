"""Ids of traces and spans, in either form."""

import re
from typing import Any

from gatewayops.record.otlp.sender import Rejected

_IDS = {16: re.compile("[0-9a-f]{32}"), 8: re.compile("[0-9a-f]{16}")}
_ZEROS = {16: bytes(16), 8: bytes(8)}


def hex_id(given: bytes | str | None, length: int) -> str:
    """An id of so many bytes, lower case; JSON has it as hex already. Raises Rejected."""
    if isinstance(given, bytes):
        if len(given) == length and given != _ZEROS[length]:
            return given.hex()
        given = ""
    text = (given or "").lower()
    if not _IDS[length].fullmatch(text) or not text.strip("0"):
        msg = f"a {'trace' if length == 16 else 'span'} id is not {length} bytes that are not all zero"
        raise Rejected(msg)
    return text


def ids_of(span: Any) -> tuple[str, str, str]:  # noqa: ANN401 - a message of either form
    """A span's trace, its own id and its parent's or "". Raises Rejected."""
    trace, own, parent = span.trace_id, span.span_id, span.parent_span_id
    is_usual = isinstance(trace, bytes) and len(trace) == 16 and len(own) == 8 and len(parent) in (0, 8)
    if is_usual and trace != _ZEROS[16] and _ZEROS[8] not in (own, parent):
        return trace.hex(), own.hex(), parent.hex()
    return hex_id(trace, 16), hex_id(own, 8), hex_id(parent, 8) if parent else ""
