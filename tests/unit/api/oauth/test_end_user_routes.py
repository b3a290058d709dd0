"""What the customer sees and ends over REST: end users, sessions, consents, clients, signing keys."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, text

from gatewayops.app.oauth_jobs import OAuthJobs
from gatewayops.base import clock
from gatewayops.store.control.database import Database
from gatewayops.store.control.oauth_tables import OAuthRevocation

Register = Callable[..., Awaitable[Any]]
BOB = {"email": "Bob@example.com", "name": "Bob", "password": "long enough to do"}


async def test_an_end_user_is_made_listed_found_disabled_and_removed(admin: httpx.AsyncClient) -> None:
    made = await admin.post("/v1/end-users", json=BOB)
    assert made.status_code == 201, made.text
    bob = made.json()["end_user"]
    assert (bob["email"], bob["enabled"], bob["signed_in_at"]) == ("bob@example.com", True, None)
    assert (await admin.post("/v1/end-users", json=BOB)).status_code == 409
    short = await admin.post("/v1/end-users", json=BOB | {"password": "hunter2"})
    assert short.status_code == 400
    assert "hunter2" not in short.text
    found = await admin.get("/v1/end-users", params={"email": "BOB@example.com"})
    assert found.json()["end_users"] == [bob]
    url = f"/v1/end-users/{bob['id']}"
    changed = await admin.patch(url, json={"enabled": False})
    assert changed.json()["end_user"]["enabled"] is False
    assert (await admin.patch(url, json={"enabled": True})).json()["end_user"]["enabled"] is True
    assert (await admin.delete(url)).status_code == 204
    assert (await admin.get(url)).status_code == 404
    log = (await admin.get("/v1/logs/audit")).json()
    told = [row["action"] for row in log["entries"] if row["action"].startswith("end_user")]
    assert told == ["end_user.removed", "end_user.changed", "end_user.changed", "end_user.created"]
    assert "argon2" not in str(log)


async def test_another_organisation_sees_and_ends_nothing(
    admin: httpx.AsyncClient, client_of: Any, register: Register, code_for: Any, people: dict[str, str]
) -> None:
    app = await register()
    await code_for(app)
    other = await client_of("org_other", "end_users.*", "secrets.*")
    ada = f"/v1/end-users/{people['org_default']}"
    for method, path in (
        ("GET", ada),
        ("PATCH", ada),
        ("DELETE", ada),
        ("POST", f"{ada}/revoke"),
        ("GET", f"{ada}/sessions"),
        ("GET", f"{ada}/consents"),
        ("GET", "/v1/servers/notes/clients"),
        ("DELETE", f"/v1/servers/notes/clients/{app.registered['client_id']}"),
    ):
        answer = await other.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, (method, path, answer.text)
    assert [row["id"] for row in (await other.get("/v1/end-users")).json()["end_users"]] == [
        people["org_other"]
    ]
    narrow = await client_of("org_default", "end_users.*", servers=("papers",))
    assert (await narrow.get("/v1/servers/notes/clients")).status_code == 403


async def test_a_session_that_is_ended_must_sign_in_again(
    admin: httpx.AsyncClient, register: Register, browser: Any, people: dict[str, str]
) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    url = f"/v1/end-users/{people['org_default']}/sessions"
    (session,) = (await admin.get(url)).json()["sessions"]
    assert (await admin.delete(f"{url}/{session['id']}")).status_code == 204
    assert (await admin.get(url)).json()["sessions"] == []
    assert "Password" in (await person.submit(consent, decision="allow")).text


@pytest.mark.parametrize("how", ["consent", "revoke", "disable", "password", "client", "remove"])
async def test_whatever_the_customer_ends_takes_no_refresh_token_and_counts_no_more(
    how: str, admin: httpx.AsyncClient, register: Register, code_for: Any, people: dict[str, str]
) -> None:
    app = await register()
    tokens = (await app.exchange(await code_for(app))).json()
    ada = f"/v1/end-users/{people['org_default']}"
    introspect = f"{app.issuer}/introspect"
    form = {"token": tokens["access_token"]}
    assert (await admin.post(introspect, data=form)).json()["active"] is True
    (consent,) = (await admin.get(f"{ada}/consents")).json()["consents"]
    assert (consent["client_name"], consent["scopes"]) == ("Notebook", ["notes.read", "notes.write"])
    match how:
        case "consent":
            done = await admin.delete(f"{ada}/consents/{consent['id']}")
        case "revoke":
            done = await admin.post(f"{ada}/revoke")
        case "disable":
            done = await admin.patch(ada, json={"enabled": False})
        case "password":
            done = await admin.patch(ada, json={"password": "another long password"})
        case "client":
            (client,) = (await admin.get("/v1/servers/notes/clients")).json()["clients"]
            done = await admin.delete(f"/v1/servers/notes/clients/{client['id']}")
        case _:
            done = await admin.delete(ada)
    assert done.status_code in (200, 204), done.text
    assert (await admin.post(introspect, data=form)).json() == {"active": False}
    refused = await app.refresh(tokens["refresh_token"])
    assert refused.json()["error"] == ("invalid_client" if how == "client" else "invalid_grant")


async def test_who_signs_in_again_at_once_gets_a_token_that_counts(
    admin: httpx.AsyncClient,
    database: Database,
    register: Register,
    code_for: Any,
    people: dict[str, str],
) -> None:
    """Tokens and revocations tell whole seconds, and a revocation ends those of its own second."""
    app = await register()
    code = await code_for(app)
    ended_s = int(clock.unix_s()) + 1  # by a control role whose clock is ahead: this second cannot end yet
    ended = {"id": "rev_1", "org_id": "org_default", "kind": "end_user", "subject": people["org_default"]}
    async with database.session() as session:
        await session.execute(
            insert(OAuthRevocation).values(before_s=ended_s, until_s=ended_s + 900, **ended)
        )

    tokens = (await app.exchange(code)).json()

    form = {"token": tokens["access_token"]}
    assert (await admin.post(f"{app.issuer}/introspect", data=form)).json()["active"] is True


async def test_a_client_that_the_customer_registers_has_a_secret_once(
    admin: httpx.AsyncClient, people: dict[str, str]
) -> None:
    body = {"name": "Our app", "redirect_uris": ["https://app.example/cb"]}
    made = await admin.post("/v1/servers/notes/clients", json=body)
    assert made.status_code == 201, made.text
    client = made.json()["client"]
    assert client["kind"] == "registered"
    assert client["secret"].startswith("gwo_cs_")
    listed = await admin.get("/v1/servers/notes/clients")
    assert client["secret"] not in listed.text
    assert [row["id"] for row in listed.json()["clients"]] == [client["id"]]
    wrong = await admin.post("/v1/servers/notes/clients", json=body | {"redirect_uris": ["javascript:1"]})
    assert wrong.status_code == 400
    assert (await admin.get("/v1/servers/unknown/clients")).status_code == 404


async def test_keys_rotate_and_tokens_of_the_one_before_still_count(
    admin: httpx.AsyncClient, register: Register, code_for: Any
) -> None:
    app = await register()
    tokens = (await app.exchange(await code_for(app))).json()
    before = {
        row["state"]: row["kid"] for row in (await admin.get("/v1/signing-keys")).json()["signing_keys"]
    }
    rotated = (await admin.post("/v1/signing-keys/rotate")).json()["signing_keys"]
    after = {row["state"]: row["kid"] for row in rotated}
    assert (after["active"], after["retired"]) == (before["next"], before["active"])
    shown = {key["kid"] for key in (await admin.get(f"{app.issuer}/jwks")).json()["keys"]}
    assert shown == set(after.values())
    form = {"token": tokens["access_token"]}
    assert (await admin.post(f"{app.issuer}/introspect", data=form)).json()["active"] is True
    new = (await app.refresh(tokens["refresh_token"])).json()["access_token"]
    assert (await admin.post(f"{app.issuer}/introspect", data={"token": new})).json()["active"] is True


async def test_old_keys_rotate_by_themselves_and_expired_requests_go(
    admin: httpx.AsyncClient, register: Register, anyone: httpx.AsyncClient, parts: Any, monkeypatch: Any
) -> None:
    app, jobs = await register(), OAuthJobs(parts)
    await anyone.get(app.authorize_url())
    await anyone.get(f"{app.issuer}/jwks")

    async def states() -> list[str]:
        return sorted(row["state"] for row in (await admin.get("/v1/signing-keys")).json()["signing_keys"])

    await jobs.step()
    assert await states() == ["active", "next"]
    late = clock.now() + timedelta(days=91)
    monkeypatch.setattr(clock, "now", lambda: late)
    await jobs.step()
    assert await states() == ["active", "next", "retired"]
    await jobs.step()
    assert await states() == ["active", "next", "retired"], "not again"
    async with parts.database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM oauth_requests"))).scalar() == 0
