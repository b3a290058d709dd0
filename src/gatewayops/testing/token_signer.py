"""Signs access tokens as an authorization server would, right ones and wrong ones, for tests and benches."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from gatewayops.store import oauth_addresses
from gatewayops.store.snapshot import SigningKeyRow

LIFE_S = 900
Sign = Callable[[bytes], bytes]


class TokenSigner:
    """The signing key of one organisation, for servers below one public address."""

    def __init__(
        self,
        public_url: str,
        *,
        org_id: str = "org_default",
        kid: str = "kid_1",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Makes a new key. `now_s` is when tokens are issued."""
        self._now_s = now_s
        self._public_url = public_url
        self._org_id = org_id
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = ECKey.import_key(self._key.public_key())
        self.kid = kid

    @property
    def row(self) -> SigningKeyRow:
        """The key as gateways know it."""
        return SigningKeyRow(self.kid, self._org_id, {k: str(v) for k, v in self.public.as_dict().items()})

    def sign(self, signed: bytes) -> bytes:
        """ES256 (RFC 7518, section 3.4)."""
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def token(
        self,
        slug: str,
        *,
        header: dict[str, Any] | None = None,
        sign: Sign | None = None,
        **changes: Any,  # noqa: ANN401 - any claim may be made wrong
    ) -> str:
        """A token for a server, with what is to be wrong about it; a change to None leaves the claim out."""
        now_s = int(self._now_s())
        claims = {
            "iss": oauth_addresses.issuer(self._public_url, slug),
            "aud": oauth_addresses.resource(self._public_url, slug),
            "sub": "eu_ada",
            "client_id": "cl_editor",
            "scope": "",
            "iat": now_s,
            "exp": now_s + LIFE_S,
            "jti": "tok_1",
            "gid": "gr_1",
            "org": self._org_id,
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        head = {"alg": "ES256", "typ": "at+jwt", "kid": self.kid} | (header or {})
        signed = b".".join(_part(json.dumps(part).encode()) for part in (head, claims))
        return b".".join((signed, _part((sign or self.sign)(signed)))).decode()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
