"""What must not work: other browsers, other servers, forged forms and headers, guessed passwords."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.oauth_state import OAuthState
from gatewayops.api.parts import ControlParts
from gatewayops.store.control import end_users
from gatewayops.store.control.database import Database

PUBLIC = "http://127.0.0.1:8080"
Register = Callable[..., Awaitable[Any]]


async def test_a_consent_page_is_good_only_in_the_browser_that_began(
    register: Register, browser: Any, database: Database
) -> None:
    app, first, second = await register(), browser(), browser()
    consent = await first.sign_in(await first.go(app.authorize_url()))
    await second.sign_in(await second.go(app.authorize_url()))
    assert (await second.client.get(consent.url)).status_code == 403
    stolen = await second.submit(consent, decision="allow")
    assert stolen.status_code == 403
    assert "another browser" in stolen.text
    assert (await first.submit(consent, decision="allow")).status_code == 303
    assert (await first.submit(consent, decision="allow")).status_code == 403, "once"
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM oauth_codes"))).scalar() == 1


async def test_a_form_counts_only_from_our_origin_with_its_token(register: Register, browser: Any) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', consent.text)) | {"decision": "allow"}
    for headers, form in (
        ({}, fields),
        ({"Origin": "null"}, fields),
        ({"Origin": "http://evil.127.0.0.1:8080"}, fields),
        ({"Origin": "https://127.0.0.1:8080"}, fields),
        ({"Origin": PUBLIC}, fields | {"csrf": "0" * 64}),
        ({"Origin": PUBLIC}, fields | {"csrf": ""}),
        ({"Origin": PUBLIC}, fields | {"request": "ar_other"}),
    ):
        forged = await person.client.post(consent.url, data=form, headers=headers)
        assert forged.status_code == 403, (headers, forged.text)
    assert (await person.client.post(consent.url, data=fields, headers={"Origin": PUBLIC})).status_code == 303


async def test_pages_cannot_be_framed_scripted_or_kept_and_escape_what_clients_say(
    register: Register, browser: Any
) -> None:
    app = await register(client_name='<img src=x onerror=alert(1)>\u202e"')
    person = browser()
    page = await person.go(app.authorize_url())
    consent = await person.sign_in(page)
    for seen in (page, consent):
        policy = seen.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy  # the theme's, of our own address; nothing within the page
        assert seen.headers["x-frame-options"] == "DENY"
        assert seen.headers["cache-control"] == "no-store"
        assert "<img" not in seen.text
        assert "\u202e" not in seen.text
    for cookie in person.client.cookies.jar:
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "lax"


async def test_what_one_server_gave_is_nothing_at_another(
    register: Register, code_for: Any, browser: Any, anyone: httpx.AsyncClient
) -> None:
    notes, papers = await register("notes"), await register("papers")
    code = await code_for(notes)
    mine = {"client_id": papers.registered["client_id"]}
    as_papers = await notes.exchange(code, papers.issuer, resource=papers.resource, **mine)
    assert as_papers.json()["error"] == "invalid_grant"
    assert (await notes.exchange(code, papers.issuer)).json()["error"] == "invalid_client"
    tokens = (await notes.exchange(code)).json()
    refreshed = await notes.refresh(tokens["refresh_token"], papers.issuer, **mine)
    assert refreshed.json()["error"] == "invalid_grant"
    for token in (tokens["refresh_token"], tokens["access_token"]):
        form = {"token": token} | mine
        assert (await anyone.post(f"{papers.issuer}/revoke", data=form)).status_code == 200
    assert (await notes.refresh(tokens["refresh_token"])).status_code == 200
    strange = notes.authorize_url().replace("/oauth/notes/", "/oauth/papers/")
    assert "not known here" in (await browser("papers").go(strange)).text
    keys = [(await anyone.get(f"{app.issuer}/jwks")).json()["keys"] for app in (notes, papers)]
    assert not {key["kid"] for key in keys[0]} & {key["kid"] for key in keys[1]}


async def test_a_session_at_one_server_is_none_at_another(register: Register, browser: Any) -> None:
    notes, papers, person = await register("notes"), await register("papers"), browser()
    await person.sign_in(await person.go(notes.authorize_url()))
    jar = {cookie.name: cookie.value for cookie in person.client.cookies.jar}
    session = jar["gatewayops-session-notes"]
    other = browser("papers")
    other.client.cookies.set("gatewayops-session-papers", session or "", domain="127.0.0.1")
    assert "Password" in (await other.go(papers.authorize_url())).text


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "https"}],
)
async def test_addresses_never_come_from_a_request(
    register: Register, anyone: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    app = await register()
    plain = await anyone.get(f"{PUBLIC}/.well-known/oauth-authorization-server/oauth/notes")
    forged = await anyone.get(plain.url, headers=headers)
    assert forged.content == plain.content
    assert plain.json()["issuer"] == app.issuer
    sent = await anyone.get(app.authorize_url(), headers=headers)
    assert sent.headers["location"].startswith(app.issuer)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://evil.example/", "https://client.example/callback/", "https://client.example/callback?x"),
        *("https://client.example/callback#x", "https://u@client.example/callback", "javascript:alert(1)"),
        *(
            "https://client.example/%63allback",
            "https://client.example/x/../callback",
            "//client.example/callback",
        ),
        *("https://client.example/callback%00", "http://client.example/callback", ""),
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    register: Register, anyone: httpx.AsyncClient, uri: str
) -> None:
    app = await register(redirect_uris=["https://client.example/callback", "cursor://x/cb"])
    answer = await anyone.get(app.authorize_url(redirect_uri=uri, response_type="token"))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "evil" not in answer.text


async def test_faults_after_the_redirect_uri_are_told_to_the_client(
    register: Register, anyone: httpx.AsyncClient, seen: Any
) -> None:
    app = await register()
    for changes, error in (
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
    ):
        told = seen((await anyone.get(app.authorize_url(**changes))).headers["location"])
        assert (told["error"], told["iss"], told["state"]) == (error, app.issuer, "s t/1")
    doubled = app.authorize_url()
    told = seen((await anyone.get(doubled + "&state=other")).headers["location"])
    assert told["error"] == "invalid_request"
    assert "state" not in told
    assert (await anyone.get(doubled + "&client_id=x")).status_code == 400


async def test_guessing_is_slowed_and_tells_nothing_about_who_exists(
    register: Register, browser: Any, database: Database
) -> None:
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    known = await person.submit(page, email="ada@example.com", password="wrong wrong wrong")
    unknown = await person.submit(page, email="eve@example.com", password="wrong wrong wrong")
    assert known.text.replace("ada@", "eve@") == unknown.text
    for _ in range(9):
        await person.submit(page, email="ada@example.com", password="wrong")
    assert "Too many attempts" in (await person.sign_in(page)).text
    for cookie in person.client.cookies.jar:
        assert "session" not in cookie.name
    async with database.engine.connect() as connection:
        entries = str((await connection.execute(text("SELECT body FROM audit_entries"))).all())
    assert "sign_in_failed" in entries
    assert "wrong wrong" not in entries


async def test_an_unknown_person_costs_as_many_hashes_as_a_known_one(
    register: Register, browser: Any, anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: OAuthState = anyone._transport.app.state.oauth  # type: ignore[attr-defined]
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    await person.submit(page, email="nobody@example.com", password="x" * 20)  # makes the hash of nobody
    checked: list[str] = []
    matches = state.passwords._matches
    monkeypatch.setattr(
        state.passwords,
        "_matches",
        lambda word, hashed: (
            checked.append(hashed.rpartition("$")[0].rpartition("$")[0]) or matches(word, hashed)
        ),
    )
    await person.submit(page, email="ada@example.com", password="x" * 20)
    await person.submit(page, email="eve@example.com", password="x" * 20)
    assert len(checked) == 2
    assert checked[0] == checked[1]
    assert checked[0].startswith("$argon2id$v=19$m=")


async def test_whoever_is_disabled_cannot_sign_in_nor_go_on(
    register: Register, browser: Any, database: Database, people: dict[str, str]
) -> None:
    app, person = await register(), browser()
    consent = await person.sign_in(await person.go(app.authorize_url()))
    async with database.session() as session:
        await end_users.disable(session, org_id="org_default", ref="ada@example.com")
    again = await person.submit(consent, decision="allow")
    assert "Password" in again.text
    assert "is wrong" in (await person.sign_in(again)).text


async def test_signing_in_gives_a_new_session_whatever_the_browser_brought(
    register: Register, browser: Any
) -> None:
    app, person = await register(), browser()
    person.client.cookies.set("gatewayops-session-notes", "gwo_es_planted", domain="127.0.0.1")
    await person.sign_in(await person.go(app.authorize_url()))
    values = [cookie.value for cookie in person.client.cookies.jar if "session" in cookie.name]
    assert values
    assert "gwo_es_planted" not in values


async def test_people_sign_up_only_where_the_server_allows_it(
    register: Register, browser: Any, alter: Any
) -> None:
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    url = str(page.url).replace("sign-in", "sign-up")
    assert (await person.client.get(url)).status_code == 404
    assert "Make an account" not in page.text
    await alter("UPDATE mcp_servers SET allows_sign_up = true, requires_verified_email = false")
    form = await person.go(url)
    short = await person.submit(form, email="bob@example.com", password="short")
    assert "10 to 256" in short.text
    taken = await person.submit(form, email="ADA@example.com", password="long enough to do")
    assert "cannot be made" in taken.text
    consent = await person.submit(form, email="bob@example.com", password="long enough to do")
    assert "Allow access?" in consent.text
    assert "bob@example.com" in consent.text


async def test_cookies_are_host_bound_where_the_address_is_https(
    parts: ControlParts, protected: None, register: Register, anyone: httpx.AsyncClient
) -> None:
    app = await register()
    state = anyone._transport.app.state  # type: ignore[attr-defined]
    object.__setattr__(state.parts, "public_url", "https://gw.example")
    answer = await anyone.get(app.authorize_url(resource="https://gw.example/v1/mcp/notes"))
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-gatewayops-browser-notes=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
