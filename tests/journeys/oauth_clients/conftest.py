"""One installation in this process, so that documents of others can be played, and a demo server."""

import re
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from gatewayops.identity import keys, passwords
from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.one_process import OneProcess
from gatewayops.testing.peer_process import free_port, running
from gatewayops.testing.scripted_person import ScriptedPerson
from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.guarded_fetch import Document, DocumentUnavailable

ROOT = Path(__file__).parents[3]
SCOPES = ["notes:read", "notes:write"]
PASSWORD = "four unrelated words here"
SCOPE = "notes:read"


@pytest.fixture(scope="package")
def demo_url(tmp_path_factory):
    """The bundled demo server, by itself."""
    port, folder = free_port(), tmp_path_factory.mktemp("demo")
    code = f"from pathlib import Path; from gatewayops.hosting.demo_server import run; run(port={port}, "
    command = [sys.executable, "-c", f"{code}files=Path({str(folder / 'files')!r}))"]
    with running(command, port=port, log=folder / "log"):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture(scope="session")
def published():
    """What strangers hand out on the web, by address: documents of clients, key sets."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def _small_world(published):
    """While a file's tests run: hashes are cheap, and `published` is all that the public web holds."""
    really = guarded_fetch.fetch

    async def fetch(url: str, *, allows_private: bool = False) -> Document:
        if url in published:
            return Document(published[url], fresh_s=300)
        if allows_private:
            return await really(url, allows_private=True)
        raise DocumentUnavailable("there is nothing at this address")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guarded_fetch, "fetch", fetch)
        for module, name, cheap in (
            (keys, "_COST", 4),
            (passwords, "_MEMORY_KIB", 64),
            (passwords, "_PASSES", 1),
        ):
            patch.setattr(module, name, cheap)
        yield


@pytest.fixture(scope="package")
def stack(tmp_path_factory):
    """The installation."""
    one = OneProcess(tmp_path_factory.mktemp("stack") / "data")
    one.start()
    yield one
    one.close()


@pytest.fixture(scope="package")
def admin(stack):
    """Asks the API as the person at the machine."""
    with stack.admin as client:
        yield client


@pytest.fixture
def protect(admin, demo_url):
    """Puts the demo server behind the gateway for people who sign in; gives its addresses."""
    made = []

    def add(name, scopes=SCOPES):
        body = {"name": name, "url": demo_url, "auth": "platform_oauth", "allows_sign_up": True}
        body |= {"requires_verified_email": False}
        answer = admin.post("/v1/servers", json=body | {"oauth_scopes": scopes})
        assert answer.status_code == 201, answer.text
        made.append(name)
        address = answer.json()["server"]["address"]
        return SimpleNamespace(name=name, address=address, issuer=address.replace("/v1/mcp/", "/oauth/"))

    yield add
    for name in made:
        admin.delete(f"/v1/servers/{name}")


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
        about = {"base_url": stack.url, "timeout": 30, "verify": ssl.create_default_context()}
        self.browser = httpx.Client(headers={"Origin": stack.url}, **about)
        self.http = httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, **about)
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

    def connections(self):
        return self.ask("GET", "/v1/connections").json()["connections"]

    def ask(self, method, path, **options):
        return self.http.request(method, path, **options)


@pytest.fixture(scope="package")
def upstream(installation):
    """A protected server of another installation, and who may do what there."""
    demo = installation.json("server", "show", "demo")
    words = ("--auth", "platform_oauth", "--sign-up", "--unverified-email", "--scope", SCOPE)
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
    """Brings a user of that name into our organisation."""
    made = []

    def join(name):
        made.append(Member(stack, admin, name))
        return made[-1]

    yield join
    for one in made:
        one.browser.close()
        one.http.close()


@pytest.fixture(scope="session")
def idp_peers():
    """Identity providers from npm, pinned by their lock."""
    peers = NodePeers(ROOT / "tests/node_idp", ROOT / ".cache")
    peers.install()
    return peers
