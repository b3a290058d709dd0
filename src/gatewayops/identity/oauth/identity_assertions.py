"""Identity assertions (ID-JAG): a company's identity provider vouches for its user to a client of ours.

draft-ietf-oauth-identity-assertion-authz-grant and MCP's Enterprise-Managed Authorization. Pure: who is
trusted, which keys they have and whether an assertion came before is the caller's to know.
"""

import json
import re

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gatewayops.identity.oauth.access_token import LEEWAY_S
from gatewayops.identity.oauth.metadata import ASSERTION_ALGORITHMS
from gatewayops.identity.oauth.refusals import OAuthRefused, invalid_grant, invalid_target

_TYPE = "oauth-id-jag+jwt"
_MAX_LENGTH = 8_192
_LONGEST_S = 3_600
_MAX_TEXT = 255
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")


class IdentityAssertion(msgspec.Struct, frozen=True, rename={
    "issuer": "iss", "subject": "sub", "audience": "aud", "token_id": "jti", "issued_at": "iat",
    "expires_at": "exp", "begins_at": "nbf",
}):  # fmt: skip
    """Its claims. `scope` is None where the provider does not limit it."""

    issuer: str
    subject: str
    audience: str | list[str]
    client_id: str
    token_id: str
    issued_at: float
    expires_at: float
    begins_at: float = 0
    resource: str | list[str] = ""
    scope: str | None = None
    email: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """What an assertion must say of us and of the client that brings it."""

    issuer: str
    audience: str
    client_id: str
    resource: str


class KeyUnknown(OAuthRefused):
    """No key of the issuer's signed it: they may have changed, so ask for them anew, once."""


_claims = msgspec.json.Decoder(IdentityAssertion).decode


def issuer_of(assertion: str) -> str:
    """Who says to have issued it; nothing is proven yet. Raises OAuthRefused (invalid_grant)."""
    return _read(assertion)[1].issuer


def check(assertion: str, jwks: str, wanted: Wanted, *, now_s: float) -> IdentityAssertion:
    """The claims. Raises OAuthRefused: invalid_grant, invalid_target."""
    signed, claims = _read(assertion)
    try:
        keys = KeySet.import_key_set(json.loads(jwks))
        is_genuine = jws.validate_compact(signed, keys, algorithms=list(ASSERTION_ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        msg = "assertion: not signed by a key of its issuer"
        raise KeyUnknown("invalid_grant", msg) from error
    if not is_genuine:
        raise _wrong("not signed by a key of its issuer")
    _check_claims(claims, wanted, now_s)
    return claims


def _read(assertion: str) -> tuple[jws.CompactSignature, IdentityAssertion]:
    if len(assertion) > _MAX_LENGTH:
        raise _wrong(f"at most {_MAX_LENGTH} characters")
    try:
        signed = jws.extract_compact(assertion.encode())
        kind = signed.headers().get("typ")
        claims = _claims(signed.payload or b"")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong("not a signed identity assertion (ID-JAG)") from error
    if not isinstance(kind, str) or kind.lower() not in (_TYPE, f"application/{_TYPE}"):
        raise _wrong(f"its typ is not {_TYPE}")
    return signed, claims


def _check_claims(claims: IdentityAssertion, wanted: Wanted, now_s: float) -> None:
    if claims.issuer != wanted.issuer:
        raise _wrong("another issuer than its keys belong to")
    if claims.audience not in (wanted.audience, [wanted.audience]):
        raise _wrong("aud is not this authorization server alone")
    if claims.client_id != wanted.client_id:
        raise _wrong("it was issued for another client")
    if claims.resource not in ("", wanted.resource, [wanted.resource]):
        raise invalid_target()
    if not 0 < len(claims.subject) <= _MAX_TEXT or not 0 < len(claims.token_id) <= _MAX_TEXT:
        raise _wrong("sub and jti are needed")
    if not _EMAIL.fullmatch(claims.email):
        raise _wrong("email is needed: accounts here go by it")
    if max(claims.issued_at, claims.begins_at) > now_s + LEEWAY_S:
        raise _wrong("from the future: check the clocks")
    if not now_s - LEEWAY_S < claims.expires_at <= claims.issued_at + _LONGEST_S:
        raise _wrong("expired, or meant to live longer than an hour")


def _wrong(detail: str) -> OAuthRefused:
    return invalid_grant(f"assertion: {detail}")
