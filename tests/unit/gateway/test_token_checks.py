"""Customers' own servers ask the gateway whether a token counts: `POST /api/mcp-auth/validate`."""

import json
import time

import pytest

from gatewayops.identity.oauth.access_token import LEEWAY_S
from gatewayops.store import snapshot as sn
from gatewayops.testing.token_signer import TokenSigner

URL = "https://mcp.example.com"
SCOPE = "files:read"


@pytest.fixture
def signer():
    return TokenSigner(URL)


@pytest.fixture
async def asking(start_gateway, rules, server, signer):
    """Keys: `one` for `tools` alone, `all` for every server, `theirs` of another organisation."""
    rules.governing["signing_keys"] = (signer.row,)
    changes = {"auth": sn.PLATFORM_OAUTH, "oauth_scopes": (SCOPE,)}
    rules.add_server("other", server.url, slug="other", **changes)
    rules.add_server("papers", server.url, org="org_other", slug="papers", **changes)
    reads = ("end_users.read",)
    rules.add_key("one", servers=("tools",), actions=reads)
    rules.add_key("all", actions=reads)
    rules.add_key("theirs", org="org_other", actions=reads)
    return await start_gateway(row={"slug": "tools", **changes}, settings={"public_url": URL})


async def ask(gateway, body, *, verb="POST", key="one", host=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await gateway.ask(verb, "/api/mcp-auth/validate", raw, key=key, host=host)


async def test_a_good_token_is_told_with_whose_it_is(asking, signer):
    token = signer.token("tools", scope=SCOPE)
    for body, key in (({"token": token}, "one"), ({"token": token, "server": "tools"}, "all")):
        answer = await ask(asking, body, key=key)
        told = answer.json
        assert (answer.status, told["valid"], told["server"]) == (200, True, "tools")
        assert (told["sub"], told["client_id"], told["scope"]) == ("eu_ada", "cl_editor", SCOPE)
        assert told["aud"] == f"{URL}/v1/mcp/tools"
        assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"aud": f"{URL}/v1/mcp/other"}, "token_invalid", id="for another server"),
        pytest.param({"iss": f"{URL}/oauth/other"}, "token_invalid", id="of another issuer"),
        pytest.param({"org": "org_other"}, "token_invalid", id="of another organisation"),
        pytest.param({"header": {"typ": "JWT"}}, "token_invalid", id="no access token"),
        pytest.param({"header": {"alg": "none"}}, "token_invalid", id="not signed"),
        pytest.param({"sign": lambda _: b"\0" * 64}, "token_invalid", id="forged"),
        pytest.param({"scope": "files:write"}, "scope_insufficient", id="without the scope"),
    ],
)
async def test_a_wrong_token_is_told_as_such(asking, signer, changes, reason):
    answer = await ask(asking, {"token": signer.token("tools", **{"scope": SCOPE} | changes)})

    assert (answer.status, answer.json["valid"], answer.json["reason"]) == (200, False, reason)
    assert "sub" not in answer.json


async def test_one_that_expired_or_was_revoked_counts_no_longer(asking, rules, signer):
    past = int(time.time()) - LEEWAY_S - 1
    late = await ask(asking, {"token": signer.token("tools", scope=SCOPE, iat=past - 900, exp=past)})
    assert late.json["reason"] == "token_expired"
    token = signer.token("tools", scope=SCOPE)
    assert (await ask(asking, {"token": token})).json["valid"]
    rules.governing["revocations"] = (sn.RevocationRow("org_default", "token", "tok_1", 2**40),)
    await asking.apply()

    assert (await ask(asking, {"token": token})).json["reason"] == "token_revoked"


@pytest.mark.parametrize(
    ("key", "named", "status", "reason"),
    [
        pytest.param(None, "", 401, "key_missing", id="nobody"),
        pytest.param("main", "tools", 403, "action_not_granted", id="a key that calls tools"),
        pytest.param("one", "other", 403, "server_not_granted", id="a key of another server"),
        pytest.param("one", "nowhere", 403, "server_not_granted", id="who may not know whether it is there"),
        pytest.param("theirs", "tools", 404, "server_unknown", id="a key of another organisation"),
        pytest.param("all", "", 400, "invalid_request", id="without saying for which"),
    ],
)
async def test_only_a_key_for_the_server_may_ask(asking, signer, key, named, status, reason):
    body = {"token": signer.token("tools", scope=SCOPE)} | ({"server": named} if named else {})
    answer = await ask(asking, body, key=key)

    assert (answer.status, answer.reason) == (status, reason)


async def test_odd_questions_are_refused(asking, signer):
    for raw in (b"", b"[]", b'{"token":7}', b'{"token":"x","more":1}', b"\xff", b"[" * 9000):
        assert (await ask(asking, raw)).status == 400, raw
    assert (await ask(asking, b"x" * (17 << 10))).status == 413
    assert (await ask(asking, b"", verb="PUT")).header("allow") == "POST"
    assert (await ask(asking, {"token": "x"}, host="evil.example")).status in (403, 421)
