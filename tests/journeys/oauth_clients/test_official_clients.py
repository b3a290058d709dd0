"""The official TypeScript and Python clients go all the way: CIMD, DCR, PKCE, expiry, refresh, step-up.

The Python client's registration and step-up are in ../test_end_users.py.
"""

import json
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from gatewayops.identity.oauth import tokens
from gatewayops.testing.client_memory import ClientMemory
from gatewayops.testing.peer_process import free_port
from gatewayops.testing.scripted_person import ScriptedPerson

DOCUMENT = "https://apps.example/mcp/client.json"
EXPIRED = -61  # seconds to live at birth: further back than clocks may differ


class TypeScript:
    """The client of one person; what it keeps outlives a run."""

    def __init__(self, node_peers, protected, folder):
        self.person = ScriptedPerson(f"{protected.name}@example.com")
        self.peers = node_peers
        self.given = {"url": protected.address, "store": str(folder / "kept.json"), "port": free_port()}

    async def run(self, **more):
        """What it saw, by its own account."""
        command = [self.peers.node, self.peers.script("typescript_oauth.mjs"), json.dumps(self.given | more)]
        code, said = await self.person.attend(command, env={})
        assert code == 0, said
        return json.loads(said.strip().rpartition("\n")[2])


class Python:
    """The client of one person."""

    def __init__(self, protected, document=None):
        self.url, self.kept, self.links = protected.address, ClientMemory(), 0
        self.person = ScriptedPerson(f"{protected.name}@example.com")
        self.callback = "http://127.0.0.1:33418/callback"
        about = OAuthClientMetadata(client_name="Python", redirect_uris=[self.callback])
        self.provider = OAuthClientProvider(
            self.url, about, self.kept, self.ask, self.code, client_metadata_url=document
        )

    async def ask(self, url):
        self.links += 1
        self.landed = await self.person.allow(url)

    async def code(self):
        query = dict(parse_qsl(urlsplit(self.landed).query))
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])

    async def call(self):
        """The text that the tool answers."""
        async with (
            httpx2.AsyncClient(auth=self.provider, timeout=30) as http,
            Client(streamable_http_client(self.url, http_client=http), cache=None) as client,
        ):
            answer = await client.call_tool("echo", {"text": "signed in"})
            return answer.content[0].text


@pytest.fixture
def documented(published):
    """Publishes a client's document with these redirect URIs."""

    def publish(*uris):
        published[DOCUMENT] = {
            "client_id": DOCUMENT,
            "client_name": "Documented",
            "redirect_uris": list(uris),
            "token_endpoint_auth_method": "none",
        }

    yield publish
    published.pop(DOCUMENT, None)


async def test_the_typescript_client_registers_signs_in_and_comes_back(node_peers, protect, tmp_path):
    client = TypeScript(node_peers, protect("ts-registers"), tmp_path)

    first, again = await client.run(), await client.run()

    assert first["client_id"].startswith("cl_")
    assert (first["links"], first["registrations"], first["scope"]) == (1, 1, "notes:read notes:write")
    assert (first["text"], "echo" in first["tools"]) == ("signed in", True)
    assert (again["links"], again["registrations"], again["text"]) == (0, 0, "signed in")


async def test_the_typescript_client_is_known_by_its_document(node_peers, protect, documented, tmp_path):
    client = TypeScript(node_peers, protect("ts-document"), tmp_path)
    documented("http://127.0.0.1/callback")

    seen = await client.run(metadataUrl=DOCUMENT)

    assert (seen["client_id"], seen["text"]) == (DOCUMENT, "signed in")


async def test_the_typescript_client_refreshes_what_has_expired(node_peers, protect, tmp_path, monkeypatch):
    client = TypeScript(node_peers, protect("ts-expiry"), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "ACCESS_LIFE_S", EXPIRED)
        await client.run(signInOnly=True)

    seen = await client.run()

    assert (seen["links"], seen["refreshes"], seen["text"]) == (0, 1, "signed in")


async def test_the_typescript_client_asks_for_more_when_more_is_needed(node_peers, protect, admin, tmp_path):
    """It refreshes before it asks its person, so a refresh that cannot help must say so."""
    server = protect("ts-step-up", ["notes:read"])
    client = TypeScript(node_peers, server, tmp_path)
    assert (await client.run())["scope"] == "notes:read"
    change = {"oauth_scopes": ["notes:read", "notes:write"]}
    assert admin.patch(f"/v1/servers/{server.name}", json=change).status_code == 200

    seen = await client.run()

    assert (seen["links"], seen["scope"], seen["text"]) == (1, "notes:read notes:write", "signed in")


async def test_the_python_client_is_known_by_its_document_and_refreshes_what_has_expired(
    protect, documented, monkeypatch
):
    client = Python(protect("py-document"), DOCUMENT)
    documented(client.callback)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "ACCESS_LIFE_S", EXPIRED)
        token = None

        async def keep(now):
            nonlocal token
            token = client.kept.tokens = now
            patch.undo()  # the next one lives

        monkeypatch.setattr(client.kept, "set_tokens", keep)
        assert await client.call() == "signed in"

    assert client.kept.client.client_id == DOCUMENT
    assert (client.links, token.expires_in > 0) == (1, True)
