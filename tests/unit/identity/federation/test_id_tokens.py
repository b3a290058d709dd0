"""ID tokens: one good one, and every way in which another must not count."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from gatewayops.identity.federation import claims, id_token
from gatewayops.identity.federation.id_token import Expected, UnknownKey
from gatewayops.identity.federation.refusal import FederationRefused
from gatewayops.identity.federation.registration import Kind, Registration

NOW_S = 1_790_000_000.0
ISSUER = "https://idp.example.com"
EXPECTED = Expected(issuer=ISSUER, client_id="gatewayops", nonce="n-1")
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
KEYS = id_token.public_keys({"keys": [key.as_dict(private=False) for key in (RSA, EC)]})
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "248289761001",
    "aud": "gatewayops",
    "exp": int(NOW_S) + 300,
    "iat": int(NOW_S),
    "nonce": "n-1",
}


def token(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    said = {name: value for name, value in (GOOD | changes).items() if value is not None}
    head = {"alg": alg, "kid": key.kid} | (header or {})
    return jwt.encode(head, said, key, algorithms=[alg])


def unsigned(head: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, GOOD)
    ]
    return ".".join([*parts, ""])


def verify(raw: str, keys: Any = KEYS) -> dict[str, Any]:
    return id_token.verify(raw, keys, EXPECTED, now_s=NOW_S)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        pytest.param(RSA, "RS256", id="RS256"),
        pytest.param(RSA, "PS256", id="PS256"),
        pytest.param(EC, "ES256", id="ES256"),
    ],
)
def test_a_token_that_the_provider_signed_for_us_counts(key: Any, alg: str) -> None:
    assert verify(token(key, alg))["sub"] == "248289761001"
    many = token(key, alg, aud=["other", "gatewayops"], azp="gatewayops")
    assert verify(many)["sub"] == "248289761001"


def hmac_of_the_public_key() -> str:
    """The classic: the verifier takes the public key for a shared secret."""
    signed = unsigned({"alg": "HS256", "kid": "rsa"})[:-1]
    mac = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: unsigned({"alg": "none"}), id="alg none"),
        pytest.param(lambda: unsigned({"alg": "RS256", "kid": "rsa"}), id="no signature"),
        pytest.param(hmac_of_the_public_key, id="HS256 with the public key"),
        pytest.param(lambda: token()[:-6] + "AAAAAA", id="another signature"),
        pytest.param(lambda: token(RSAKey.generate_key(2048, {"kid": "rsa"})), id="another key of that name"),
        pytest.param(lambda: token(header={"kid": "ec"}), id="the name of a key of another kind"),
        pytest.param(lambda: token(header={"jwk": RSA.as_dict(private=False), "kid": "mine"}), id="own key"),
        pytest.param(lambda: token(header={"crit": ["b64"], "b64": False}), id="unknown critical header"),
        pytest.param(lambda: token(iss="https://idp.example.com/"), id="issuer with a slash more"),
        pytest.param(lambda: token(iss=None), id="no issuer"),
        pytest.param(lambda: token(aud="another"), id="another audience"),
        pytest.param(lambda: token(aud=["gatewayops", "other"]), id="two audiences, no azp"),
        pytest.param(lambda: token(aud=["gatewayops", "other"], azp="other"), id="for another party"),
        pytest.param(lambda: token(azp="other"), id="issued to another client"),
        pytest.param(lambda: token(exp=int(NOW_S) - 61), id="expired"),
        pytest.param(lambda: token(exp=None), id="never expires"),
        pytest.param(lambda: token(exp="9999999999"), id="expiry as text"),
        pytest.param(lambda: token(iat=int(NOW_S) + 61), id="issued in the future"),
        pytest.param(lambda: token(iat=None), id="never issued"),
        pytest.param(lambda: token(nbf=int(NOW_S) + 61), id="does not count yet"),
        pytest.param(lambda: token(nonce="n-2"), id="another nonce"),
        pytest.param(lambda: token(nonce=None), id="no nonce"),
        pytest.param(lambda: token(sub=""), id="about nobody"),
        pytest.param(lambda: token(sub=17), id="subject is a number"),
        pytest.param(lambda: token(sub="1\x00"), id="subject that cannot be kept"),
        pytest.param(lambda: "a.b", id="no token"),
        pytest.param(lambda: "", id="nothing"),
        pytest.param(lambda: "x" * 100_000, id="endless"),
    ],
)
def test_no_other_token_counts(make: Callable[[], str]) -> None:
    with pytest.raises(FederationRefused) as refused:
        verify(make())
    assert make()[:20] not in refused.value.detail or not make()


def test_clocks_may_differ_by_a_minute() -> None:
    assert verify(token(exp=int(NOW_S) - 59, iat=int(NOW_S) + 60, nbf=int(NOW_S) + 60))


def test_an_empty_nonce_is_never_right() -> None:
    with pytest.raises(FederationRefused):
        id_token.verify(token(nonce=""), KEYS, Expected(ISSUER, "gatewayops", ""), now_s=NOW_S)


def test_a_key_that_is_not_shown_is_told_apart_so_that_the_key_set_is_asked_for_again() -> None:
    with pytest.raises(UnknownKey):
        verify(token(RSAKey.generate_key(2048, {"kid": "newer"})))


def test_secret_and_private_keys_in_a_key_set_are_left_out() -> None:
    shared, private = OctKey.generate_key(256).as_dict(), RSA.as_dict(private=True)
    encryption = EC.as_dict(private=False) | {"use": "enc"}
    assert id_token.public_keys({"keys": [shared, private, encryption, "odd"]}) == ()
    with pytest.raises(FederationRefused):
        id_token.public_keys({"keys": "none"})


@pytest.mark.parametrize(
    ("kind", "said", "is_verified"),
    [
        (Kind.OIDC, {"email": "ada@example.com", "email_verified": True}, True),
        (Kind.OIDC, {"email": "ada@example.com", "email_verified": "true"}, True),
        (Kind.OIDC, {"email": "ada@example.com", "email_verified": "false"}, False),
        (Kind.OIDC, {"email": "ada@example.com"}, False),
        (Kind.OIDC, {"email": "ada @example.com", "email_verified": True}, False),
        (Kind.OIDC, {"email": ["ada@example.com"], "email_verified": True}, False),
        (Kind.GOOGLE, {"email": "ada@gmail.com", "email_verified": True}, True),
        (Kind.GOOGLE, {"email": "ada@example.com", "email_verified": True}, False),
        (Kind.GOOGLE, {"email": "ada@example.com", "email_verified": True, "hd": "example.com"}, True),
        (Kind.GOOGLE, {"email": "ada@example.com", "email_verified": True, "hd": "example.org"}, False),
    ],
)
def test_an_address_is_verified_only_where_the_provider_speaks_for_it(
    kind: Kind, said: dict[str, Any], is_verified: bool
) -> None:
    found = claims.identity({"sub": "1"} | said, Registration(kind=kind, client_id="c"), issuer=ISSUER)
    assert found.email_verified is is_verified


def test_an_address_and_its_verification_are_from_one_document() -> None:
    token_says, userinfo = (
        {"sub": "1", "email": "eve@evil.example"},
        {"email": "a@b.c", "email_verified": True},
    )
    merged = claims.merged(token_says, userinfo)
    found = claims.identity(merged, Registration(kind=Kind.OIDC, client_id="c"), issuer=ISSUER)
    assert (found.email, found.email_verified) == ("eve@evil.example", False)
