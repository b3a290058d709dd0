"""Users connect accounts of their own at an MCP server: that of another installation, where they sign in."""

import re
from datetime import datetime

import httpx
import pytest

from gatewayops.store.snapshot import account_binding
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
        return self.ask("POST", f"/v1/mcp/{server}/tools/call", json=body)

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.key}"}

    def connections(self):
        return self.ask("GET", "/v1/connections").json()["connections"]

    def ask(self, method, path, **options):
        options["headers"] = self.headers | options.get("headers", {})
        return httpx.request(method, f"{self.stack.url}{path}", timeout=30, **options)


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
    """Whoever has none is told where to connect one; each other call has its user's account, no other's."""
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
    secret = installation.json("key", "create", "looker")["secret"]

    def users_there():
        asked = {"params": {"server": "theirs"}, "headers": {"Authorization": f"Bearer {secret}"}}
        traces = httpx.get(f"{installation.url}/v1/traces", **asked).json()["traces"]
        return {trace["user_id"] for trace in traces if str(trace["user_id"]).startswith("eu_")}

    assert eventually(lambda: len(users_there()) == 2)


async def test_the_mcp_door_says_where_to_sign_in_too(stack, ours, member):
    cleo = member("cleo")
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": hello}
    about = {"json": body, "headers": {"Accept": "application/json, text/event-stream"}}

    answer = cleo.ask("POST", f"/v1/mcp/{ours}", **about)

    error = answer.json()["error"]
    assert (answer.status_code, answer.json()["id"]) == (403, 7)
    assert "www-authenticate" not in answer.headers, "clients must not sign in anew to us for it"
    assert error["data"]["sign_in_url"].endswith(f"/connections/servers/{ours}")
    await cleo.connect(ours)
    assert cleo.ask("POST", f"/v1/mcp/{ours}", **about).status_code == 200


async def test_tokens_are_renewed_ahead_of_their_end(stack, ours, member):
    dora = member("dora")
    await dora.connect(ours)
    before, sealed = dora.connections()[0], stack.sql("SELECT sealed_access FROM upstream_accounts")
    lives = datetime.fromisoformat(before["expires_at"]) - datetime.fromisoformat(before["connected_at"])
    assert 0 < lives.total_seconds() <= 900
    for _ in range(2):  # the second time with the refresh token that came the first time
        stack.sql("UPDATE upstream_accounts SET renew_at = connected_at")
        stack.run_upstream_jobs()

    after = dora.connections()[0]
    assert (after["state"], after["failure"]) == ("connected", "")
    assert after["renewed_at"] > before["renewed_at"]
    assert stack.sql("SELECT sealed_access FROM upstream_accounts") != sealed
    assert dora.call(ours).status_code == 200


async def test_what_ends_at_the_other_side_needs_to_sign_in_again(installation, stack, ours, member):
    evan = member("evan")
    await evan.connect(ours)
    installation.json("end-user", "show", "evan@theirs.example")
    assert installation.cli("end-user", "revoke", "evan@theirs.example").returncode == 0
    refused = evan.call(ours)
    assert (refused.status_code, refused.json()["reason"]) == (403, "upstream_sign_in")

    stack.sql("UPDATE upstream_accounts SET renewed_at = created_at, renew_at = created_at")
    stack.run_upstream_jobs()

    (row,) = evan.connections()
    assert (row["state"], row["failure"]) == (
        "needs_sign_in",
        "the authorization server said invalid_grant",
    )
    assert "needs to sign in again" in evan.page(ours).text
    assert "needs to sign in again" in evan.call(ours).json()["message"]
    await evan.connect(ours)
    assert (evan.connections()[0]["state"], evan.call(ours).status_code) == ("connected", 200)


async def test_a_token_that_a_server_refuses_is_renewed_at_once(stack, ours, member, eventually):
    """Long before it was due: the gateway tells the control role."""
    fay = member("fay")
    await fay.connect(ours)
    (row,) = fay.connections()
    bound_to = account_binding("org_default", row["id"])
    seal = stack.parts.credentials.seal(b"not-a-token-of-theirs", org_id="org_default", bound_to=bound_to)
    stack.sql(
        "UPDATE upstream_accounts SET sealed_access = :it, renewed_at = "
        "'2026-01-01 00:00:00.000000' WHERE id = :id",
        it=stack.run(seal),
        id=row["id"],
    )
    eventually(lambda: fay.call(ours).status_code == 403)

    def is_renewed():
        stack.run_upstream_jobs()
        return fay.call(ours).status_code == 200

    assert eventually(is_renewed, within_s=20)


async def test_who_disconnects_is_forgotten_on_both_sides(installation, ours, member):
    gus = member("gus")
    await gus.connect(ours)
    (row,) = gus.connections()
    consents = installation.json("end-user", "show", "gus@theirs.example")["consents"]
    assert len(consents) == 1

    told = gus.ask("DELETE", f"/v1/connections/{row['id']}")

    assert (told.status_code, told.json()) == (200, {"is_revoked": True})
    assert (gus.connections(), gus.call(ours).status_code) == ([], 403)
