"""Tokens: random ones, which are kept as a hash, and signed ones (JWT access tokens, RFC 9068)."""

import hashlib

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from gatewayops.base.crypto import Sealer
from gatewayops.base.ids import random_text
from gatewayops.identity.oauth.access_token import ALGORITHM, AccessToken

ACCESS_LIFE_S = 900
_TYPE = "at+jwt"
_RANDOM_LENGTH = 43  # 256 bits


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
    return public | {"use": "sig", "alg": ALGORITHM}, key.as_pem(private=True)


class Signer:
    """Signs with one private key."""

    def __init__(self, key_id: str, pem: bytes) -> None:
        """The key as `new_key_pair` made it."""
        self._key = ECKey.import_key(pem)
        self._header = {"alg": ALGORITHM, "typ": _TYPE, "kid": key_id}

    def sign(self, token: AccessToken) -> str:
        """As it is sent."""
        payload = msgspec.json.encode(token)
        return jws.serialize_compact(self._header, payload, self._key, algorithms=[ALGORITHM])
