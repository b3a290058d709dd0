"""One installation in this process, so that documents of others can be played, and a demo server."""

import sys
from types import SimpleNamespace

import pytest

from gatewayops.testing.one_process import OneProcess
from gatewayops.testing.peer_process import free_port, running
from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.guarded_fetch import Document, DocumentUnavailable

SCOPES = ["notes:read", "notes:write"]


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def stack(tmp_path_factory, published):
    """The installation; `published` is all that its control role finds on the public web."""
    really = guarded_fetch.fetch

    async def fetch(url: str, *, allows_private: bool = False) -> Document:
        if url in published:
            return Document(published[url], fresh_s=300)
        if allows_private:
            return await really(url, allows_private=True)
        raise DocumentUnavailable("there is nothing at this address")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guarded_fetch, "fetch", fetch)
        one = OneProcess(tmp_path_factory.mktemp("stack") / "data")
        one.start()
        yield one
        one.close()


@pytest.fixture(scope="session")
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
        answer = admin.post("/v1/servers", json=body | {"oauth_scopes": scopes})
        assert answer.status_code == 201, answer.text
        made.append(name)
        address = answer.json()["server"]["address"]
        return SimpleNamespace(name=name, address=address, issuer=address.replace("/v1/mcp/", "/oauth/"))

    yield add
    for name in made:
        admin.delete(f"/v1/servers/{name}")
