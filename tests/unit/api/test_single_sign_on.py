"""Signing in at an identity provider, as a browser sees it, and what others may try with its answers."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.store.control import audit, roles
from gatewayops.store.control.access import Subject
from gatewayops.store.control.database import Database
from gatewayops.testing.fake_github import CLIENT_ID, FakeGitHub

from .accounts import PASSWORD, sign_in, user
from .factor_visits import add_app, told
from .visits import answered, came_in, who

ClientWith = Callable[[str], httpx.AsyncClient]
EMAIL, ORG = "ada@example.com", "org_default"


async def test_a_known_person_comes_in_and_goes_where_they_wanted(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    done = await came_in(browser, provider, return_to="/docs?q=1")
    assert (done.status_code, done.headers["location"]) == (303, "/docs?q=1")
    assert await who(browser) == EMAIL


async def test_coming_in_begins_a_session_that_was_never_there_before_and_ends_the_one_brought_along(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], client_with: ClientWith
) -> None:
    await user(admin)
    brought = (await sign_in(browser)).json()["token"]
    done = await came_in(browser, provider)
    assert brought not in done.headers["set-cookie"]
    assert await who(browser) == EMAIL
    assert (await client_with(brought).get("/v1/auth/session")).status_code == 401


async def test_a_link_makes_nobody_who_is_signed_in_somebody_else_without_asking(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    await browser.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    before = dict(browser.cookies)
    path = f"/sign-in/sso/{provider['id']}"
    asked = await browser.get(path, params={"return_to": '/docs?a="b"'})
    assert (asked.status_code, EMAIL in asked.text, "Default organisation" in asked.text) == (200, True, True)
    assert 'value="/"' in asked.text  # not a path of ours: quotes are none
    assert dict(browser.cookies) == before
    forged = await browser.post(path, headers={"Origin": "https://sibling.example"})
    assert (forged.status_code, dict(browser.cookies)) == (403, before)
    led = await browser.post(path, data={"return_to": "/docs"})
    assert (led.status_code, urlsplit(led.headers["location"]).netloc) == (
        303,
        urlsplit(provider["issuer"]).netloc,
    )


@pytest.mark.usefixtures("still_clock")
async def test_where_somebody_wanted_to_go_outlives_the_second_factor(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    await admin.patch("/v1/organization", json={"second_factor": "required"})
    enrols = await came_in(browser, provider, return_to="/docs?q=1")
    assert enrols.headers["location"] == "/second-factors"
    phone, added = await add_app(browser)
    assert 'href="/docs?q=1"' in added.text
    assert await who(browser) == EMAIL

    browser.cookies.clear()
    proves = await came_in(browser, provider, return_to="/docs?q=2")
    assert proves.headers["location"] == "/sign-in/second-factor"
    step = await browser.get("/sign-in/second-factor")
    proof = {"form_token": told(step, "form_token"), "code": phone.code()}
    done = await browser.post("/sign-in/second-factor", data=proof)
    assert (done.status_code, done.headers["location"]) == (303, "/docs?q=2")


async def test_a_browser_at_an_unknown_provider_gets_a_page(browser: httpx.AsyncClient) -> None:
    for path in ("sso/x", "sso/idp_gone", "sso/a%00b/callback", "saml/x/metadata"):
        answer = await browser.get(f"/sign-in/{path}")
        assert (answer.status_code, "/sign-in" in answer.text) == (404, True), path
        assert answer.headers["content-type"].startswith("text/html"), path


async def test_nobody_is_sent_elsewhere_afterwards(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    odd = "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\r\nX: y", "/" * 2000
    for path in odd:
        assert (await came_in(browser, provider, return_to=path)).headers["location"] == "/", path


async def test_an_answer_is_worth_nothing_in_another_browser_or_a_second_time(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    back = await answered(browser, provider)
    headers = {"Origin": str(browser.base_url)}
    async with httpx.AsyncClient(
        transport=browser._transport, base_url=browser.base_url, headers=headers
    ) as other:
        assert (await other.get(back)).status_code == 403
        assert await who(other) == ""
        await other.get(f"/sign-in/sso/{provider['id']}")  # with an attempt of its own
        assert (await other.get(back)).status_code == 403
        assert (await browser.get(back)).status_code == 303
        assert (await browser.get(back)).status_code == 403
        assert (await browser.get(back.replace("state=", "state=x"))).status_code == 403


async def test_an_answer_of_one_provider_is_worth_nothing_at_another(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], github: FakeGitHub
) -> None:
    await user(admin)
    body = {"name": "two", "kind": "github", "issuer": github.url, "allow_private_network": True}
    made = await admin.post("/v1/identity-providers", json=body | {"client_id": CLIENT_ID})
    other = made.json()["identity_provider"]["id"]
    back = await answered(browser, provider)
    assert (await browser.get(back.replace(provider["id"], other))).status_code == 403


async def test_an_unverified_address_and_an_unknown_person_stay_out_and_the_audit_log_says_so(
    admin: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    provider: dict[str, Any],
    github: FakeGitHub,
    database: Database,
) -> None:
    unknown = await came_in(browser, provider)
    assert (unknown.status_code, "no user of your address" in unknown.text) == (403, True)
    await user(admin)
    github.emails[0]["verified"] = False
    assert (await came_in(browser, provider)).status_code == 403
    assert await who(browser) == ""
    async with database.reading() as session:
        told = await audit.rows(session, org_id="org_default", first=1, last=1000, limit=1000)
    assert sum(b"sign_in_failed" in row.body for row in told) >= 1


async def test_a_provider_that_is_off_or_gone_lets_nobody_in_and_ends_its_sessions(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await user(admin)
    await came_in(browser, provider)
    path = f"/v1/identity-providers/{provider['id']}"
    assert (await admin.patch(path, json={"enabled": False})).status_code == 200
    assert await who(browser) == ""
    assert (await browser.get(f"/sign-in/sso/{provider['id']}")).status_code == 404
    await admin.patch(path, json={"enabled": True})
    await came_in(browser, provider)
    assert await who(browser) == EMAIL
    assert (await admin.delete(path)).status_code == 204
    assert await who(browser) == ""


async def test_required_single_sign_on_shuts_the_password_door_but_for_break_glass(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, anyone: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    ada, path = await user(admin), f"/v1/identity-providers/{provider['id']}"
    assert (await admin.patch(path, json={"sso_required": True})).status_code == 409  # nobody came in yet
    await came_in(browser, provider)
    assert (await sign_in(anyone)).status_code == 200
    assert (await admin.patch(path, json={"sso_required": True})).status_code == 200

    right, wrong = await sign_in(anyone), await sign_in(anyone, password="wrong " + PASSWORD)
    assert (right.status_code, right.json()) == (401, wrong.json())
    assert await who(browser) == EMAIL
    glass = f"/v1/users/{ada['id']}/break-glass"
    assert (await admin.put(glass, json={"is_break_glass": True})).status_code == 200
    assert (await sign_in(anyone)).status_code == 200


async def test_an_address_leads_to_its_domains_provider_whether_or_not_there_is_such_a_user(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], github: FakeGitHub
) -> None:
    async def asked(email: str) -> httpx.Response:
        return await browser.post("/sign-in/email", data={"email": email})

    claim = {"domain": "example.com", "provider": "code"}
    assert (await admin.post("/v1/sso-domains", json=claim)).status_code == 201
    assert 'type="password"' in (await asked(EMAIL)).text  # a claim leads nowhere
    assert (await admin.post("/v1/sso-domains/example.com/verify")).status_code == 200
    for email in (EMAIL, "nobody@Example.com"):
        led = await asked(email)
        assert (led.status_code, urlsplit(led.headers["location"]).netloc) == (
            303,
            urlsplit(github.url).netloc,
        )
    assert 'type="password"' in (await asked("ada@elsewhere.example")).text
    assert f"/sign-in/sso/{provider['id']}" in (await browser.get("/sign-in?organization=default")).text
    assert provider["id"] not in (await browser.get("/sign-in")).text  # there are two tenants


async def test_administrators_see_who_somebody_is_at_a_provider_and_take_it_away(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], client_of: Any
) -> None:
    ada = await user(admin)
    await came_in(browser, provider)
    path = f"/v1/users/{ada['id']}/identities"
    (known,) = (await admin.get(path)).json()["identities"]
    assert (known["provider"], known["subject"], known["email"]) == ("code", "583231", EMAIL)

    reader, other = await client_of("org_default", "directory.read"), await client_of("org_other", "*")
    assert (await reader.get(path)).status_code == 200
    assert (await reader.delete(f"{path}/{known['id']}")).status_code == 403
    for request in ("GET", path), ("DELETE", f"{path}/{known['id']}"):
        assert (await other.request(*request)).status_code in (400, 404)
    assert await who(browser) == EMAIL

    assert (await admin.delete(f"{path}/{known['id']}")).status_code == 204
    assert await who(browser) == ""
    assert (await admin.get(path)).json()["identities"] == []
    assert (await admin.delete(f"{path}/{known['id']}")).status_code == 404
    told = (await admin.get("/v1/logs/audit", params={"action": "user_identity.removed"})).json()["entries"]
    assert told[0]["target"]["id"] == known["id"]
    await came_in(browser, provider)  # the address leads to the same user again
    assert await who(browser) == EMAIL


async def test_an_administrator_by_groups_shuts_the_door_behind_nobody_and_off_takes_what_groups_gave(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], database: Database
) -> None:
    ada = await user(admin)
    await came_in(browser, provider)
    async with database.session() as session:
        role, subject = await roles.find(session, org_id=ORG, ref="admin"), Subject("user", ada["id"], EMAIL)
        await roles.bind(session, org_id=ORG, role=role, subject=subject, given_by=provider["id"])
    path = f"/v1/identity-providers/{provider['id']}"
    proof = {"X-GatewayOps-Token": (await browser.get("/v1/auth/session")).json()["form_token"]}
    for method, body, status in (
        ("PATCH", {"enabled": False}, 409),
        ("DELETE", None, 409),
        ("PATCH", {"group_mappings": []}, 403),
        ("PATCH", {"session_hours": 9}, 200),
    ):
        answer = await browser.request(method, path, json=body, headers=proof)
        assert answer.status_code == status, (method, body, answer.text)

    assert (await admin.patch(path, json={"enabled": False})).status_code == 200
    bound = (await admin.get("/v1/roles/admin/bindings")).json()["bindings"]
    assert ada["id"] not in [one["subject"]["id"] for one in bound]


async def test_only_who_holds_everything_sets_providers(
    client_of: Any, admin: httpx.AsyncClient, client_with: ClientWith, provider: dict[str, Any]
) -> None:
    narrow = await client_of("org_default", "sso.*")
    body = {"name": "mine", "kind": "oidc", "issuer": "https://evil.example", "client_id": "c"}
    assert (await narrow.post("/v1/identity-providers", json=body)).status_code == 403
    assert (await narrow.get("/v1/identity-providers")).status_code == 200
    other = await client_of("org_other", "*")
    for method in ("GET", "PATCH", "DELETE"):
        answer = await other.request(method, f"/v1/identity-providers/{provider['id']}", json={})
        assert answer.status_code == 404
    assert (await other.post("/v1/identity-providers", json=body | {"kind": "google"})).status_code == 400


async def test_a_test_says_what_was_found(admin: httpx.AsyncClient, provider: dict[str, Any]) -> None:
    found = (await admin.post("/v1/identity-providers/code/test")).json()
    assert (found["is_found"], found["client_authentication"]) == (True, "client_secret_post")
    body = {"name": "down", "kind": "oidc", "issuer": "https://127.0.0.1:1", "client_id": "c"}
    await admin.post("/v1/identity-providers", json=body)
    down = (await admin.post("/v1/identity-providers/down/test")).json()
    assert (down["is_found"], "loopback" in down["error"]) == (False, True)


async def test_the_state_that_goes_out_is_kept_as_a_hash_and_the_cookie_is_for_us_alone(
    browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    started = await browser.get(f"/sign-in/sso/{provider['id']}")
    sent = dict(parse_qsl(urlsplit(started.headers["location"]).query))
    cookie = started.headers["set-cookie"].lower()
    assert sent["code_challenge_method"] == "S256"
    assert ("httponly" in cookie, "samesite=lax" in cookie) == (True, True)
    assert sent["state"] not in cookie


async def test_a_provider_s_refusal_is_told_here_and_in_the_audit_log_but_not_whatever_comes_as_one(
    browser: httpx.AsyncClient, provider: dict[str, Any], admin: httpx.AsyncClient
) -> None:
    back = f"/sign-in/sso/{provider['id']}/callback"
    for error, shown in (("access_denied", "access_denied"), ("<script>", "no code"), ("a" * 65, "no code")):
        state = dict(parse_qsl(urlsplit(await answered(browser, provider)).query))["state"]
        given = {"state": state, "error": error, "error_description": "call us at evil.example"}
        answer = await browser.get(back, params=given)
        assert (answer.status_code, f"({shown})" in answer.text) == (401, True)
        assert "<script>" not in answer.text
        assert "evil" not in answer.text
        assert (await browser.get(back, params=given)).status_code == 403  # that attempt is used up
    entries = (await admin.get("/v1/logs/audit", params={"action": "auth.failed"})).json()["entries"]
    assert "access_denied" in entries[-1]["detail"]  # the first; what repeats is counted


async def test_who_brings_answers_without_end_is_told_to_wait(
    browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    sso = browser._transport.app.state.sso  # type: ignore[attr-defined]
    sso._by_address = Attempts(2, window_s=60)
    asked = [await browser.get(provider["redirect_uri"], params={"state": "guessed"}) for _ in range(3)]
    assert [one.status_code for one in asked] == [403, 403, 429]


async def test_a_slug_that_no_database_could_hold_is_refused(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/sign-in", params={"organization": "a\0b"})).status_code in (400, 422)
