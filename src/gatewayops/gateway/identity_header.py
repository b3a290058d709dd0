"""`X-GatewayOps-Identity`: says to the server behind who is calling, signed, so that it can be sure.

A JWT (RFC 7519) for one server and one caller, good for minutes and made anew every minute; never a token
that a caller sent. What callers send under this name goes no further. JWKS_PATH shows the public key.
"""

import hashlib
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from gatewayops.base import clock
from gatewayops.base.ids import random_text
from gatewayops.identity.principal import KEY, Principal
from gatewayops.upstream.registry import Upstream

NAME = b"x-gatewayops-identity"
JWKS_PATH = "/.well-known/gatewayops-identity-jwks.json"
_TYPE = "gatewayops-identity+jwt"
_ALGORITHM = "ES256"
_FRESH_S = 60.0
_LIFE_S = 300
_REMEMBERED = 10_000
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class IdentityHeader:
    """Makes the header's lines and remembers them. One a worker; gateways with one seed sign with one key."""

    def __init__(self, seed: bytes, *, issuer: str, now_s: Callable[[], float] = clock.unix_s) -> None:
        """`seed` is a secret of 32 bytes; `issuer` is where clients find the gateway."""
        number = int.from_bytes(seed) % (_P256_ORDER - 1) + 1
        self._key = ECKey.import_key(ec.derive_private_key(number, ec.SECP256R1()))
        self._public = {name: str(value) for name, value in self._key.as_dict(private=False).items()}
        self._kid = hashlib.sha256(self._public["x"].encode()).hexdigest()[:16]
        self._header = {"alg": _ALGORITHM, "typ": _TYPE, "kid": self._kid}
        self._issuer = issuer
        self._now_s = now_s
        self._lines: dict[tuple[Principal, str], tuple[float, bytes]] = {}

    def line(self, principal: Principal, upstream: Upstream) -> bytes:
        """The header's line for a call, with its end."""
        now_s = self._now_s()
        until, line = self._lines.get((principal, upstream.row.url), (0.0, b""))
        if until <= now_s:
            line = b"%b: %b\r\n" % (NAME, self._token(principal, upstream.row.url, int(now_s)).encode())
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            self._lines[principal, upstream.row.url] = now_s + _FRESH_S, line
        return line

    def key_set(self) -> bytes:
        """The public key as a JWK set (RFC 7517)."""
        key = {**self._public, "kid": self._kid, "use": "sig", "alg": _ALGORITHM}
        return msgspec.json.encode({"keys": [key]})

    def _token(self, principal: Principal, audience: str, now_s: int) -> str:
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "sub": principal.user_id or principal.key_id,
            "kind": principal.kind,
            "org": principal.org_id,
            "client_id": principal.client_id,
            "key_id": principal.key_id if principal.kind == KEY else "",
            "iat": now_s,
            "exp": now_s + _LIFE_S,
            "jti": random_text(16),
        }
        said = {name: value for name, value in claims.items() if value != ""}
        return jwt.encode(self._header, said, self._key, algorithms=[_ALGORITHM])
