"""Ids of traces and spans, in either form."""

import re

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
