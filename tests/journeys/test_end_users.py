"""People sign in to a customer's server with their MCP client: the official one, from the first 401 on."""

import os
import signal
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from gatewayops.testing.client_memory import ClientMemory
from gatewayops.testing.scripted_person import ScriptedPerson

CALLBACK = "http://127.0.0.1:33418/callback"
SCOPE = "notes:read notes:write"
WITHIN_S = 1.0


class Editor:
    """An MCP client of one person at one server."""

    def __init__(self, url, email):
        self.url = url
        self.memory = ClientMemory()
        self.person = ScriptedPerson(email)
        about = {"client_name": "Editor", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"}
        self.provider = OAuthClientProvider(
            url, OAuthClientMetadata(**about), self.memory, self.ask, self.code
        )

    async def ask(self, url):
        """Shows the link to the person."""
        self.landed = await self.person.allow(url)

    async def code(self):
        """What came to the client's own address."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.landed).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))

    async def call(self):
        """The text that the tool answers."""
        async with (
            httpx2.AsyncClient(auth=self.provider, timeout=30) as http,
            Client(streamable_http_client(self.url, http_client=http), cache=None) as client,
        ):
            assert "echo" in [tool.name for tool in (await client.list_tools()).tools]
            answer = await client.call_tool("echo", {"text": "from an end user"})
            return "".join(part.text for part in answer.content)

    async def status(self):
        """Of a bare call with the token that the client has."""
        headers = {"Authorization": f"Bearer {self.memory.tokens.access_token}"}
        body = {"tool": "echo", "arguments": {"text": "may I?"}}
        async with httpx.AsyncClient(timeout=15) as http:
            return (await http.post(f"{self.url}/tools/call", json=body, headers=headers)).status_code


@pytest.fixture(scope="module")
def notes(installation):
    """The demo server, for people who sign in."""
    demo = installation.json("server", "show", "demo")
    words = (
        "--auth",
        "platform_oauth",
        "--sign-up",
        "--unverified-email",
        *(f"--scope={one}" for one in SCOPE.split()),
    )
    return installation.json("server", "add", "notes", "--url", demo["url"], *words)


@pytest.fixture
async def admin(installation):
    """Asks the API as an administrator of the customer."""
    secret = installation.json("key", "create", "customer", "--admin")["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=installation.url, headers=headers, timeout=30) as client:
        yield client


async def test_the_official_client_signs_in_and_calls(installation, notes, eventually):
    editor = Editor(notes["address"], "ada@example.com")

    assert "from an end user" in await editor.call()

    assert editor.memory.tokens.scope == SCOPE
    assert await editor.call()
    secret = installation.json("key", "create", "reader")["secret"]
    headers = {"Authorization": f"Bearer {secret}"}

    def traces():
        asked = {"server": "notes", "limit": 50}
        told = httpx.get(f"{installation.url}/v1/traces", params=asked, headers=headers).json()
        return [one for one in told["traces"] if str(one.get("user_id", "")).startswith("eu_")]

    assert eventually(traces)


async def test_a_machine_calls_with_its_own_client_until_that_is_disabled(installation, notes):
    made = installation.json("client", "add", "notes", "Night job", "--grant", "credentials")["client"]
    robot = Editor(notes["address"], "nobody@example.com")
    issuer = notes["address"].replace("/v1/mcp/", "/oauth/")
    robot.provider = ClientCredentialsOAuthProvider(
        notes["address"], robot.memory, made["client_id"], made["secret"], issuer=issuer
    )

    assert "from an end user" in await robot.call()
    key = installation.json("key", "create", "asks", "--server", "notes", "--action", "end_users.read")
    headers = {"Authorization": f"Bearer {key['secret']}"}
    body = {"token": robot.memory.tokens.access_token}

    def verdict():
        return httpx.post(f"{installation.url}/api/mcp-auth/validate", json=body, headers=headers).json()

    assert (verdict()["valid"], verdict()["sub"]) == (True, made["client_id"])
    installation.cli("client", "disable", "notes", made["client_id"])
    begun = time.monotonic()
    while verdict()["valid"]:
        assert time.monotonic() - begun < WITHIN_S
    assert await robot.status() == 401


async def test_a_token_is_refreshed_when_it_is_about_to_expire(notes):
    editor = Editor(notes["address"], "ben@example.com")
    await editor.call()
    before = editor.memory.tokens.access_token
    editor.provider.context.token_expiry_time = 1.0

    await editor.call()

    assert editor.memory.tokens.access_token != before


async def revoke_the_user(admin, user, _):
    return await admin.post(f"/v1/end-users/{user}/revoke")


async def disable_the_user(admin, user, _):
    return await admin.patch(f"/v1/end-users/{user}", json={"enabled": False})


async def remove_the_user(admin, user, _):
    return await admin.delete(f"/v1/end-users/{user}")


async def withdraw_the_consent(admin, user, _):
    (consent,) = (await admin.get(f"/v1/end-users/{user}/consents")).json()["consents"]
    return await admin.delete(f"/v1/end-users/{user}/consents/{consent['id']}")


async def disable_the_client(admin, _, editor):
    clients = (await admin.get("/v1/servers/notes/clients")).json()["clients"]
    mine = next(one for one in clients if one["client_id"] == editor.memory.client.client_id)
    return await admin.delete(f"/v1/servers/notes/clients/{mine['id']}")


async def give_it_back(_admin, _user, editor):
    """The client itself (RFC 7009)."""
    form = {"token": editor.memory.tokens.refresh_token, "client_id": editor.memory.client.client_id}
    async with httpx.AsyncClient(timeout=15) as http:
        return await http.post(editor.url.replace("/v1/mcp/", "/oauth/") + "/revoke", data=form)


ENDS = [
    revoke_the_user,
    disable_the_user,
    remove_the_user,
    withdraw_the_consent,
    disable_the_client,
    give_it_back,
]


@pytest.mark.parametrize("end", ENDS)
async def test_what_is_ended_is_denied_within_a_second(notes, admin, end):
    email = f"{end.__name__}@example.com"
    editor = Editor(notes["address"], email)
    await editor.call()
    (user,) = (await admin.get("/v1/end-users", params={"email": email})).json()["end_users"]
    assert await editor.status() == 200

    assert (await end(admin, user["id"], editor)).status_code in (200, 204)

    begun = time.monotonic()
    while await editor.status() == 200:
        assert time.monotonic() - begun <= WITHIN_S


async def test_keys_are_rotated_and_nobody_notices(notes, admin):
    old, new = Editor(notes["address"], "gil@example.com"), Editor(notes["address"], "hal@example.com")
    await old.call()
    for _ in range(2):
        assert (await admin.post("/v1/signing-keys/rotate")).status_code == 200
    await new.call()

    assert [await old.status(), await new.status()] == [200, 200]


async def test_a_client_asks_its_person_for_more_when_the_server_needs_more(installation, notes):
    words = ("--url", notes["url"], "--auth", "platform_oauth", "--sign-up", "--unverified-email")
    made = installation.json("server", "add", "growing", *words, "--scope", "read")
    editor = Editor(made["address"], "eve@example.com")
    await editor.call()
    assert editor.memory.tokens.scope == "read"

    installation.json("server", "set", "growing", "--scope", "read", "--scope", "write")
    assert await editor.status() == 403
    await editor.call()

    assert editor.memory.tokens.scope == "read write"


async def test_a_token_for_one_server_opens_no_other(installation, notes):
    editor = Editor(notes["address"], "dan@example.com")
    await editor.call()
    words = ("--url", notes["url"], "--auth", "platform_oauth")
    editor.url = installation.json("server", "add", "other-notes", *words)["address"]

    assert await editor.status() == 401


async def test_calls_go_on_when_control_is_killed(installation, notes, eventually):
    editor = Editor(notes["address"], "fay@example.com")
    await editor.call()
    before = installation.pids["control"]

    os.kill(before, signal.SIGKILL)

    statuses = [await editor.status() for _ in range(20)]
    assert statuses == [200] * 20
    eventually(lambda: installation.pids.get("control") not in (before, None))
    eventually(lambda: installation.cli("server", "list").returncode == 0)
