"""Where a server's users sign in, by what it says of itself; and servers that lie about it."""

import json

import pytest

from gatewayops.base.errors import GatewayOpsError
from gatewayops.store.snapshot import ServerRow
from gatewayops.testing.fake_server import FakeServer
from gatewayops.upstream.accounts import registration
from gatewayops.upstream.accounts.discovery import SignInImpossible, discover
from gatewayops.upstream.accounts.registration import NoRegistration
from gatewayops.upstream.settings import UpstreamSettings


class Side:
    """An MCP server and its authorization server on one address; `documents` by path is what it says."""

    def __init__(self, fake):
        self.fake = fake
        self.url = f"http://127.0.0.1:{fake.port}/mcp"
        self.issuer = f"http://127.0.0.1:{fake.port}/tenant"
        self.challenge = ""
        self.resource = {"resource": self.url, "authorization_servers": [self.issuer]}
        self.server = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "code_challenge_methods_supported": ["S256"],
        }
        self.documents = {
            "/.well-known/oauth-protected-resource/mcp": self.resource,
            "/.well-known/oauth-authorization-server/tenant": self.server,
        }
        self.registered = (201, {"client_id": "us", "token_endpoint_auth_method": "none"})
        fake.script = self.answer

    async def answer(self, turn):
        path = turn.request.target
        if path == "/mcp":
            assert turn.request.all("authorization") == []
            headers = [("www-authenticate", self.challenge)] if self.challenge else []
            await turn.answer(b"{}", status=401, headers=headers)
        elif path == "/tenant/register":
            status, body = self.registered
            await turn.answer(json.dumps(body).encode(), status=status)
        else:
            found = self.documents.get(path)
            await turn.answer(json.dumps(found).encode(), status=200 if found is not None else 404)

    async def discover(self, *scopes):
        row = ServerRow("srv_1", "org_1", "notes", self.url, 5.0, 2.0, 0, 10, allows_private=True)
        return await discover(row, UpstreamSettings(), scopes=scopes)


@pytest.fixture
async def side():
    async with FakeServer() as fake:
        yield Side(fake)


async def test_the_challenge_leads_and_the_well_known_addresses_do_without_one(side):
    assert (await side.discover()).token_endpoint == f"{side.issuer}/token"
    assert (await side.discover()).scope == ""
    side.documents["/elsewhere"] = side.documents.pop("/.well-known/oauth-protected-resource/mcp")
    with pytest.raises(SignInImpossible):
        await side.discover()
    at = f"http://127.0.0.1:{side.fake.port}/elsewhere"
    side.challenge = f'Bearer error="invalid_token", resource_metadata="{at}", scope="a b"'
    assert (await side.discover()).scope == "a b"
    assert (await side.discover("c")).scope == "c"
    side.server["scopes_supported"] = ["a", "offline_access"]
    assert (await side.discover()).scope == "a b offline_access"


async def test_a_provider_of_openid_connect_is_found_by_its_own_document(side):
    document = side.documents.pop("/.well-known/oauth-authorization-server/tenant")
    for path in ("/.well-known/openid-configuration/tenant", "/tenant/.well-known/openid-configuration"):
        side.documents[path] = document
        assert (await side.discover()).issuer == side.issuer
        del side.documents[path]


@pytest.mark.parametrize(
    ("of", "changes"),
    [
        pytest.param("resource", {"resource": "http://127.0.0.1:1/mcp"}, id="about another server"),
        pytest.param("resource", {"resource": "https://evil.example/mcp"}, id="about another origin"),
        pytest.param("resource", {"authorization_servers": []}, id="names no authorization server"),
        pytest.param("resource", {"authorization_servers": ["javascript:alert(1)"]}, id="no address"),
        pytest.param("server", {"issuer": "https://other.example"}, id="calls itself otherwise"),
        pytest.param("server", {"code_challenge_methods_supported": ["plain"]}, id="without S256"),
        pytest.param("server", {"code_challenge_methods_supported": []}, id="without PKCE"),
        pytest.param("server", {"authorization_endpoint": "javascript:alert(1)"}, id="a script to open"),
        pytest.param("server", {"token_endpoint": "file:///etc/passwd"}, id="a file"),
        pytest.param("server", {"token_endpoint": "http://u:p@127.0.0.1/"}, id="a password in the address"),
        pytest.param("server", {"token_endpoint": 7}, id="no text"),
    ],
)
async def test_a_server_that_lies_sends_nobody_anywhere(side, of, changes):
    getattr(side, of).update(changes)
    with pytest.raises(GatewayOpsError) as refused:
        await side.discover()
    assert refused.value.status in (400, 502)


async def test_metadata_may_not_lead_inside(side):
    """Of a public server: its documents, and those of its authorization server, are asked for guarded."""
    row = ServerRow("srv_1", "org_1", "notes", side.url, 5.0, 2.0, 0, 10, allows_private=False)
    with pytest.raises(GatewayOpsError) as refused:
        await discover(row, UpstreamSettings(), scopes=())
    assert "loopback" in refused.value.detail
    assert side.fake.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_redirect_uri"}),
        (201, {"client_id": ""}),
        (201, {"client_id": "us", "token_endpoint_auth_method": "private_key_jwt"}),
        (201, {"client_id": "us", "token_endpoint_auth_method": "client_secret_basic"}),
        (201, {"client_id": 7}),
        (201, []),
    ],
)
async def test_a_registration_that_cannot_be_used_is_none(side, status, body):
    side.registered = (status, body)
    place = await side.discover()
    with pytest.raises(NoRegistration):
        await registration.register(place, redirect_uri="http://x/cb", allows_private=True)
