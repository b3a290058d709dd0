"""End users sign in at npm's oidc-provider with the official client, and call; there is no password here."""

import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from gatewayops.testing.client_memory import ClientMemory
from gatewayops.testing.oidc_idp import oidc_idp, visitor
from gatewayops.testing.scripted_person import ScriptedPerson

CALLBACK = "http://127.0.0.1:33418/callback"


@pytest.fixture(scope="module")
def idp(idp_peers, tmp_path_factory):
    with oidc_idp(idp_peers, tmp_path_factory.mktemp("oidc-idp") / "log") as running:
        yield running


class Editor:
    """An MCP client of one person, who signs in at the provider as `login`."""

    def __init__(self, address, there):
        self.address, self.kept = address, ClientMemory()
        self.person = ScriptedPerson("", elsewhere=there.back)
        about = OAuthClientMetadata(client_name="Editor", redirect_uris=[CALLBACK])
        self.provider = OAuthClientProvider(address, about, self.kept, self.ask, self.code)

    async def ask(self, url):
        self.landed = dict(parse_qsl(urlsplit(await self.person.allow(url)).query))

    async def code(self):
        return AuthorizationCodeResult(**{name: self.landed[name] for name in ("code", "state", "iss")})

    async def call(self):
        """The text that the tool answers."""
        async with (
            httpx2.AsyncClient(auth=self.provider, timeout=30) as http,
            Client(streamable_http_client(self.address, http_client=http), cache=None) as client,
        ):
            answer = await client.call_tool("echo", {"text": "vouched for"})
            return answer.content[0].text

    async def status(self):
        headers = {"Authorization": f"Bearer {self.kept.tokens.access_token}"}
        body = {"tool": "echo", "arguments": {"text": "may I?"}}
        async with httpx.AsyncClient(timeout=15) as http:
            return (await http.post(f"{self.address}/tools/call", json=body, headers=headers)).status_code


async def test_people_sign_in_at_a_real_provider_call_and_are_shut_out(protect, admin, idp):
    server, app = protect("vouched"), idp.register()
    idp.knows("eve", email="eve@corp.example", email_verified=True, name="Eve")
    body = {"name": "Corp", "kind": "oidc", "issuer": idp.url, "allow_private_network": True}
    body |= {"client_id": app.client_id, "client_secret": app.client_secret, "allows_sign_up": True}
    made = admin.post("/v1/servers/vouched/sign-in-providers", json=body).json()["sign_in_provider"]
    idp.set_redirect_uri(app, made["redirect_uris"][0])
    assert admin.patch("/v1/servers/vouched", json={"offers_password": False}).status_code == 200
    tested = admin.post(f"/v1/servers/vouched/sign-in-providers/{made['id']}/test").json()
    assert (tested["ok"], tested["keys"] > 0) == (True, True)

    with visitor("eve") as there:
        editor = Editor(server.address, there)
        assert await editor.call() == "vouched for"

    (user,) = admin.get("/v1/end-users", params={"email": "eve@corp.example"}).json()["end_users"]
    url = f"/v1/end-users/{user['id']}"
    (identity,) = admin.get(f"{url}/identities").json()["identities"]
    assert (identity["issuer"], identity["subject"]) == (idp.url, "eve")
    assert await editor.status() == 200
    assert admin.delete(f"{url}/identities/{identity['id']}").status_code == 204
    begun = time.monotonic()
    while await editor.status() == 200:
        assert time.monotonic() - begun < 1.0
