"""From an access token to a Principal, in memory: verified once, then a look-up by the token's SHA-256.

Signing keys and revocations come from the snapshot; what they end is forgotten in that moment, so that
the look-up needs no more than the time. No call of the control role stands between.
"""

import logging
from collections.abc import Callable, Iterable

import msgspec
from joserfc.jwk import ECKey

from gatewayops.base import clock
from gatewayops.base.errors import Forbidden, Reason
from gatewayops.identity.oauth.access_token import (
    LEEWAY_S,
    AccessToken,
    Expected,
    TokenRefused,
    public_key,
    verify,
)
from gatewayops.identity.principal import END_USER, Principal
from gatewayops.store.oauth_addresses import Site
from gatewayops.store.snapshot import PLATFORM_OAUTH, RevocationRow, ServerRow, SigningKeyRow, Snapshot

log = logging.getLogger(__name__)

_REMEMBERED = 50_000
_ACTIONS = ("mcp.*",)


class ScopeInsufficient(Forbidden):
    """A token that is good, for less than the server asks for: its client may ask its user for more."""

    reason = Reason.SCOPE_INSUFFICIENT

    def __init__(self, detail: str, principal: Principal) -> None:
        """`principal` is whose token it is: the refusal is filed with them."""
        super().__init__(detail)
        self.principal = principal


class _Known(msgspec.Struct, frozen=True, gc=False):
    until: float  # Unix seconds
    server: ServerRow
    principal: Principal
    token: AccessToken
    at_host: bool


class AccessTokens:
    """Keeps the signing keys and revocations of the newest snapshot and what was verified against them."""

    def __init__(self, site: Site, *, now_s: Callable[[], float] = clock.unix_s) -> None:
        """`site` says what issuers and audiences are."""
        self._site = site
        self._now_s = now_s
        self._keys: dict[str, dict[str, ECKey]] = {}  # by organisation, by kid
        self._key_rows: tuple[SigningKeyRow, ...] = ()
        self._revoked: dict[tuple[str, str, str], int] = {}
        self._known: dict[bytes, _Known] = {}

    def replace(self, snapshot: Snapshot) -> None:
        """Takes over a snapshot; tokens that it ends are denied from now on."""
        if snapshot.signing_keys != self._key_rows:
            self._key_rows = snapshot.signing_keys
            self._keys = _keys_of(snapshot.signing_keys)
            self._known.clear()
        self._revoked = _revoked_of(snapshot.revocations)
        protected = {server.slug: server for server in snapshot.servers if server.auth == PLATFORM_OAUTH}
        before, self._known = self._known, {}
        for digest, old in before.items():
            server = protected.get(old.server.slug)
            if server is not None and self._holds(old.token, server):
                self._known[digest] = _Known(
                    old.until, server, _principal(old.token, server), old.token, old.at_host
                )

    def known(self, digest: bytes, server: ServerRow, *, at_host: bool = False) -> Principal | None:
        """The principal of a token, by its SHA-256, if it was verified for this server; None: `verify`.

        `at_host` says which form of the server's addresses the client used: a token is good at one of them.
        """
        known = self._known.get(digest)
        if known is None or known.until <= self._now_s() or known.server is not server:
            return None
        if known.at_host is not at_host:
            return None
        return known.principal

    def verify(self, raw: bytes, digest: bytes, server: ServerRow, *, at_host: bool = False) -> Principal:
        """The principal of a token sent to a protected server. Raises TokenRefused, ScopeInsufficient."""
        now_s = self._now_s()
        here = self._site.addresses(server.slug, at_host=at_host)
        expected = Expected(here.issuer, here.resource, server.org_id)
        token = verify(raw, self._keys.get(server.org_id, {}), expected, now_s=now_s)
        if self._is_revoked(token):
            raise TokenRefused("this access token was revoked; sign in again", Reason.TOKEN_REVOKED)
        principal = _principal(token, server)
        if not token.scopes.issuperset(server.oauth_scopes):
            raise ScopeInsufficient(
                f"this server needs the scopes {' '.join(server.oauth_scopes)}", principal
            )
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        until = token.expires_at + LEEWAY_S
        self._known[digest] = _Known(until, server, principal, token, at_host)
        return principal

    def token(self, raw: bytes, digest: bytes, server: ServerRow) -> AccessToken:
        """What a token says that counts for this server now. Raises TokenRefused, ScopeInsufficient."""
        if self.known(digest, server) is None:
            self.verify(raw, digest, server)
        return self._known[digest].token

    def _holds(self, token: AccessToken, server: ServerRow) -> bool:
        if token.org_id != server.org_id or not token.scopes.issuperset(server.oauth_scopes):
            return False
        return not self._is_revoked(token)

    def _is_revoked(self, token: AccessToken) -> bool:
        revoked, org_id, issued_at = self._revoked, token.org_id, token.issued_at
        if not revoked:
            return False
        named = (
            ("end_user", token.subject),
            ("client", token.client_id),
            ("grant", token.grant_id),
            ("token", token.token_id),
        )
        return any(issued_at <= revoked.get((org_id, *who), -1) for who in named)


def _principal(token: AccessToken, server: ServerRow) -> Principal:
    """One an end user and client, whichever token it is: sessions outlast a refresh."""
    return Principal(
        org_id=server.org_id,
        key_id=f"{token.subject} {token.client_id}",
        user_id=token.subject,
        servers=(server.name,),
        actions=_ACTIONS,
        kind=END_USER,
        client_id=token.client_id,
    )


def _keys_of(rows: Iterable[SigningKeyRow]) -> dict[str, dict[str, ECKey]]:
    keys: dict[str, dict[str, ECKey]] = {}
    for row in rows:
        try:
            keys.setdefault(row.org_id, {})[row.kid] = public_key(row.jwk)
        except ValueError:  # one bad row must not keep the others from counting
            log.exception("the signing key %s is left out", row.kid)
    return keys


def _revoked_of(rows: Iterable[RevocationRow]) -> dict[tuple[str, str, str], int]:
    revoked: dict[tuple[str, str, str], int] = {}
    for row in rows:
        named = row.org_id, row.kind, row.subject
        revoked[named] = max(row.before_s, revoked.get(named, -1))
    return revoked
