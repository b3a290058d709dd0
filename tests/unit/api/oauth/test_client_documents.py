"""Clients that are known by a document at their own address (client id metadata documents)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gatewayops.base import clock
from gatewayops.base.errors import GatewayOpsError
from gatewayops.upstream import guarded_fetch
from gatewayops.upstream.guarded_fetch import Document, DocumentUnavailable

URL = "https://client.example/apps/notebook.json"
CONTENT = {
    "client_id": URL,
    "client_name": "Documented",
    "redirect_uris": ["https://client.example/callback"],
}
Register = Callable[..., Awaitable[Any]]


class Documents:
    """What client.example hands out, instead of the network, and how often it was asked."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = dict(CONTENT)
        self.fault: GatewayOpsError | None = None
        self.asked = 0

    async def fetch(self, url: str) -> Document:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return Document(self.content, fresh_s=300)


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> Documents:
    made = Documents()
    monkeypatch.setattr(guarded_fetch, "fetch", made.fetch)
    return made


async def test_a_client_needs_no_registration_when_its_id_is_the_address_of_its_document(
    register: Register, browser: Any, seen: Any, documents: Documents
) -> None:
    app, person = await register(), browser()
    app.registered = {"client_id": URL, "redirect_uris": CONTENT["redirect_uris"]}
    consent = await person.sign_in(await person.go(app.authorize_url()))
    assert f"Documented ({URL})" in consent.text
    told = seen((await person.submit(consent, decision="allow")).headers["location"])
    tokens = await app.exchange(told["code"])
    assert tokens.status_code == 200, tokens.text
    assert documents.asked == 1, "the document is kept as long as HTTP says"


async def test_a_document_that_changed_counts_once_it_is_no_longer_fresh(
    register: Register, anyone: httpx.AsyncClient, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await register()
    url = app.authorize_url(client_id=URL, redirect_uri="https://client.example/callback")
    assert (await anyone.get(url)).status_code == 303
    documents.content["redirect_uris"] = ["https://client.example/other"]
    assert (await anyone.get(url)).status_code == 303
    late = clock.now() + timedelta(seconds=301)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert (await anyone.get(url)).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://client.example/apps/other.json"},
        {"client_id": None},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": []},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ],
)
async def test_a_document_that_is_wrong_makes_no_client(
    register: Register, anyone: httpx.AsyncClient, documents: Documents, changes: dict[str, Any]
) -> None:
    app = await register()
    documents.content |= changes
    answer = await anyone.get(app.authorize_url(client_id=URL))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "client_id",
    [
        *("https://client.example", "https://client.example/", "https://client.example/a?b=c"),
        *("https://client.example/a#b", "https://client.example/../a", "https://client.example/./a"),
    ],
)
async def test_an_address_without_a_path_of_its_own_is_not_asked(
    register: Register, anyone: httpx.AsyncClient, documents: Documents, client_id: str
) -> None:
    app = await register()
    assert (await anyone.get(app.authorize_url(client_id=client_id))).status_code == 400
    assert documents.asked == 0


async def test_a_document_that_is_away_is_no_client_and_a_disabled_one_stays_disabled(
    register: Register, anyone: httpx.AsyncClient, admin: httpx.AsyncClient, documents: Documents
) -> None:
    app = await register()
    url = app.authorize_url(client_id=URL, redirect_uri="https://client.example/callback")
    documents.fault = DocumentUnavailable("client.example does not hand out the document")
    assert (await anyone.get(url)).status_code == 400
    documents.fault = None
    assert (await anyone.get(url)).status_code == 303
    clients = (await admin.get("/v1/servers/notes/clients")).json()["clients"]
    known = next(row for row in clients if row["client_id"] == URL)
    assert known["kind"] == "document"
    assert (await admin.delete(f"/v1/servers/notes/clients/{known['id']}")).status_code == 204
    assert "not known here" in (await anyone.get(url)).text


async def test_a_client_that_signs_with_a_key_at_its_own_address_is_asked_for_it_once(
    register: Register, code_for: Any, documents: Documents
) -> None:
    """As ChatGPT does: the audience is the token endpoint, exactly."""
    key, keys_url = ECKey.generate_key("P-256"), "https://client.example/keys.json"
    app = await register()
    app.registered = {"client_id": URL, "redirect_uris": CONTENT["redirect_uris"]}
    documents.content |= {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys_url}
    code = await code_for(app)
    documents.content, documents.asked = {"keys": [key.as_dict(private=False)]}, 0

    def signed(jti: str) -> dict[str, str]:
        until = int(clock.unix_s()) + 60
        claims = {"iss": URL, "sub": URL, "aud": f"{app.issuer}/token", "exp": until, "jti": jti}
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": jwt.encode({"alg": "ES256"}, claims, key)}

    tokens = await app.exchange(code, **signed("a"))
    assert tokens.status_code == 200, tokens.text
    assert (await app.refresh(tokens.json()["refresh_token"], **signed("b"))).status_code == 200
    assert documents.asked == 1
