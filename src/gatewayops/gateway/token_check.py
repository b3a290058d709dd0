"""`POST /api/mcp-auth/validate`: customers' own servers ask whether an access token counts for them now.

Answered by the gateway from its snapshot, as it answers for itself: nothing is asked of the control role, and
a revocation counts within a second. The caller shows an API key that holds `end_users.read` and covers the
server; tokens of other servers and organisations are not told apart from nonsense.
"""

import hashlib
from typing import Any

import msgspec

from gatewayops.base.errors import (
    Forbidden,
    GatewayOpsError,
    InvalidInput,
    NotFound,
    Reason,
    Unauthenticated,
    Unavailable,
)
from gatewayops.gateway.call import Scope, read_body
from gatewayops.gateway.live import Live
from gatewayops.gateway.mcp_door import MethodNotAllowed
from gatewayops.gateway.pipeline import Refused
from gatewayops.identity.principal import Principal, grants
from gatewayops.policy.decision import Deny
from gatewayops.store.snapshot import ServerRow

PATH = "/api/mcp-auth/validate"
_ACTION = "end_users.read"
_MAX_BODY_BYTES = 16 << 10
_encode = msgspec.json.Encoder().encode


class OnlyPost(MethodNotAllowed):
    """Tokens do not belong in addresses."""

    headers = (("Allow", "POST"),)


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """`server` is a name or slug; it may be left out when the key is for one server."""

    token: str
    server: str = ""


_asked = msgspec.json.Decoder(_Asked).decode


class TokenCheck:
    """One a worker."""

    def __init__(self, live: Live) -> None:
        """`live` is what the gateway knows now."""
        self._live = live

    async def answer(self, scope: Scope) -> bytes:
        """The body of a 200. Raises GatewayOpsError when the question, not the token, is at fault."""
        if scope["method"] != "POST":
            raise OnlyPost("ask with POST")
        if not self._live.is_ready:
            raise Unavailable("the gateway has just started and has no rules yet", Reason.NOT_READY)
        caller = await self._caller(scope)
        try:
            asked = _asked(await read_body(scope["cycle"], _MAX_BODY_BYTES))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput('send JSON: {"token": "…", "server": "…"}') from error
        return _encode(self._verdict(asked.token.encode(), self._server(caller, asked.server)))

    async def _caller(self, scope: Scope) -> Principal:
        head, authenticator = scope["cycle"].head, self._live.authenticator
        if not head.token:
            raise Unauthenticated("send a key: Authorization: Bearer gwo_…", Reason.KEY_MISSING)
        caller = authenticator.known(head.digest) or await authenticator.verify(head.token)
        decision = self._live.governance.decide_control(caller, _ACTION)
        if isinstance(decision, Deny):
            raise Refused(decision.detail, decision.reason)
        return caller

    def _server(self, caller: Principal, ref: str) -> ServerRow:
        if not ref and len(caller.servers) == 1 and "*" not in caller.servers[0]:
            ref = caller.servers[0]
        if not ref:
            raise InvalidInput("server: this key is for several; say which one asks")
        server = self._live.visitors.protected(caller.org_id, ref)
        if not grants(caller.servers, server.name if server is not None else ref):
            raise Forbidden(f"this key's scopes do not name the server {ref}", Reason.SERVER_NOT_GRANTED)
        if server is None:
            raise NotFound(f"people sign in to no server {ref} of yours", Reason.SERVER_UNKNOWN)
        return server

    def _verdict(self, raw: bytes, server: ServerRow) -> dict[str, Any]:
        try:
            token = self._live.visitors.token(raw, hashlib.sha256(raw).digest(), server)
        except GatewayOpsError as error:
            return {"valid": False, "reason": error.reason.value, "message": error.detail}
        return {"valid": True, "server": server.name, **msgspec.to_builtins(token)}
