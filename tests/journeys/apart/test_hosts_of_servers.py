"""A server at a host of its own: the official client finds it by its name alone, from the first 401 on."""

import json
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from gatewayops.testing.client_memory import ClientMemory
from gatewayops.testing.scripted_person import ScriptedPerson

DOMAIN = "mcp.example.com"
CALLBACK = "http://127.0.0.1:33418/callback"


class ToLoopback(httpx.AsyncHTTPTransport):
    """Stands for the name service: every host is this machine."""

    async def handle_async_request(self, request):
        url = request.url.copy_with(host="127.0.0.1")
        sent = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        return await super().handle_async_request(sent)


class ClientToLoopback(httpx2.AsyncHTTPTransport):
    """The same for the official client's own library."""

    async def handle_async_request(self, request):
        url = request.url.copy_with(host="127.0.0.1")
        sent = httpx2.Request(request.method, url, headers=request.headers, stream=request.stream)
        return await super().handle_async_request(sent)


@pytest.fixture
def at_hosts(own_installation):
    """An installation whose servers have hosts below DOMAIN."""
    with (own_installation.data / "gatewayops.toml").open("a") as settings:
        settings.write(f'\n[oauth]\ndomain = "{DOMAIN}"\n')
    own_installation.start()
    return own_installation


@pytest.fixture
def add(at_hosts):
    """Protects the demo server under a name; its row."""
    demo = at_hosts.json("server", "show", "demo")["url"]
    words = ("--auth", "platform_oauth", "--sign-up", "--unverified-email", "--url", demo)
    return lambda name: at_hosts.json("server", "add", name, *words)


async def signed_in(url, email):
    """The tokens of the official client after it called the server once, and what the server answered."""
    memory, landed = ClientMemory(), []
    person = ScriptedPerson(email, transport=ToLoopback())

    async def ask(link):
        landed.append(await person.allow(link))

    async def code():
        query = {name: values[0] for name, values in parse_qs(urlsplit(landed[-1]).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))

    about = {"client_name": "Editor", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
    provider = OAuthClientProvider(url, OAuthClientMetadata(**about), memory, ask, code)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=30, transport=ClientToLoopback()) as http,
        Client(streamable_http_client(url, http_client=http), cache=None) as client,
    ):
        answer = await client.call_tool("echo", {"text": "by name"})
        return memory.tokens.access_token, "".join(part.text for part in answer.content)


async def test_the_official_client_signs_in_at_a_server_s_own_host(at_hosts, add):
    notes, other = add("notes"), add("other")
    own = f"http://notes.{DOMAIN}:{at_hosts.port}"

    token, said = await signed_in(notes["address"], "ada@example.com")

    assert notes["address"] == f"{own}/mcp"
    assert "by name" in said
    claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["iss"], claims["aud"]) == (own, f"{own}/mcp")
    headers = {"Authorization": f"Bearer {token}"}
    by_path = [f"{at_hosts.url}/v1/mcp/{slug}" for slug in ("notes", "other")]
    async with httpx.AsyncClient(transport=ToLoopback(), headers=headers, timeout=15) as http:
        statuses = [
            (await http.post(f"{url}/tools/call", json={"tool": "echo"})).status_code
            for url in (other["address"], *by_path)
        ]
    assert statuses == [401, 401, 401]

    token, said = await signed_in(by_path[0], "ben@example.com")
    assert json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))["aud"] == by_path[0]
