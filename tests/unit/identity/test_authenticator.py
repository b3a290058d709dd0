"""From a token to a Principal: bcrypt once, then memory, and never longer than the key lives."""

import asyncio
import hashlib
import time

import bcrypt
import pytest

from gatewayops.base.errors import Reason, Unauthenticated
from gatewayops.identity.authenticator import Authenticator, KeyChecksBusy
from gatewayops.store.snapshot import KeyRow, SecretRow, Snapshot

TOKEN = b"gwo_dev_a1b2" + b"c3d4" * 7
DIGEST = hashlib.sha256(TOKEN).digest()
OTHER = b"gwo_dev_a1b2" + b"ZZZZ" * 7


def hashed(token):
    return bcrypt.hashpw(token, bcrypt.gensalt(4)).decode()


HASH, OTHER_HASH = hashed(TOKEN), hashed(OTHER)
KEY = KeyRow("key_1", "org_1", "k", "dev", ("*",), ("mcp.*",))
SECRET = SecretRow("gwo_dev_a1b2", HASH, "key_1")


def snapshot(*, keys=(KEY,), secrets=(SECRET,)):
    return Snapshot(1, time.time(), keys=tuple(keys), secrets=tuple(secrets))


@pytest.fixture
def checks(monkeypatch):
    seen = []
    real = bcrypt.checkpw

    def counted(token, digest):
        seen.append(token)
        return real(token, digest)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return seen


@pytest.fixture
def authenticator():
    made = Authenticator(cache_s=60)
    made.replace(snapshot())
    return made


async def refusal(authenticator, token):
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.verify(token)
    assert not token or token.decode("latin-1") not in caught.value.detail
    return caught.value.reason


async def test_a_verified_key_is_known_from_then_on(authenticator, checks):
    assert authenticator.known(DIGEST) is None
    principal = await authenticator.verify(TOKEN)

    assert (principal.org_id, principal.key_id, principal.servers) == ("org_1", "key_1", ("*",))
    assert authenticator.known(DIGEST) == principal
    assert len(checks) == 1


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"gwo",
        b"gwo_dev_",
        b"gwo_dev_zzzz" + b"a" * 28,
        b"abc_dev_a1b2" + b"a" * 28,
        b"gwo_dev_a1b2" + b"a" * 900,
    ],
)
async def test_what_cannot_be_a_key_never_reaches_bcrypt(authenticator, checks, token):
    assert await refusal(authenticator, token) is Reason.KEY_UNKNOWN
    assert checks == []


async def test_a_refused_token_is_checked_once_until_the_next_snapshot(authenticator, checks):
    for _ in range(3):
        assert await refusal(authenticator, OTHER) is Reason.KEY_UNKNOWN
    assert len(checks) == 1

    authenticator.replace(snapshot(secrets=(SecretRow("gwo_dev_a1b2", OTHER_HASH, "key_1"),)))
    assert (await authenticator.verify(OTHER)).key_id == "key_1"


async def test_parallel_first_calls_are_one_check(authenticator, checks):
    principals = await asyncio.gather(*(authenticator.verify(TOKEN) for _ in range(50)))

    assert len(set(map(id, checks))) == len(checks) == 1
    assert {principal.key_id for principal in principals} == {"key_1"}


async def test_one_that_gives_up_does_not_take_the_check_from_the_others(authenticator):
    first = asyncio.ensure_future(authenticator.verify(TOKEN))
    second = asyncio.ensure_future(authenticator.verify(TOKEN))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).key_id == "key_1"


async def test_only_so_many_guesses_wait_and_a_known_key_does_not_notice(authenticator):
    await authenticator.verify(TOKEN)
    guesses = [b"gwo_dev_a1b2" + b"%028d" % number for number in range(200)]
    answers = await asyncio.gather(*map(authenticator.verify, guesses), return_exceptions=True)

    busy = [answer for answer in answers if isinstance(answer, KeyChecksBusy)]
    assert len(busy) == 200 - 64
    assert all(isinstance(answer, Unauthenticated | KeyChecksBusy) for answer in answers)
    assert authenticator.known(DIGEST) is not None


async def test_keys_that_share_a_prefix_are_told_apart(authenticator):
    keys = (KEY, KeyRow("key_2", "org_2", "k2", "dev", (), ()))
    authenticator.replace(
        snapshot(keys=keys, secrets=(SECRET, SecretRow("gwo_dev_a1b2", OTHER_HASH, "key_2")))
    )

    assert (await authenticator.verify(TOKEN)).org_id == "org_1"
    assert (await authenticator.verify(OTHER)).org_id == "org_2"


async def test_a_revoked_key_is_forgotten_at_once(authenticator):
    await authenticator.verify(TOKEN)
    authenticator.replace(snapshot(keys=(), secrets=()))

    assert authenticator.known(DIGEST) is None
    assert await refusal(authenticator, TOKEN) is Reason.KEY_UNKNOWN


async def test_a_key_that_is_revoked_while_it_is_being_checked_is_denied(authenticator):
    check = asyncio.ensure_future(authenticator.verify(TOKEN))
    await asyncio.sleep(0)
    authenticator.replace(snapshot(keys=(), secrets=()))

    with pytest.raises(Unauthenticated, match="revoked"):
        await check
    assert authenticator.known(DIGEST) is None


async def test_an_unchanged_key_stays_known_and_a_changed_one_has_its_new_scopes(authenticator, checks):
    await authenticator.verify(TOKEN)
    authenticator.replace(snapshot(keys=(KeyRow("key_1", "org_1", "k", "dev", ("files",), ()),)))

    assert authenticator.known(DIGEST).servers == ("files",)
    assert len(checks) == 1


@pytest.mark.parametrize("row", ["key", "secret"])
async def test_nothing_is_known_beyond_its_end(authenticator, monkeypatch, row):
    ends = time.time() + 5
    key = KeyRow("key_1", "org_1", "k", "dev", ("*",), (), expires_at=ends if row == "key" else None)
    secret = SecretRow("gwo_dev_a1b2", HASH, "key_1", valid_until=ends if row == "secret" else None)
    authenticator.replace(snapshot(keys=(key,), secrets=(secret,)))
    await authenticator.verify(TOKEN)
    assert authenticator.known(DIGEST) is not None

    monkeypatch.setattr("gatewayops.identity.authenticator.unix_s", lambda: ends + 0.1)
    assert authenticator.known(DIGEST) is None
    assert await refusal(authenticator, TOKEN) is Reason.KEY_EXPIRED


async def test_an_earlier_end_in_a_later_snapshot_counts_at_once(authenticator):
    await authenticator.verify(TOKEN)
    authenticator.replace(snapshot(secrets=(SecretRow("gwo_dev_a1b2", HASH, "key_1", time.time() - 1),)))

    assert authenticator.known(DIGEST) is None


async def test_a_key_is_checked_anew_when_its_freshness_is_over(authenticator, checks, monkeypatch):
    await authenticator.verify(TOKEN)
    later = time.time() + 61
    monkeypatch.setattr("gatewayops.identity.authenticator.unix_s", lambda: later)

    assert authenticator.known(DIGEST) is None
    await authenticator.verify(TOKEN)
    assert len(checks) == 2


async def test_an_expired_key_is_not_checked_again_and_again(authenticator, checks):
    expired = KeyRow("key_1", "org_1", "k", "dev", ("*",), (), expires_at=time.time() - 1)
    authenticator.replace(snapshot(keys=(expired,)))
    for _ in range(5):
        assert await refusal(authenticator, TOKEN) is Reason.KEY_EXPIRED

    assert len(checks) == 1


async def test_a_prefix_tells_whose_key_a_token_claims_to_be(authenticator):
    assert authenticator.owner_of(OTHER).key_id == "key_1"
    assert authenticator.owner_of(b"gwo_dev_zzzz" + b"a" * 28) is None
    assert authenticator.owner_of(b"\xff\xff") is None
