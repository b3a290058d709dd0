"""Clients that run in a browser: which pages may ask what, and read the answer (the Fetch standard's CORS).

Any page may read what anybody may: metadata, keys, and the endpoints that take a client's own proof. Pages
call a server when they stand in its `allowed_origins`. Cookies are never among it: no answer allows
credentials, and the pages on which people sign in are not shared at all.
"""

import re

from gatewayops.store import oauth_addresses
from gatewayops.store.snapshot import ANY, Snapshot

_ENDPOINTS = frozenset({"token", "register", "revoke", "jwks"})
_KINDS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_OPEN = (*(f"{kind}/oauth/" for kind in _KINDS), oauth_addresses.METADATA + "/")
_ISSUERS = "/oauth/"
_BROUGHT = re.compile(r"/sign-in/saml/[A-Za-z0-9_]{1,64}/acs")
_EXPOSED = b"WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After, X-Trace-Id"
_ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"Authorization, *"),  # the star leaves Authorization out
    (b"access-control-max-age", b"600"),
)

Lines = list[tuple[bytes, bytes]]


class Pages:
    """What the newest snapshot says of pages elsewhere. One a worker."""

    def __init__(self) -> None:
        """Allows nothing until `replace`."""
        self._origins: dict[str, frozenset[str]] = {}  # by slug

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot."""
        self._origins = {row.slug: frozenset(row.allowed_origins) for row in snapshot.servers}

    def may_call(self, slug: str, origin: bytes) -> bool:
        """Whether the server lets pages of that origin call it: to the byte, or any."""
        known = self._origins.get(slug, frozenset())
        return ANY in known or origin.decode("latin-1") in known


def is_open(path: str) -> bool:
    """Whether any page may ask there."""
    if not path.startswith(_ISSUERS):
        return path.startswith(_OPEN)
    _, _, rest = path[len(_ISSUERS) :].partition("/")
    return rest in _ENDPOINTS or f"/{rest}" in _KINDS


def is_brought(method: str, path: str) -> bool:
    """Whether a page of an identity provider sends people here by a form: SAML's answers, and nothing else.

    What comes so proves itself by a signature, and the browser by a cookie of its own.
    """
    return method == "POST" and _BROUGHT.fullmatch(path) is not None


def is_preflight(verb: str, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser asks if a page may."""
    return verb == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers


def readable(origin: bytes = b"*") -> Lines:
    """What lets pages of that origin, or any, read an answer."""
    lines = [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]
    return lines if origin == b"*" else [*lines, (b"vary", b"Origin")]


def preflight(origin: bytes = b"*") -> Lines:
    """The answer to a preflight that is allowed."""
    return [*readable(origin), *_ALLOWED]
