"""How a client proves who it is with a signed assertion (private_key_jwt, RFC 7523). Pure: whether an
assertion came before is the caller's to know.
"""

import json

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gatewayops.identity.oauth.access_token import LEEWAY_S
from gatewayops.identity.oauth.metadata import ASSERTION_ALGORITHMS
from gatewayops.identity.oauth.refusals import invalid_client
from gatewayops.identity.oauth.tokens import digest

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_S = 3_600
_MAX_LENGTH = 8_192
_LONGEST_JTI = 256


class Once(msgspec.Struct, frozen=True):
    """What names an assertion that must not come again, until it has expired (Unix seconds)."""

    digest: str
    until_s: float


def check(assertion: str, *, client_id: str, jwks: str, audiences: tuple[str, ...], now_s: float) -> Once:
    """Raises OAuthRefused (invalid_client) unless the client signed it, for us, now."""
    claims = _claims(assertion, jwks)
    audience, jti = claims.get("aud"), claims.get("jti")
    named = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        msg = "client_assertion: iss and sub are the client_id"
        raise invalid_client(msg)
    if not set(audiences).intersection(one for one in named if isinstance(one, str)):
        msg = "client_assertion: aud is the token endpoint or the issuer"
        raise invalid_client(msg)
    expires, begins = _time(claims.get("exp")), _time(claims.get("nbf", 0))
    if not now_s - LEEWAY_S < expires < now_s + _LONGEST_S:
        msg = "client_assertion: exp lies ahead, at most an hour"
        raise invalid_client(msg)
    if begins > now_s + LEEWAY_S:
        msg = "client_assertion: nbf lies ahead"
        raise invalid_client(msg)
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        msg = f"client_assertion: jti is required, at most {_LONGEST_JTI} characters"
        raise invalid_client(msg)
    return Once(digest(f"{audiences} {client_id} {jti}"), expires + LEEWAY_S)


def _claims(assertion: str, jwks: str) -> dict[str, object]:
    if len(assertion) > _MAX_LENGTH:
        msg = f"client_assertion: at most {_MAX_LENGTH} characters"
        raise invalid_client(msg)
    try:
        keys = KeySet.import_key_set(json.loads(jwks))
        return jwt.decode(assertion, keys, algorithms=list(ASSERTION_ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        msg = "client_assertion: not signed by a key of the client"
        raise invalid_client(msg) from error


def _time(value: object) -> float:
    """Minus one for what is no time: it has run out."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
