"""What servers behind are told of who is calling: signed by the gateway, for that server, only if wanted."""

import time

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gatewayops.store import snapshot as sn
from gatewayops.testing.token_signer import TokenSigner

URL = "https://mcp.example.com"
LIE = {"x-gatewayops-identity": "I am the queen"}


@pytest.fixture
async def telling(start_gateway, rules):
    """A gateway that tells identities; `tools` takes access tokens."""
    signer = TokenSigner(URL)
    rules.governing["signing_keys"] = (signer.row,)
    settings = {"public_url": URL, "tells_identity": True}
    gateway = await start_gateway(row={"slug": "tools", "auth": sn.PLATFORM_OAUTH}, settings=settings)
    gateway.bearer = {"authorization": f"Bearer {signer.token('tools')}"}
    return gateway


async def told(gateway, server):
    """What the newest request to the server says of its caller, verified with the key that is shown."""
    answer = await gateway.ask("GET", "/.well-known/gatewayops-identity-jwks.json", key=None)
    assert "d" not in answer.json["keys"][0]
    token = jwt.decode(
        server.last.header("x-gatewayops-identity"), KeySet.import_key_set(answer.json), algorithms=["ES256"]
    )
    assert token.header["typ"] == "gatewayops-identity+jwt"
    claims = token.claims
    assert (claims.pop("iss"), claims.pop("aud")) == (URL, server.url)
    assert 0 < claims.pop("exp") - claims.pop("iat") <= 600
    claims.pop("jti")
    return claims


async def test_a_server_is_told_which_end_user_calls_through_which_client(telling, server):
    await telling.call(key=None, headers=telling.bearer | LIE)

    assert await told(telling, server) == {
        "sub": "eu_ada",
        "kind": "end_user",
        "org": "org_default",
        "client_id": "cl_editor",
    }
    assert telling.bearer["authorization"] not in repr(server.last.headers)


async def test_the_rest_routes_tell_the_same(telling, server):
    await telling.rest("tools/call", {"tool": "echo"}, key=None, headers=telling.bearer | LIE)

    assert (await told(telling, server))["sub"] == "eu_ada"


async def test_a_key_is_told_by_its_user_and_id(telling, server):
    await telling.call()

    assert await told(telling, server) == {
        "sub": "user_1",
        "kind": "key",
        "org": "org_default",
        "key_id": "key_main",
    }


async def test_it_is_made_anew_before_it_expires(telling, server, monkeypatch):
    await telling.call()
    first = server.last.header("x-gatewayops-identity")
    await telling.call()
    assert server.last.header("x-gatewayops-identity") == first
    monkeypatch.setattr(telling.worker.door._identity, "_now_s", lambda: time.time() + 100)
    await telling.call()

    assert server.last.header("x-gatewayops-identity") != first


async def test_nobody_is_told_anything_unless_it_is_wanted_and_callers_cannot(gateway, server):
    await gateway.call(headers=LIE)

    assert server.last.header("x-gatewayops-identity") is None
    answer = await gateway.ask("GET", "/.well-known/gatewayops-identity-jwks.json", key=None)
    assert answer.status == 404
