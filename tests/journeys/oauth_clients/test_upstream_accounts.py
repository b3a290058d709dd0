"""Users connect accounts of their own at an MCP server: that of another installation, where they sign in."""

import re

import httpx
import pytest

from gatewayops.testing.scripted_person import ScriptedPerson

PASSWORD = "four unrelated words here"
SCOPE = "notes:read"


class Member:
    """A user of our organisation: a browser that is signed in, a key, and an account at the other side."""

    def __init__(self, stack, admin, name):
        self.stack = stack
        email = f"{name}@ours.example"
        self.id = admin.post("/v1/users", json={"email": email, "name": name}).json()["user"]["id"]
        assert admin.put(f"/v1/users/{self.id}/password", json={"password": PASSWORD}).status_code == 204
        bound = {"subject_kind": "user", "subject": email}
        assert admin.post("/v1/roles/role_developer/bindings", json=bound).status_code == 201
        actions = ["mcp.*", "connections.own"]
        key = {"name": name, "user": self.id, "scopes": {"mcp_servers": ["*"], "actions": actions}}
        made = admin.post("/v1/auth/keys", json=key)
        assert made.status_code == 201, made.text
        self.key = made.json()["key"]["secret"]
        self.browser = httpx.Client(base_url=stack.url, headers={"Origin": stack.url}, timeout=30)
        signed_in = self.browser.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert signed_in.status_code == 303, signed_in.text
        self.there = ScriptedPerson(f"{name}@theirs.example")

    def page(self, server):
        return self.browser.get(f"/connections/servers/{server}")

    def leave(self, server, **changes):
        """Presses the button; where the browser goes on."""
        form = re.search(r'name="form_token" value="(\w+)"', self.page(server).text)
        answer = self.browser.post(
            f"/connections/servers/{server}", data={"form_token": form.group(1)} | changes
        )
        assert answer.status_code == 200, answer.text
        return answer.headers["refresh"].partition("url=")[2]

    async def connect(self, server):
        landed = await self.there.allow(self.leave(server))
        answer = self.browser.get(landed)
        assert "is connected" in answer.text, answer.text

    def call(self, server, words="hi"):
        body = {"tool": "echo", "arguments": {"text": words}}
        return httpx.post(
            f"{self.stack.url}/v1/mcp/{server}/tools/call", json=body, headers=self.headers, timeout=30
        )

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.key}"}

    def connections(self):
        answer = httpx.get(f"{self.stack.url}/v1/connections", headers=self.headers, timeout=30)
        return answer.json()["connections"]


@pytest.fixture(scope="module")
def upstream(installation):
    """A protected server of another installation, and who may do what there."""
    demo = installation.json("server", "show", "demo")
    words = ("--auth", "platform_oauth", "--sign-up", "--scope", SCOPE)
    return installation.json("server", "add", "theirs", "--url", demo["url"], *words)


@pytest.fixture
def ours(admin, upstream, request):
    """That server behind our gateway; each of our users needs an account of their own there."""
    name = f"s{abs(hash(request.node.name)) % 10**9}"
    body = {"name": name, "url": upstream["address"], "upstream_auth": "user_oauth"}
    answer = admin.post("/v1/servers", json=body | {"allow_private_network": True})
    assert answer.status_code == 201, answer.text
    yield name
    admin.delete(f"/v1/servers/{name}")


@pytest.fixture
def member(stack, admin):
    made = []

    def join(name):
        made.append(Member(stack, admin, name))
        return made[-1]

    yield join
    for one in made:
        one.browser.close()


async def test_each_user_calls_with_an_account_of_their_own(installation, ours, member, eventually):
    ada, ben = member("ada"), member("ben")
    refused = ada.call(ours)
    assert (refused.status_code, refused.json()["reason"]) == (403, "upstream_sign_in")
    assert refused.json()["sign_in_url"] == f"{ada.stack.url}/connections/servers/{ours}"

    await ada.connect(ours)
    assert ada.call(ours).json()["result"]["content"] == "hi"
    assert ben.call(ours).status_code == 403
    await ben.connect(ours)
    assert ben.call(ours).status_code == 200
    (row,) = ada.connections()
    assert (row["state"], row["email"], row["scope"]) == ("connected", "ada@ours.example", SCOPE)
