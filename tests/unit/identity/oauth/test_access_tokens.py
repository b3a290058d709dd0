"""Access tokens in memory: as long as they live, for the server that they name; no odd bytes get through."""

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayops.base.errors import Reason
from gatewayops.identity.oauth import access_tokens
from gatewayops.identity.oauth.access_token import LEEWAY_S, Expected, TokenRefused, public_key, verify
from gatewayops.identity.oauth.access_tokens import AccessTokens
from gatewayops.store import snapshot as sn
from gatewayops.store.oauth_addresses import Site
from gatewayops.testing.token_signer import LIFE_S, TokenSigner

URL = "https://mcp.example.com"
NOW = int(time.time())  # for all: the suite may take minutes
SIGNER = TokenSigner(URL, now_s=lambda: NOW)
GOOD = SIGNER.token("tools").encode()
EXPECTED = Expected(f"{URL}/oauth/tools", f"{URL}/v1/mcp/tools", "org_default")
KEYS = {SIGNER.kid: public_key(SIGNER.row.jwk)}


class Clock:
    now_s = NOW

    def __call__(self):
        return self.now_s


def server(**changes):
    row = {"auth": sn.PLATFORM_OAUTH, "slug": "tools"} | changes
    return sn.ServerRow("srv_1", "org_default", "tools", "http://x", 5.0, 2.0, 2, 100, True, **row)


def rules(*servers, revoked=(), signers=(SIGNER,)):
    keys = tuple(signer.row for signer in signers)
    return sn.Snapshot(1, 0.0, servers=servers, signing_keys=keys, revocations=tuple(revoked))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tokens(clock):
    made = AccessTokens(Site(URL), now_s=clock)
    made.replace(rules(server()))
    return made


def digest(raw):
    return hashlib.sha256(raw).digest()


def take(tokens, row, raw=GOOD):
    """As the gateway does: looks it up, else verifies."""
    return tokens.known(digest(raw), row) or tokens.verify(raw, digest(raw), row)


def test_a_known_token_ends_with_its_expiry_and_not_before(tokens, clock):
    row = server()
    tokens.replace(rules(row))
    take(tokens, row)
    clock.now_s += LIFE_S + LEEWAY_S - 2
    assert tokens.known(digest(GOOD), row) is not None
    clock.now_s += 4

    assert tokens.known(digest(GOOD), row) is None
    with pytest.raises(TokenRefused) as refused:
        tokens.verify(GOOD, digest(GOOD), row)
    assert refused.value.reason is Reason.TOKEN_EXPIRED


def test_it_stays_known_when_rules_change_that_do_not_touch_it(tokens):
    before, after = server(), server(oauth_scopes=())
    tokens.replace(rules(before))
    take(tokens, before)
    other = sn.RevocationRow("org_default", "token", "tok_other", 2**40)
    tokens.replace(rules(after, revoked=[other]))

    assert tokens.known(digest(GOOD), after) is not None
    assert tokens.known(digest(GOOD), before) is None


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(rules(), id="the server is gone"),
        pytest.param(rules(server(auth=sn.API_KEY)), id="it is for keys now"),
        pytest.param(rules(server(slug="other")), id="it has another address"),
        pytest.param(rules(server(oauth_scopes=("read",))), id="it needs a scope"),
        pytest.param(rules(server(), signers=()), id="the key is gone"),
        pytest.param(
            rules(server(), signers=(TokenSigner(URL),)), id="another key has the kid of the one before"
        ),
    ],
)
def test_it_is_forgotten_when(tokens, then):
    row = server()
    tokens.replace(rules(row))
    take(tokens, row)
    tokens.replace(then)

    for now in (row, *then.servers):
        assert tokens.known(digest(GOOD), now) is None


def test_of_several_revocations_the_latest_counts(tokens):
    row, now_s = server(), NOW
    revoked = [sn.RevocationRow("org_default", "grant", "gr_1", now_s + ago) for ago in (-5, 30, -9)]
    tokens.replace(rules(row, revoked=revoked))

    with pytest.raises(TokenRefused):
        take(tokens, row)
    assert take(tokens, row, SIGNER.token("tools", iat=now_s + 31).encode())


def test_one_bad_key_does_not_keep_others_from_counting(tokens, caplog):
    row = server()
    bad = sn.SigningKeyRow("kid_bad", "org_default", {"kty": "EC", "crv": "P-256", "x": "!", "y": "?"})
    rsa = sn.SigningKeyRow("kid_rsa", "org_default", {"kty": "RSA", "n": "AQAB", "e": "AQAB"})
    found = sn.Snapshot(2, 0.0, servers=(row,), signing_keys=(bad, rsa, SIGNER.row))
    tokens.replace(found)

    assert take(tokens, row).user_id == "eu_ada"
    assert "kid_bad" in caplog.text


def test_only_so_many_are_remembered(tokens, monkeypatch):
    monkeypatch.setattr(access_tokens, "_REMEMBERED", 3)
    row = server()
    tokens.replace(rules(row))
    for number in range(8):
        take(tokens, row, SIGNER.token("tools", jti=f"tok_{number}").encode())
        assert len(tokens._known) <= 3


@given(st.binary(max_size=300))
def test_no_bytes_get_through(raw):
    with pytest.raises(TokenRefused):
        verify(raw, KEYS, EXPECTED, now_s=NOW)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=3))
def test_no_changed_token_gets_through(at, put):
    changed = GOOD[:at] + put + GOOD[at + 1 :]
    if _means(changed) == _means(GOOD):
        return
    with pytest.raises(TokenRefused):
        verify(changed, KEYS, EXPECTED, now_s=NOW)


def _means(raw):
    """What is signed, and the signature but for the bits of base64 that stand for nothing."""
    signed, _, signature = raw.rpartition(b".")
    return signed, signature[:-1]
