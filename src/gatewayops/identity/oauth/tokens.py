"""Tokens: random ones, which are kept as a hash, and signed ones (JWT access tokens, RFC 9068)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gatewayops.base.crypto import Sealer
from gatewayops.base.ids import random_text

ACCESS_LIFE_S = 900
LEEWAY_S = 60
_TYPE = "at+jwt"
_ALGORITHM = "ES256"
_RANDOM_LENGTH = 43  # 256 bits


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an access token says; times are Unix seconds, `gid` is the grant, `org` the organisation."""

    iss: str
    aud: str
    sub: str
    client_id: str
    iat: int
    exp: int
    jti: str
    gid: str
    org: str
    scope: str = ""


def new_token(kind: str) -> str:
    """A random one with a telling beginning, such as `gwo_rt_…`: secret scanners find it."""
    return f"gwo_{kind}_{random_text(_RANDOM_LENGTH)}"


def digest(token: str) -> str:
    """What is kept of a random token."""
    return hashlib.sha256(token.encode()).hexdigest()


def seal_successor(successor: str, *, replaced: str) -> bytes:
    """Opens with the replaced token only, which is not kept."""
    return _sealer(replaced).seal(successor.encode(), bound_to=b"successor")


def open_successor(sealed: bytes, *, replaced: str) -> str:
    """Raises SealBroken."""
    return _sealer(replaced).open(sealed, bound_to=b"successor").decode()


def _sealer(token: str) -> Sealer:
    return Sealer(hashlib.sha256(b"gatewayops refresh successor\x00" + token.encode()).digest())


def new_key_pair() -> tuple[dict[str, str], bytes]:
    """A public JWK without `kid`, and the private key as PEM."""
    key = ECKey.generate_key("P-256")
    public = {name: str(value) for name, value in key.as_dict(private=False).items() if name != "kid"}
    return public | {"use": "sig", "alg": _ALGORITHM}, key.as_pem(private=True)


class Signer:
    """Signs with one private key."""

    def __init__(self, key_id: str, pem: bytes) -> None:
        """The key as `new_key_pair` made it."""
        self._key = ECKey.import_key(pem)
        self._header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": key_id}

    def sign(self, claims: Claims) -> str:
        """The token."""
        return jwt.encode(self._header, msgspec.to_builtins(claims), self._key, algorithms=[_ALGORITHM])


def verified(
    token: str, keys: Mapping[str, Any], *, issuer: str, audience: str, now_s: float
) -> Claims | None:
    """The claims of a token that one of these public keys (by `kid`) signed and that is good now, or None."""
    try:
        found = jwt.decode(token, lambda seen: _key_of(seen.headers(), keys), algorithms=[_ALGORITHM])
        claims = msgspec.convert(found.claims, Claims)
    except (JoseError, ValueError, TypeError, KeyError, msgspec.ValidationError):
        return None
    if found.header.get("typ") not in (_TYPE, f"application/{_TYPE}"):
        return None
    is_now = claims.iat - LEEWAY_S <= now_s < claims.exp + LEEWAY_S
    return claims if is_now and claims.iss == issuer and claims.aud == audience else None


def _key_of(header: dict[str, Any], keys: Mapping[str, Any]) -> ECKey:
    return ECKey.import_key(keys[header["kid"]])
