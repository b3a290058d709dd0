"""Host and Origin checks, on by default: a web page must not reach a local gateway through a name it owns.

Source: MCP, Streamable HTTP, "DNS rebinding". Nothing is authorised by these headers, only refused.
"""

from urllib.parse import urlsplit

from gatewayops.base.errors import Forbidden, Reason
from gatewayops.gateway.settings import GatewaySettings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REMEMBERED = 1000


class HostCheck:
    """Remembers the few spellings that pass, so that a call pays one look-up."""

    def __init__(self, settings: GatewaySettings) -> None:
        """Loopback names, the public address and `allowed_hosts` pass, with any port."""
        public = urlsplit(settings.public_url).netloc
        hosts = {_name(host) for host in (*settings.allowed_hosts, public) if host}
        self._hosts = _LOOPBACK | hosts
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
        self._passed: dict[tuple[bytes | None, bytes | None], None] = {}

    def check(self, host: bytes | None, origin: bytes | None) -> None:
        """Raises Forbidden for a Host or an Origin that is not ours; an absent Origin is no browser."""
        if (host, origin) in self._passed:
            return
        name = _name((host or b"").decode("latin-1"))
        if name not in self._hosts:
            msg = f"the Host {name[:100]!r} is not one of this gateway's; add it to gateway.allowed_hosts"
            raise Forbidden(msg, Reason.HOST_NOT_ALLOWED)
        if origin is not None and not self._is_ours(origin.decode("latin-1").lower()):
            msg = "the Origin of this page is not allowed; add it to gateway.allowed_origins"
            raise Forbidden(msg, Reason.ORIGIN_NOT_ALLOWED)
        if len(self._passed) < _REMEMBERED:
            self._passed[host, origin] = None

    def passes(self, host: bytes | None, origin: bytes | None) -> bool:
        """The same as a question."""
        try:
            self.check(host, origin)
        except Forbidden:
            return False
        return True

    def _is_ours(self, origin: str) -> bool:
        if origin in self._origins:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and _name(parts.netloc) in self._hosts


def _name(netloc: str) -> str:
    name = netloc.lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]
