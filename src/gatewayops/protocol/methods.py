"""The methods of MCP as the gateway must know them: which action they need, what they name, what is safe.

Unknown methods (extensions, vendors' own) pass too: their action is their name with dots.
"""

from dataclasses import dataclass

HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602

MODERN = "2026-07-28"
MODERN_VERSIONS = frozenset({MODERN})
LATEST_LEGACY = "2025-11-25"

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

SESSION_METHODS = frozenset({"initialize", "ping", "server/discover", "response"})


@dataclass(frozen=True, slots=True)
class Method:
    """What the gateway knows of a method. `name_key` is the parameter that Mcp-Name repeats."""

    name: str
    action: str  # `tools.call`; empty: any caller of the server may (handshake, ping, notifications)
    name_key: str = ""
    is_priced: bool = False
    is_idempotent: bool = False  # may be sent again when a connection broke before an answer
    is_stream: bool = False  # stays open: no time limit, no slot
    is_resumption: bool = False  # may bring the answers of earlier requests


def _known(name: str, *, name_key: str = "", is_idempotent: bool = True, is_stream: bool = False) -> Method:
    action = "" if name in SESSION_METHODS else name.replace("/", ".")
    return Method(name, action, name_key, name == "tools/call", is_idempotent, is_stream)


KNOWN: dict[str, Method] = {
    method.name: method
    for method in (
        _known("initialize"),
        _known("ping"),
        _known("server/discover"),
        _known("response", is_idempotent=False),
        _known("tools/list"),
        _known("tools/call", name_key="name", is_idempotent=False),
        _known("resources/list"),
        _known("resources/templates/list"),
        _known("resources/read", name_key="uri"),
        _known("resources/subscribe", name_key="uri"),
        _known("resources/unsubscribe", name_key="uri"),
        _known("prompts/list"),
        _known("prompts/get", name_key="name"),
        _known("completion/complete"),
        _known("logging/setLevel"),
        _known("subscriptions/listen", is_idempotent=False, is_stream=True),
    )
}


def method_named(name: str) -> Method:
    """The method's facts; notifications need no action, unknown methods their own name as one."""
    known = KNOWN.get(name)
    if known is not None:
        return known
    if name.startswith("notifications/"):
        return Method(name, "")
    return Method(name, name.replace("/", "."))
