"""An MCP client takes a person through sign-in and consent, and gets tokens."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gatewayops.store.control.database import Database

PUBLIC = "http://127.0.0.1:8080"
Register = Callable[..., Awaitable[Any]]


@pytest.fixture
def kind() -> str:
    """SQLite, and PostgreSQL where a test asks for both."""
    return "sqlite"


@pytest.fixture
def address(request: pytest.FixtureRequest, kind: str, copied_file: Callable[[Path], str]) -> str:
    """Of a store with both organisations."""
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return copied_file(request.getfixturevalue("two_tenants_file"))


@pytest.fixture
async def database(address: str, open_database: Callable[[str], Database]) -> AsyncIterator[Database]:
    """That store."""
    opened = open_database(address)
    yield opened
    await opened.close()


def claims_of(token: str) -> dict[str, Any]:
    head, body, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return {"header": json.loads(head)} | json.loads(body)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_person_signs_in_allows_and_the_client_gets_tokens_that_it_can_refresh(
    register: Register, browser: Any, seen: Any, people: dict[str, str], anyone: httpx.AsyncClient
) -> None:
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    assert "Sign in" in page.text
    consent = await person.sign_in(page)
    assert "Notebook" in consent.text
    assert "client.example" in consent.text
    assert "notes.write" in consent.text
    sent = (await person.submit(consent, decision="allow")).headers["location"]
    assert sent.startswith("https://client.example/callback?")
    told = seen(sent)
    assert told["state"] == "s t/1"
    assert told["iss"] == app.issuer

    first = await app.exchange(told["code"], resource=app.resource)
    assert first.status_code == 200, first.text
    assert first.headers["cache-control"] == "no-store"
    tokens = first.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "notes.read notes.write"
    claims = claims_of(tokens["access_token"])
    assert claims["header"]["typ"] == "at+jwt"
    assert claims["header"]["alg"] == "ES256"
    assert (claims["iss"], claims["aud"], claims["sub"]) == (app.issuer, app.resource, people["org_default"])
    assert claims["exp"] - claims["iat"] == 900
    keys = (await anyone.get(f"{app.issuer}/jwks")).json()["keys"]
    assert claims["header"]["kid"] in {key["kid"] for key in keys}
    assert not any("d" in key for key in keys)

    second = await app.refresh(tokens["refresh_token"])
    assert second.status_code == 200, second.text
    assert second.json()["refresh_token"] != tokens["refresh_token"]
    assert claims_of(second.json()["access_token"])["gid"] == claims["gid"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_code_that_comes_twice_is_refused_and_ends_what_it_brought(
    register: Register, code_for: Any
) -> None:
    app = await register()
    code = await code_for(app)
    first = await app.exchange(code)
    again = await app.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    refreshed = await app.refresh(first.json()["refresh_token"])
    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"code_verifier": "w" * 43}, "invalid_grant", id="another verifier"),
        pytest.param({"code_verifier": "short"}, "invalid_request", id="no verifier at all"),
        pytest.param(
            {"redirect_uri": "https://client.example/other"}, "invalid_grant", id="another redirect"
        ),
        pytest.param({"resource": "http://127.0.0.1:8080/v1/mcp/papers"}, "invalid_target", id="resource"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="grant type"),
        pytest.param({"client_id": "cl_unknown"}, "invalid_client", id="unknown client"),
    ],
)
async def test_a_code_is_good_only_as_it_was_asked_for(
    register: Register, code_for: Any, changes: dict[str, str], error: str
) -> None:
    app = await register()
    code = await code_for(app)
    refused = await app.exchange(code, **changes)
    assert refused.json()["error"] == error
    assert refused.status_code == (401 if error == "invalid_client" else 400)
    assert (await app.exchange(code)).status_code == 200


async def test_whoever_denies_sends_the_client_away_with_iss_and_state(
    register: Register, browser: Any, seen: Any
) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    told = seen((await person.submit(consent, decision="deny")).headers["location"])
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "s t/1", app.issuer)


async def test_a_second_client_always_sees_consent_and_a_known_one_does_not_ask_again(
    register: Register, browser: Any, seen: Any
) -> None:
    first, second, person = await register(), await register(client_name="Other"), browser()
    await person.submit(await person.sign_in(await person.go(first.authorize_url())), decision="allow")
    again = await person.go(first.authorize_url())
    assert seen(again.headers["location"])["code"]
    assert "Other" in (await person.go(second.authorize_url())).text
    wanted = await person.go(first.authorize_url(prompt="consent"))
    assert "Notebook" in wanted.text
    asked = await person.go(first.authorize_url(prompt="login"))
    assert "Password" in asked.text


async def test_a_client_on_loopback_may_use_any_port_and_is_asked_for_every_time(
    register: Register, browser: Any, code_for: Any
) -> None:
    app, person = await register(redirect_uris=["http://127.0.0.1:1234/cb"]), browser()
    url = app.authorize_url(redirect_uri="http://127.0.0.1:61001/cb")
    consent = await person.sign_in(await person.go(url))
    assert "runs on this computer" in consent.text
    sent = (await person.submit(consent, decision="allow")).headers["location"]
    assert urlsplit(sent).netloc == "127.0.0.1:61001"
    assert "Allow access?" in (await person.go(url)).text


async def test_a_revoked_refresh_token_ends_the_grant(register: Register, code_for: Any) -> None:
    app = await register()
    tokens = (await app.exchange(await code_for(app))).json()
    form = {"client_id": app.registered["client_id"], "token": tokens["refresh_token"]}
    assert (await app.http.post(f"{app.issuer}/revoke", data=form)).status_code == 200
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.http.post(f"{app.issuer}/revoke", data=form | {"token": "unknown"})).status_code == 200
