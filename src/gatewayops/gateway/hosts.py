"""Host and Origin checks, on by default: a web page must not reach a local gateway through a name it owns.

Source: MCP, Streamable HTTP, "DNS rebinding". Nothing is authorised by these headers, only refused. A host
that is a server's own leads to that server and to nothing else of the installation.
"""

import re
from urllib.parse import urlsplit

from gatewayops.base.errors import Forbidden, Reason
from gatewayops.gateway.settings import GatewaySettings
from gatewayops.store import oauth_addresses

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REMEMBERED = 1000
_FILE = re.compile(r"/static/[A-Za-z0-9._-]+")  # the stylesheet and scripts of pages, the same on all hosts


class HostCheck:
    """Remembers the few spellings that pass, so that a call pays one look-up."""

    def __init__(self, settings: GatewaySettings, *, domain: str = "") -> None:
        """Loopback names, the public address and `allowed_hosts` pass, with any port, and hosts of servers.

        Those are the names right below `domain`, if there is one.
        """
        public = urlsplit(settings.public_url).netloc
        hosts = {_name(host) for host in (*settings.allowed_hosts, public) if host}
        self._hosts = _LOOPBACK | hosts
        self._below = f".{domain}" if domain else ""
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
        self._passed: dict[tuple[bytes | None, bytes | None], None] = {}

    def check(self, host: bytes | None, origin: bytes | None) -> None:
        """Raises Forbidden for a Host or an Origin that is not ours; an absent Origin is no browser."""
        if (host, origin) in self._passed:
            return
        self.check_host(host)
        if self.is_foreign(host, origin):
            raise foreign_page()
        if len(self._passed) < _REMEMBERED:
            self._passed[host, origin] = None

    def check_host(self, host: bytes | None) -> None:
        """Raises Forbidden."""
        name = _name((host or b"").decode("latin-1"))
        if name not in self._hosts and not self._slug_in(name):
            msg = f"the Host {name[:100]!r} is not one of this gateway's; add it to gateway.allowed_hosts"
            raise Forbidden(msg, Reason.HOST_NOT_ALLOWED)

    def is_foreign(self, host: bytes | None, origin: bytes | None) -> bool:
        """Whether a page that is not ours asks. On a server's own host only that host's pages are."""
        if origin is None:
            return False
        text = origin.decode("latin-1").lower()
        if text in self._origins:
            return False
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            return True
        name, here = _name(parts.netloc), _name((host or b"").decode("latin-1"))
        return name != here if self._slug_in(here) else name not in self._hosts

    def passes(self, host: bytes | None, origin: bytes | None) -> bool:
        """The same as a question."""
        try:
            self.check(host, origin)
        except Forbidden:
            return False
        return True

    def slug(self, host: bytes | None) -> str:
        """The server whose own host this would be; empty for the gateway's own."""
        return self._slug_in(_name((host or b"").decode("latin-1"))) if self._below else ""

    def _slug_in(self, name: str) -> str:
        if not self._below or not name.endswith(self._below) or name in self._hosts:
            return ""
        label = name[: -len(self._below)]
        return label if oauth_addresses.is_label(label) else ""


def foreign_page() -> Forbidden:
    """The refusal of a page that may not ask."""
    msg = "the Origin of this page is not allowed; add it to the server's origins or gateway.allowed_origins"
    return Forbidden(msg, Reason.ORIGIN_NOT_ALLOWED)


def inner_path(slug: str, path: str) -> str:
    """What a path on a server's own host is called on the gateway's: its calls, its sign-in, or our files."""
    if _FILE.fullmatch(path):
        return path
    if path == "/mcp" or path.startswith("/mcp/"):
        return f"/v1/mcp/{slug}{path[4:]}"
    if path in (oauth_addresses.METADATA, f"{oauth_addresses.METADATA}/mcp"):
        return f"{oauth_addresses.METADATA}/v1/mcp/{slug}"
    return f"/oauth/{slug}{path}"


def _name(netloc: str) -> str:
    name = netloc.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]
