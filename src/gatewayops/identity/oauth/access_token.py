"""An access token of an end user: what it must be, and what it says. Pure; nothing is remembered here.

JWT profile for access tokens (RFC 9068), narrower: ES256 only, no header parameters but `alg`, `typ`, `kid`,
one audience. The library verifies signatures and nothing else, so each claim is looked at here.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatewayops.base.errors import Reason, Unauthenticated

LEEWAY_S = 60
_LONGEST = 4096
ALGORITHM = "ES256"
_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_HEADER = frozenset({"alg", "typ", "kid"})


class TokenRefused(Unauthenticated):
    """Not a token that counts here; the detail says why, for whoever holds it."""

    reason = Reason.TOKEN_INVALID


class Expected(msgspec.Struct, frozen=True):
    """What the tokens of one server say of it, byte for byte."""

    issuer: str
    audience: str
    org_id: str


class AccessToken(msgspec.Struct, frozen=True, omit_defaults=True, rename={
    "issuer": "iss", "audience": "aud", "subject": "sub", "issued_at": "iat", "expires_at": "exp",
    "token_id": "jti", "grant_id": "gid", "org_id": "org", "actor": "act",
}):  # fmt: skip
    """The claims. Times are Unix seconds; `subject` is an end user's id, `grant_id` that of one approval.

    A client that acts in its own name is both subject and grant. `actor` is who exchanged another's token
    for this one (RFC 8693, 4.1).
    """

    issuer: str
    audience: str  # exactly one: a list does not decode
    org_id: str
    subject: str
    client_id: str
    grant_id: str
    token_id: str
    issued_at: int
    expires_at: int
    scope: str = ""
    actor: dict[str, Any] | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """What was consented to."""
        return frozenset(self.scope.split())


_claims = msgspec.json.Decoder(AccessToken).decode


def verify(raw: bytes, keys: Mapping[str, ECKey], expected: Expected, *, now_s: float) -> AccessToken:
    """The token, when it counts for `expected` at this moment. Raises TokenRefused.

    `keys` are those that may sign for the organisation, by `kid`. Whether it was revoked is not asked here.
    """
    if len(raw) > _LONGEST:
        raise _malformed()
    try:
        signed = jws.extract_compact(raw)
        header = signed.headers()
    except (JoseError, ValueError, TypeError, AttributeError) as error:  # the library's, on odd JSON
        raise _malformed() from error
    key = _key(header, keys)
    try:
        token = _claims(signed.payload or b"")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed() from error
    _check_claims(token, expected, now_s)
    try:
        is_genuine = jws.validate_compact(signed, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError) as error:
        raise _malformed() from error
    if not is_genuine:
        raise TokenRefused("the access token's signature is not right")
    return token


def public_key(jwk: dict[str, str]) -> ECKey:
    """A key that may verify tokens. Raises ValueError for any other than one on P-256."""
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        msg = "signing keys are on the curve P-256"
        raise ValueError(msg)
    try:
        return ECKey.import_key(
            {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y")}
        )
    except JoseError as error:
        msg = "a signing key does not read"
        raise ValueError(msg) from error


def _key(header: Mapping[str, object], keys: Mapping[str, ECKey]) -> ECKey:
    if not _HEADER.issuperset(header) or header.get("alg") != ALGORITHM:
        raise TokenRefused(f"access tokens are signed with {ALGORITHM}")
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenRefused("this is no access token: its typ is not at+jwt")
    kid = header.get("kid")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise TokenRefused("the key that signed this access token is not known here")
    return key


def _check_claims(token: AccessToken, expected: Expected, now_s: float) -> None:
    if token.issuer != expected.issuer:
        raise TokenRefused("another authorization server issued this access token")
    if token.audience != expected.audience:
        raise TokenRefused("this access token is for another server")
    if token.org_id != expected.org_id:
        raise TokenRefused("this access token is of another organisation")
    if not (token.subject and token.client_id and token.grant_id and token.token_id):
        raise TokenRefused("this access token leaves out whose it is")
    if token.issued_at > now_s + LEEWAY_S:
        raise TokenRefused("this access token is from the future: check the clocks")
    if token.expires_at + LEEWAY_S <= now_s:
        raise TokenRefused("the access token has expired; refresh it", Reason.TOKEN_EXPIRED)


def _malformed() -> TokenRefused:
    return TokenRefused("this is neither an API key nor an access token")
