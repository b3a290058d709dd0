"""OidcIdp: a real OpenID Connect provider (npm's oidc-provider) on loopback, where a test's people sign in.

`Visitor` is a browser there: it fills in the provider's own pages. Nothing of the product imports it.
"""

import contextlib
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import msgspec

from gatewayops.testing.node_peers import NodePeers
from gatewayops.testing.peer_process import free_port, running

_FORM = re.compile(r'<form[^>]* action="([^"]+)" method="post">\s*<input[^>]* name="prompt" value="(\w+)"')
_ABORT = re.compile(r'href="([^"]+/abort)"')
_PATIENCE_S = 30.0
NO_ROOTS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain http: to read every root certificate takes time."""


class OidcClient(msgspec.Struct, frozen=True):
    """A registration; `put` is where it is changed, and `token` opens that."""

    client_id: str
    client_secret: str
    put: str
    token: str


class OidcIdp:
    """`url` is its issuer."""

    def __init__(self, port: int, client: httpx.Client) -> None:
        """It runs already."""
        self.url = f"http://127.0.0.1:{port}"
        self._client = client
        self._people: dict[str, dict[str, Any]] = {}

    def knows(self, login: str, **claims: Any) -> None:  # noqa: ANN401 - JSON
        """From now on it says this of who signs in so; the login is the `sub`."""
        self._people[login] = claims
        self._client.post(f"{self.url}/people", json=self._people).raise_for_status()

    def register(self) -> OidcClient:
        """An app, whose redirect URI is not known yet."""
        about = {"redirect_uris": ["https://not.known.yet.example/callback"]}
        told = self._client.post(f"{self.url}/reg", json=about).raise_for_status().json()
        names = ("client_id", "client_secret", "registration_client_uri", "registration_access_token")
        return OidcClient(*(told[name] for name in names))

    def set_redirect_uri(self, client: OidcClient, uri: str) -> None:
        """As an administrator there sets it."""
        about = {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "redirect_uris": [uri],
        }
        headers = {"Authorization": f"Bearer {client.token}"}
        self._client.put(client.put, json=about, headers=headers).raise_for_status()


class Visitor:
    """One person's browser at providers; it stays signed in there."""

    def __init__(self, client: httpx.Client, login: str) -> None:
        """Is signed in nowhere."""
        self._client = client
        self._login = login

    def back(self, url: str, *, refuses: bool = False) -> str:
        """Where the provider sends them back to, after its pages."""
        answer, origin = self._client.get(url), url.partition("/auth")[0]
        while True:
            while answer.is_redirect:
                to: str = urljoin(str(answer.url), answer.headers["location"])
                if not to.startswith(origin):
                    return to
                answer = self._client.get(to)
            answer = self._client.get(self._aborted(answer)) if refuses else self._filled_in(answer)

    def _filled_in(self, page: httpx.Response) -> httpx.Response:
        found = _FORM.search(page.text)
        assert found is not None, page.text
        typed = {"prompt": found[2], "login": self._login, "password": "any"}
        return self._client.post(urljoin(str(page.url), found[1]), data=typed)

    def _aborted(self, page: httpx.Response) -> str:
        found = _ABORT.search(page.text)
        assert found is not None, page.text
        return urljoin(str(page.url), str(found[1]))


@contextlib.contextmanager
def oidc_idp(peers: NodePeers, log: Path) -> Iterator[OidcIdp]:
    """Runs one until the block ends."""
    port = free_port()
    command = [peers.node, peers.script("oidc_idp.mjs"), json.dumps({"port": port})]
    with (
        httpx.Client(trust_env=False, verify=NO_ROOTS, timeout=_PATIENCE_S) as client,
        running(command, port=port, log=log, env={}),
    ):
        yield OidcIdp(port, client)


@contextlib.contextmanager
def visitor(login: str) -> Iterator[Visitor]:
    """Somebody with a browser of their own."""
    with httpx.Client(trust_env=False, verify=NO_ROOTS, timeout=_PATIENCE_S) as client:
        yield Visitor(client, login)
