"""MCP's HTTP headers: their names, and the codec of values that a header cannot carry as they are.

Source: MCP 2026-07-28, Streamable HTTP, "Mcp-Name" and the `=?base64?…?=` form.
"""

import base64
import binascii

VERSION = b"mcp-protocol-version"
METHOD = b"mcp-method"
NAME = b"mcp-name"
SESSION = b"mcp-session-id"
ROUTING = frozenset({b"authorization", b"host", b"origin", VERSION, METHOD, NAME, SESSION})

_OPEN, _CLOSE = "=?base64?", "?="


def encode_value(value: str) -> str:
    """The value as a header may carry it."""
    is_plain = value.isascii() and value.isprintable() and value == value.strip()
    if is_plain and not (value.startswith(_OPEN) and value.endswith(_CLOSE)):
        return value
    return f"{_OPEN}{base64.b64encode(value.encode()).decode()}{_CLOSE}"


def decode_value(raw: bytes) -> str | None:
    """The value that a header stands for; None when its coding is broken, so that it equals nothing."""
    value = raw.decode("latin-1")
    if not (value.startswith(_OPEN) and value.endswith(_CLOSE)):
        return value
    payload = value[len(_OPEN) : -len(_CLOSE)]
    try:
        decoded = base64.b64decode(payload, validate=True)
        if base64.b64encode(decoded).decode() != payload:
            return None
        return decoded.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
