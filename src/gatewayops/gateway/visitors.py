"""Visitors: who calls a server without an API key, where the server's `auth` lets them.

End users of a `platform_oauth` server come with one of its access tokens; whoever comes without is told where
to sign in (RFC 9728, RFC 6750). Callers of a `none` server stay anonymous: known by a keyed hash of their
address, which limits and records go by. Both reach this one server and nothing else.
"""

import hashlib
import ipaddress

import msgspec

from gatewayops.base.errors import GatewayOpsError, NotFound, Reason, Unauthenticated
from gatewayops.gateway.call import Call
from gatewayops.gateway.head import client_of
from gatewayops.identity.oauth.access_token import AccessToken
from gatewayops.identity.oauth.access_tokens import AccessTokens, ScopeInsufficient
from gatewayops.identity.principal import ANONYMOUS, Principal
from gatewayops.protocol.forwarded import TrustedProxies
from gatewayops.store.oauth_addresses import Site
from gatewayops.store.snapshot import ANONYMOUS as FOR_ANYBODY
from gatewayops.store.snapshot import API_KEY, PLATFORM_OAUTH, ServerRow, Snapshot

_REMEMBERED = 50_000
_KEY = b"gwo_"
_ACTIONS = ("mcp.*",)
_encode = msgspec.json.Encoder().encode


class Visitors:
    """The servers of one snapshot that are open to visitors, by slug. One a worker."""

    def __init__(
        self, tokens: AccessTokens, site: Site, *, address_key: bytes, proxies: TrustedProxies | None = None
    ) -> None:
        """`site` says where servers are; `address_key` hashes the addresses of anonymous callers.

        `proxies` say whose callers they are, where there are any.
        """
        self._proxies = proxies or None
        self._tokens = tokens
        self._site = site
        self._address_key = address_key
        self._servers: dict[str, ServerRow] = {}
        self._protected: dict[tuple[str, str], ServerRow] = {}  # by organisation, and name or slug
        self._anonymous: dict[tuple[str, str], Principal] = {}  # by slug and address

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot; tokens and servers that it ends are denied from now on."""
        self._tokens.replace(snapshot)
        self._servers = {row.slug: row for row in snapshot.servers if row.slug and row.auth != API_KEY}
        protected = [row for row in self._servers.values() if row.auth == PLATFORM_OAUTH]
        self._protected = {(row.org_id, row.slug): row for row in protected}
        self._protected |= {(row.org_id, row.name): row for row in protected}
        self._anonymous.clear()

    def protected(self, org_id: str, ref: str) -> ServerRow | None:
        """An organisation's server that people sign in to, by name or else by slug."""
        return self._protected.get((org_id, ref))

    def token(self, raw: bytes, digest: bytes, server: ServerRow) -> AccessToken:
        """What a token says that counts for this server now. Raises Unauthenticated, ScopeInsufficient."""
        return self._tokens.token(raw, digest, server)

    def recognise(self, call: Call) -> Principal | None:
        """Who is calling, when that takes no checking; None means: ask `admit`."""
        server = self._servers.get(call.server_name)
        if server is None:
            return None
        if server.auth == PLATFORM_OAUTH:
            return self._tokens.known(call.head.digest, server, at_host=call.head.at_host)
        return None if call.head.token[:4] == _KEY else self._nobody(server, self._address(call))

    def admit(self, call: Call) -> Principal | None:
        """Who is calling, checked; None for whom a key must speak. Raises Unauthenticated, ScopeInsufficient.

        The refusal of a `platform_oauth` server says where to sign in, and for which scopes.
        """
        server, token = self._servers.get(call.server_name), call.head.token
        if server is None or token[:4] == _KEY:
            return None
        if server.auth != PLATFORM_OAUTH:
            return self._nobody(server, self._address(call))
        call.principal = Principal(org_id=server.org_id, key_id="")  # whose refusal it is
        try:
            if not token:
                issuer = self._site.addresses(server.slug, at_host=call.head.at_host).issuer
                msg = f"sign in to use {server.name}: this server takes access tokens of {issuer}"
                raise Unauthenticated(msg, Reason.TOKEN_MISSING)
            return self._tokens.verify(token, call.head.digest, server, at_host=call.head.at_host)
        except Unauthenticated as refusal:
            self.challenge(call, refusal)
            raise
        except ScopeInsufficient as refusal:
            call.principal = refusal.principal
            self.challenge(call, refusal)
            raise

    def challenge(self, call: Call, refusal: GatewayOpsError) -> None:
        """Adds to a refusal where and for what one can sign in, where that is possible."""
        server = self._servers.get(call.server_name)
        if server is None or server.auth != PLATFORM_OAUTH:
            return
        here = self._site.addresses(server.slug, at_host=call.head.at_host)
        says = {"resource_metadata": here.metadata}
        if server.oauth_scopes:
            says["scope"] = " ".join(server.oauth_scopes)
        if isinstance(refusal, ScopeInsufficient):
            says = {"error": "insufficient_scope", "error_description": refusal.detail} | says
        elif call.head.token:
            says = {"error": "invalid_token", "error_description": refusal.detail} | says
        pairs = ", ".join(f'{name}="{value}"' for name, value in says.items())
        refusal.headers = (("WWW-Authenticate", f"Bearer {pairs}"),)

    def newest(self, principal: Principal) -> Principal:
        """The same caller. Raises Unauthenticated where the newest rules no longer let them in."""
        name = principal.servers[0]
        auth = FOR_ANYBODY if principal.kind == ANONYMOUS else PLATFORM_OAUTH
        if any(
            row.name == name and row.org_id == principal.org_id and row.auth == auth
            for row in self._servers.values()
        ):
            return principal
        raise Unauthenticated(f"{name} has changed who may call it; connect again", Reason.TOKEN_INVALID)

    def metadata(self, slug: str, *, at_host: bool = False) -> bytes:
        """Protected resource metadata of a server (RFC 9728, section 2). Raises NotFound."""
        server = self._servers.get(slug)
        if server is None or server.auth != PLATFORM_OAUTH:
            msg = "no server of that address has sign-in"
            raise NotFound(msg)
        here = self._site.addresses(slug, at_host=at_host)
        told = {
            "resource": here.resource,
            "authorization_servers": [here.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": server.name,
        }
        return _encode(told | ({"scopes_supported": server.oauth_scopes} if server.oauth_scopes else {}))

    def _address(self, call: Call) -> str:
        peer = call.cycle.client
        return peer if self._proxies is None else client_of(self._proxies, peer, call.head.lines)

    def _nobody(self, server: ServerRow, address: str) -> Principal:
        known = self._anonymous.get((server.slug, address))
        if known is None:
            if len(self._anonymous) >= _REMEMBERED:
                self._anonymous.clear()
            subject = f"anon_{self._hash(server.org_id, address)}"
            known = self._anonymous[server.slug, address] = Principal(
                org_id=server.org_id,
                key_id=subject,
                user_id=subject,
                servers=(server.name,),
                actions=_ACTIONS,
                kind=ANONYMOUS,
            )
        return known

    def _hash(self, org_id: str, address: str) -> str:
        """The same for one address in an organisation; without the key nobody finds it by trying."""
        text = f"{org_id} {_household(address)}".encode()
        return hashlib.blake2b(text, key=self._address_key, digest_size=10, person=b"address").hexdigest()


def _household(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: a host there has more addresses than limits can count."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)
