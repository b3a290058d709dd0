"""Headers that people have sent to their MCP servers, such as `Authorization`: checked, then sealed."""

import re

import msgspec

from gatewayops.base.errors import InvalidInput
from gatewayops.store.control.credentials import Credentials
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


async def seal_headers(
    credentials: Credentials, headers: dict[str, str], *, org_id: str, server_id: str
) -> Headers:
    """Values sealed for this server only; nothing to seal gives nothing. Raises MasterKeyUnavailable."""
    if not headers:
        return Headers()
    plain, bound_to = msgspec.json.encode(headers), server_binding(org_id, server_id)
    sealed = await credentials.seal(plain, org_id=org_id, bound_to=bound_to)
    return Headers(names=tuple(sorted(headers)), sealed=sealed)


async def open_headers(
    credentials: Credentials, headers: Headers, *, org_id: str, server_id: str
) -> dict[str, str]:
    """What `seal_headers` sealed; raises SealBroken."""
    if not headers.sealed:
        return {}
    bound_to = server_binding(org_id, server_id)
    plain = await credentials.open(headers.sealed, org_id=org_id, bound_to=bound_to)
    return msgspec.json.decode(plain, type=dict[str, str])
