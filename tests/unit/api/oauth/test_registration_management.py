"""A client that registered itself manages its registration (RFC 7592), and nobody else's."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.store.control.database import Database

OTHER = "https://client.example/other"
Make = Callable[..., Awaitable[Any]]


async def manage(
    app: Any, verb: str, *, token: str | None = None, url: str = "", **body: Any
) -> httpx.Response:
    bearer = app.registered["registration_access_token"] if token is None else token
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    found: httpx.Response = await app.http.request(
        verb,
        url or app.registered["registration_client_uri"],
        headers=headers,
        **({"json": body} if body else {}),
    )
    return found


async def test_a_client_reads_changes_and_ends_its_registration(
    register: Make, code_for: Any, browser: Any
) -> None:
    app = await register(token_endpoint_auth_method="client_secret_post")
    read = await manage(app, "GET")
    assert (read.status_code, read.headers["cache-control"]) == (200, "no-store")
    assert "client_secret" not in read.json()
    assert None not in read.json().values()
    old = app.registered["client_secret"]
    tokens = (await app.exchange(await code_for(app))).json()
    body = {"client_id": app.registered["client_id"], "client_name": "New", "redirect_uris": [OTHER]}
    changed = await manage(app, "PUT", **body, token_endpoint_auth_method="client_secret_post")
    assert changed.json()["redirect_uris"] == [OTHER]
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client", "a new secret"
    app.registered |= {"client_secret": changed.json()["client_secret"]}
    assert app.registered["client_secret"] != old
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200
    assert (await app.http.get(app.authorize_url())).status_code == 400, "the address before"
    page = await browser().go(app.authorize_url(redirect_uri=OTHER))
    assert "Password" in page.text
    assert (await manage(app, "DELETE")).status_code == 204
    assert (await manage(app, "GET")).status_code == 401
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_client"


async def test_people_are_asked_again_when_answers_go_elsewhere(register: Make, browser: Any) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    await person.submit(consent, decision="allow")
    assert "code=" in (await person.client.get(app.authorize_url())).headers["location"]
    body = {"client_id": app.registered["client_id"], "token_endpoint_auth_method": "none"}
    await manage(app, "PUT", **body, redirect_uris=[OTHER])
    asked = await person.client.get(app.authorize_url(redirect_uri=OTHER))
    assert "/consent?" in asked.headers["location"]


async def test_nobody_manages_the_registration_of_another(register: Make, employ: Make) -> None:
    app, other, papers = await register(), await register(), await register("papers")
    robot = await employ(["client_credentials"])
    mine = app.registered["registration_client_uri"]
    body = {"client_id": app.registered["client_id"], "redirect_uris": [OTHER]}
    tokens = [who.registered["registration_access_token"] for who in (other, papers)]
    for token in (*tokens, "", "x", "gwo_rr_" + "a" * 43):
        for verb in ("GET", "PUT", "DELETE"):
            answer = await manage(app, verb, token=token, url=mine, **(body if verb == "PUT" else {}))
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    elsewhere = mine.replace("/notes/", "/papers/")
    assert (await manage(app, "GET", url=elsewhere)).status_code == 401
    registered = f"{robot.issuer}/register/{robot.registered['client_id']}"
    assert (await manage(app, "GET", url=registered)).status_code == 401
    assert (await manage(app, "GET", token="", url=registered)).status_code == 401
    assert (await manage(app, "GET")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "cl_other"}, "invalid_client_metadata"),
        ({"client_secret": "gwo_cs_wrong"}, "invalid_client_metadata"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    ],
)
async def test_a_change_is_checked_as_a_registration_is(
    register: Make, changes: dict[str, Any], error: str
) -> None:
    app = await register(token_endpoint_auth_method="client_secret_post")
    body = {"client_id": app.registered["client_id"], "redirect_uris": [OTHER]} | changes
    answer = await manage(app, "PUT", **body, token_endpoint_auth_method="client_secret_post")
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_the_token_is_kept_as_a_hash_and_guesses_are_limited(
    register: Make, database: Database
) -> None:
    app = await register()
    async with database.engine.connect() as connection:
        rows = str((await connection.execute(text("SELECT * FROM oauth_clients"))).all())
        entries = str((await connection.execute(text("SELECT body FROM audit_entries"))).all())
    token = app.registered["registration_access_token"]
    assert token not in rows + entries
    for _ in range(30):
        await manage(app, "GET", token="x")
    assert (await manage(app, "GET", token="x")).status_code == 429
