"""Headers that people have sent to their MCP servers, such as `Authorization`: checked, then sealed."""

import re

import msgspec

from gatewayops.base.crypto import Sealer
from gatewayops.base.errors import InvalidInput
from gatewayops.store.control.servers import Headers
from gatewayops.store.snapshot import server_binding

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # a token, RFC 9110 section 5.6.2
_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]{0,8190}[\x21-\x7e])?")
_MAX_HEADERS = 32

# The gateway writes these itself: framing, the hop to the server, and MCP's own routing.
_OURS = frozenset(
    (
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "mcp-session-id",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_OUR_PREFIXES = ("proxy-", "mcp-param-", "x-gatewayops-")


def check_headers(headers: dict[str, str]) -> None:
    """Raises InvalidInput that names the header, never its value."""
    if len(headers) > _MAX_HEADERS:
        msg = f"headers: at most {_MAX_HEADERS}"
        raise InvalidInput(msg)
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            msg = "headers: a name is letters, digits and dashes"
            raise InvalidInput(msg)
        if lower in _OURS or lower.startswith(_OUR_PREFIXES):
            msg = f"headers.{name}: the gateway sets this header itself"
            raise InvalidInput(msg)
        if lower in seen:
            msg = f"headers.{name}: given twice"
            raise InvalidInput(msg)
        if not _VALUE.fullmatch(value):
            msg = f"headers.{name}: a value is 1 to 8192 printable ASCII characters on one line"
            raise InvalidInput(msg)
        seen.add(lower)


def seal_headers(sealer: Sealer, headers: dict[str, str], *, org_id: str, server_id: str) -> Headers:
    """Values sealed for this server only; nothing to seal gives nothing."""
    if not headers:
        return Headers()
    sealed = sealer.seal(msgspec.json.encode(headers), bound_to=server_binding(org_id, server_id))
    return Headers(names=tuple(sorted(headers)), sealed=sealed)


def open_headers(sealer: Sealer, headers: Headers, *, org_id: str, server_id: str) -> dict[str, str]:
    """What `seal_headers` sealed; raises SealBroken."""
    if not headers.sealed:
        return {}
    plain = sealer.open(headers.sealed, bound_to=server_binding(org_id, server_id))
    return msgspec.json.decode(plain, type=dict[str, str])
