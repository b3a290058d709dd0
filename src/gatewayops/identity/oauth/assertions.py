"""How a client proves who it is with a signed assertion (private_key_jwt, RFC 7523)."""

import json

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gatewayops.identity.oauth.metadata import ASSERTION_ALGORITHMS
from gatewayops.identity.oauth.refusals import invalid_client
from gatewayops.identity.oauth.tokens import LEEWAY_S

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST_S = 3_600
_MAX_LENGTH = 8_192
_LONGEST_JTI = 256  # what is remembered is what was compared: a longer one could be used twice


class AssertionCheck:
    """Remembers the ids of assertions until they expire, so that none is taken twice. One a process."""

    def __init__(self) -> None:
        """Remembers none yet."""
        self._used: dict[tuple[str, str], float] = {}

    def check(
        self, assertion: str, *, client_id: str, jwks: str, audiences: tuple[str, ...], now_s: float
    ) -> None:
        """Raises OAuthRefused (invalid_client) unless the client signed it, for us, now."""
        claims = _claims(assertion, jwks)
        audience = claims.get("aud")
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
        self._use_up(client_id, claims.get("jti"), expires, now_s)

    def _use_up(self, client_id: str, jti: object, expires: float, now_s: float) -> None:
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            msg = f"client_assertion: jti is required, at most {_LONGEST_JTI} characters"
            raise invalid_client(msg)
        self._used = {which: until for which, until in self._used.items() if until > now_s}
        if (client_id, jti) in self._used:
            msg = "client_assertion: used already"
            raise invalid_client(msg)
        self._used[client_id, jti] = expires + LEEWAY_S


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
