"""Legacy sessions: the client gets the server's session id sealed, so that only its own key can use it.

What is sealed is the upstream id and the client's name; any node that has the key can open it, and no
other principal can, nor is it good for another server.
"""

import base64
import binascii

import msgspec

from gatewayops.base.crypto import SealBroken, Sealer
from gatewayops.base.errors import NotFound, Reason
from gatewayops.identity.principal import Principal
from gatewayops.upstream.registry import Upstream


class SessionUnknown(NotFound):
    """Not a session of this caller at this server; clients begin a new one on 404 (MCP 2025-11-25)."""

    reason = Reason.SESSION_UNKNOWN


class Session(msgspec.Struct, array_like=True, frozen=True):
    """What a sealed session id holds."""

    upstream_id: str
    agent: str


class Sessions:
    """Seals and opens session ids."""

    def __init__(self, sealer: Sealer) -> None:
        """All gateways of an installation share the sealer's key."""
        self._sealer = sealer

    def seal(self, session: Session, principal: Principal, upstream: Upstream) -> bytes:
        """The header value for the client."""
        sealed = self._sealer.seal(msgspec.msgpack.encode(session), bound_to=_binding(principal, upstream))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=")

    def open(self, value: bytes, principal: Principal, upstream: Upstream) -> Session:
        """The session of a header value; raises SessionUnknown when it is not this caller's here."""
        try:
            sealed = base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))
            plain = self._sealer.open(sealed, bound_to=_binding(principal, upstream))
            return msgspec.msgpack.decode(plain, type=Session)
        except (SealBroken, binascii.Error, ValueError):
            msg = "this session is not known here; initialize a new one"
            raise SessionUnknown(msg) from None


def _binding(principal: Principal, upstream: Upstream) -> bytes:
    return f"session:{principal.org_id}:{principal.key_id}:{upstream.row.id}".encode()
