"""ID tokens (OpenID Connect Core 1.0, 3.1.3.7): signature, issuer, audience, times, nonce. Pure.

The library verifies signatures and nothing else, so each claim is looked at here. Keys are only those of the
provider's key set, and only public ones: a secret that both sides know signs nothing for us.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gatewayops.identity.federation.refusal import FederationRefused

LEEWAY_S = 60
ALGORITHMS: Final = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC",
}  # fmt: skip
"""What may sign, and with keys of which kind. No `none`, and no HMAC: its key would be the public one."""

_LONGEST = 64 << 10
_MAX_SUBJECT = 255
_MAX_KEYS = 50


class Expected(msgspec.Struct, frozen=True):
    """What the token must say to count for one attempt; an empty nonce is never right."""

    issuer: str
    client_id: str
    nonce: str


class UnknownKey(FederationRefused):
    """A key signed that the key set does not hold: it may have been rotated since."""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: float
    iat: float
    nonce: str = ""
    azp: str | None = None
    nbf: float | None = None


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None


def public_keys(key_set: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The keys of a JWKS document that may sign, as they came; others are left out."""
    rows = key_set.get("keys")
    if not isinstance(rows, list):
        msg = "the provider's key set holds no keys"
        raise FederationRefused(msg)
    fit = (row for row in rows if isinstance(row, dict) and row.get("kty") in ALGORITHMS.values())
    return tuple(row for row in fit if row.get("use", "sig") == "sig" and "d" not in row)[:_MAX_KEYS]


def verify(
    raw: str, keys: Sequence[Mapping[str, Any]], expected: Expected, *, now_s: float
) -> dict[str, Any]:
    """All claims of a token that counts. Raises FederationRefused, UnknownKey."""
    if len(raw) > _LONGEST:
        msg = "the ID token is too long"
        raise FederationRefused(msg)
    try:
        signed = jws.extract_compact(raw.encode())
        header = msgspec.convert(signed.headers(), _Header)
        claims: dict[str, Any] = msgspec.json.decode(signed.payload or b"", type=dict[str, Any])
        read = msgspec.convert(claims, _Claims)
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, AttributeError, RecursionError) as error:
        msg = "the ID token cannot be read"
        raise FederationRefused(msg) from error
    _check_signature(signed, header, keys)
    _check_claims(read, expected, now_s)
    return claims


def _check_signature(signed: Any, header: _Header, keys: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401 - the library's
    kind = ALGORITHMS.get(header.alg)
    if kind is None:
        msg = "the ID token is signed with an algorithm that counts for nothing here"
        raise FederationRefused(msg)
    fit = [row for row in keys if row["kty"] == kind and row.get("alg", header.alg) == header.alg]
    if header.kid is not None:
        fit = [row for row in fit if row.get("kid") == header.kid]
    if not fit:
        msg = "the ID token is signed with a key that the provider does not show"
        raise UnknownKey(msg)
    if not any(_is_signed(signed, row, header.alg) for row in fit):
        msg = "the ID token's signature is not right"
        raise FederationRefused(msg)


def _is_signed(signed: Any, row: Mapping[str, Any], algorithm: str) -> bool:  # noqa: ANN401 - the library's
    bare = {name: value for name, value in row.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        return bool(jws.validate_compact(signed, _key(bare), algorithms=[algorithm]))
    except (JoseError, ValueError, TypeError, KeyError):
        return False


def _key(bare: dict[str, Any]) -> RSAKey | ECKey:
    return RSAKey.import_key(bare) if bare["kty"] == "RSA" else ECKey.import_key(bare)


def _check_claims(read: _Claims, expected: Expected, now_s: float) -> None:
    audience = (read.aud,) if isinstance(read.aud, str) else read.aud
    is_ours = expected.client_id in audience and (len(audience) == 1 or read.azp == expected.client_id)
    is_subject = 0 < len(read.sub) <= _MAX_SUBJECT and read.sub.isprintable()
    is_right_nonce = hmac.compare_digest(read.nonce.encode(), expected.nonce.encode())
    rules = (
        (read.iss == expected.issuer, "another provider issued the ID token"),
        (is_ours, "the ID token is for another client"),
        (read.azp in (None, expected.client_id), "the ID token is for another client (azp)"),
        (read.exp > now_s - LEEWAY_S, "the ID token has expired: check the clocks"),
        (read.iat <= now_s + LEEWAY_S, "the ID token is from the future: check the clocks"),
        ((read.nbf or 0) <= now_s + LEEWAY_S, "the ID token does not count yet: check the clocks"),
        (bool(expected.nonce) and is_right_nonce, "the ID token is of another attempt to sign in"),
        (is_subject, "the ID token does not say who it is about"),
    )
    for holds, fault in rules:
        if not holds:
            raise FederationRefused(fault)
