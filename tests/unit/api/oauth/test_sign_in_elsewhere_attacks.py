"""What must not work when people sign in elsewhere: answers and addresses of others, links; and leaks."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.parts import ControlParts
from gatewayops.api.settings import ControlSettings
from gatewayops.app.oauth_jobs import OAuthJobs
from gatewayops.identity.oauth.attempts import Attempts
from gatewayops.store.control.database import Database
from gatewayops.testing.fake_github import CLIENT_ID, CLIENT_SECRET, FakeGitHub

PROVIDERS = "/v1/servers/notes/sign-in-providers"
Register = Callable[..., Awaitable[Any]]
Offer = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def settings() -> ControlSettings:
    """Providers may be on this machine, whoever adds them."""
    return ControlSettings(allow_private_upstreams=True)


@pytest.fixture
def eve(github: FakeGitHub) -> FakeGitHub:
    """The person at Hub is somebody whom nobody knows here."""
    github.user |= {"id": 7, "login": "eve", "name": "Eve"}
    github.emails[0]["email"] = "eve@example.com"
    return github


def is_signed_in(person: Any) -> bool:
    return any("session" in cookie.name for cookie in person.client.cookies.jar)


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def people_of(admin: httpx.AsyncClient) -> list[str]:
    return [row["email"] for row in (await admin.get("/v1/end-users")).json()["end_users"]]


async def failures(admin: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Reason and detail of what the audit log tells of failed sign-ins, the newest first."""
    entries = (await admin.get("/v1/logs/audit")).json()["entries"]
    failed = (one for one in entries if one["action"] == "end_user.sign_in_failed")
    return [(one["reason"], one["detail"]) for one in failed]


async def test_an_answer_is_worth_nothing_in_another_browser_changed_or_a_second_time(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub
) -> None:
    """Mallory's answer signs nobody in as Mallory, and a stolen one nobody as Eve."""
    await offer()
    app, person, other = await register(), browser(), browser()
    back = await person.away(await person.go(app.authorize_url()), "Hub")
    assert (await other.go(back)).status_code == 403, "no cookie"
    await other.away(await other.go(app.authorize_url()), "Hub")
    assert "another browser" in (await other.go(back)).text, "with an attempt of its own"
    assert (await person.go(back.replace("state=", "state=x"))).status_code == 403
    assert (await person.go(f"{back}&state=x")).status_code == 400, "two states"
    assert not is_signed_in(other)
    assert "Allow access?" in (await person.go(back)).text
    assert (await person.go(back)).status_code == 403


async def test_an_answer_that_took_too_long_is_worth_nothing(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, alter: Any, parts: ControlParts
) -> None:
    await offer()
    app, person = await register(), browser()
    back = await person.away(await person.go(app.authorize_url()), "Hub")
    await alter("UPDATE sign_in_attempts SET expires_at = '2026-01-01 00:00:00'")
    assert (await person.go(back)).status_code == 403
    assert not is_signed_in(person)
    await OAuthJobs(parts).step()
    async with parts.database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sign_in_attempts"))).scalar() == 0


async def test_an_answer_of_one_provider_or_server_is_worth_nothing_at_another(
    register: Register,
    browser: Any,
    offer: Offer,
    eve: FakeGitHub,
    corp: FakeGitHub,
    admin: httpx.AsyncClient,
) -> None:
    """Mix-up (RFC 9700, 4.4): callbacks of their own, and `iss` where it is sent."""
    hub, other = await offer(), await offer("Corp", corp)
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    back = await person.away(page, "Hub")
    assert (await person.go(back.replace(hub["id"], other["id"]))).status_code == 403
    assert (await person.go(back.replace("/oauth/notes/", "/oauth/papers/"))).status_code == 403
    assert corp.tokens == set(), "the code went to nobody else"
    mixed = await person.go(f"{back}&iss=https%3A%2F%2Fevil.example")
    assert "did not work" in mixed.text
    assert (await failures(admin))[0] == ("refused", "the answer is from another provider (iss)")
    assert not is_signed_in(person)
    assert eve.tokens == set()


async def test_one_address_at_two_providers_is_not_one_person(
    register: Register,
    browser: Any,
    offer: Offer,
    eve: FakeGitHub,
    corp: FakeGitHub,
    admin: httpx.AsyncClient,
) -> None:
    """Also a verified one: whoever runs Corp could verify any address."""
    await offer()
    await offer("Corp", corp, trusts_email=True)
    app, person, mallory = await register(), browser(), browser()
    await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    corp.user["id"], corp.emails[0]["email"] = 7, "eve@example.com"
    told = await mallory.elsewhere(await mallory.go(app.authorize_url()), "Corp")
    assert "Sign in the way you did before" in told.text
    assert not is_signed_in(mallory)
    assert (await mallory.client.get(str(told.url).replace("/sign-in", "/connect"))).status_code == 403
    assert ("taken", "There is an account of this e-mail address already.") in await failures(admin)

    corp.emails[0]["email"] = "mallory@example.com"  # the same number there, by another issuer
    assert "mallory@example.com" in (await mallory.elsewhere(told, "Corp")).text
    assert await people_of(admin) == ["mallory@example.com", "eve@example.com", "ada@example.com"]


async def test_an_account_that_its_maker_never_confirmed_keeps_nobody_from_their_own_address(
    register: Register,
    browser: Any,
    offer: Offer,
    github: FakeGitHub,
    admin: httpx.AsyncClient,
    alter: Any,
    seen: Any,
) -> None:
    """Mallory made it with Ada's address, where that was allowed, and let a program in."""
    await offer()
    app, mallory, ada = await register(), browser(), browser()
    consent = await mallory.sign_in(await mallory.go(app.authorize_url()))
    answer = await mallory.submit(consent, decision="allow")
    tokens = (await app.exchange(seen(answer.headers["location"])["code"])).json()
    await alter("UPDATE end_users SET email_verified_at = NULL")
    assert (await admin.patch("/v1/servers/notes", json={"offers_password": False})).status_code == 200

    comes = await ada.elsewhere(await ada.go(app.authorize_url()), "Hub")
    assert "Allow access?" in comes.text  # she is asked, though Mallory said yes to the same program
    assert (await app.refresh(tokens["refresh_token"])).status_code == 400
    assert "Continue with Hub" in (await mallory.go(app.authorize_url())).text  # signed out
    (user,) = (await admin.get("/v1/end-users")).json()["end_users"]
    assert user["email_verified"] is True
    assert (await admin.patch("/v1/servers/notes", json={"offers_password": True})).status_code == 200
    assert "is wrong" in (await mallory.sign_in(await mallory.go(app.authorize_url()))).text

    later = browser()
    github.user["id"] = 99  # whoever has that address at Hub one day
    assert (
        "Sign in the way you did" in (await later.elsewhere(await later.go(app.authorize_url()), "Hub")).text
    )


async def test_an_address_that_is_not_verified_makes_and_opens_no_account(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, admin: httpx.AsyncClient
) -> None:
    await offer()
    app, person = await register(), browser()
    github.emails[0]["verified"] = False
    for email in ("ada@example.com", "new@example.com"):
        github.emails[0]["email"] = email
        told = await person.elsewhere(await person.go(app.authorize_url()), "Hub")
        assert "not verified there" in told.text
    github.emails.clear()
    assert "not verified" in (await person.elsewhere(await person.go(app.authorize_url()), "Hub")).text
    assert not is_signed_in(person)
    assert await people_of(admin) == ["ada@example.com"]
    assert [reason for reason, _ in await failures(admin)] == ["unverified"] * 3


async def test_a_provider_of_one_organisation_says_nothing_about_people_of_another(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, client_of: Any, admin: httpx.AsyncClient
) -> None:
    await offer()
    theirs = await client_of("org_other", "end_users.*")
    body = {"name": "Hub", "kind": "github", "issuer": eve.url, "allow_private_network": True}
    body |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "allows_sign_up": True}
    made = await theirs.post("/v1/servers/papers/sign-in-providers", json=body)
    assert made.status_code == 201, made.text
    notes, papers, person = await register("notes"), await register("papers"), browser("papers")
    at_notes = browser("notes")
    await at_notes.elsewhere(await at_notes.go(notes.authorize_url()), "Hub")
    assert "eve@example.com" in (await person.elsewhere(await person.go(papers.authorize_url()), "Hub")).text
    ids = [
        (await caller.get("/v1/end-users", params={"email": "eve@example.com"})).json()["end_users"][0]["id"]
        for caller in (admin, theirs)
    ]
    assert ids[0] != ids[1]
    assert (await theirs.get(f"/v1/end-users/{ids[0]}/identities")).status_code == 404
    person.client.cookies.set("gatewayops-session-notes", "x", domain="127.0.0.1")
    person.issuer = notes.issuer
    assert "Password" in (await person.go(notes.authorize_url())).text, "signed in there only"


@pytest.mark.parametrize("how", ["switched off", "removed"])
async def test_a_provider_that_is_switched_off_meanwhile_lets_nobody_in(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, admin: httpx.AsyncClient, how: str
) -> None:
    url = f"{PROVIDERS}/{(await offer())['id']}"
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    back = await person.away(page, "Hub")
    if how == "removed":
        assert (await admin.delete(url)).status_code == 204
        assert (await person.go(back)).status_code == 403
    else:
        assert (await admin.patch(url, json={"enabled": False})).status_code == 200
        told = await person.go(back)
        assert "was switched off" in told.text
        assert "Continue with" not in told.text
    assert "was switched off" in (await person.go((await person.leave(page, "Hub")).headers["location"])).text
    assert not is_signed_in(person)
    assert eve.tokens == set(), "nobody was asked"


async def test_what_a_provider_or_a_link_says_is_neither_shown_nor_followed(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, admin: httpx.AsyncClient
) -> None:
    await offer()
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    evil = (
        "request=ar_x&next=https://evil.example&redirect_uri=https://evil.example&error_description=<b>evil"
    )
    for error, said, reason in (
        ("access_denied", "You did not sign in there", "canceled"),
        ("<script>evil", "did not work", "refused"),
        ("server_error", "did not work", "refused"),
    ):
        back = (await person.away(page, "Hub")).partition("?")
        state = dict(part.split("=") for part in back[2].split("&"))["state"]
        told = await person.go(f"{back[0]}?error={error}&state={state}&{evil}")
        assert (told.status_code, said in told.text) == (400, True), told.text
        assert "evil" not in told.text
        assert str(told.url) == f"{page.url}&fault={reason}"
        assert (await failures(admin))[0][0] == reason
    assert (await failures(admin))[0][1] == "the provider refused: server_error"
    assert "evil" not in (await person.go(f"{page.url}&fault=<b>evil")).text


async def test_nobody_leaves_without_a_click_on_our_page(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub
) -> None:
    """A link or a form elsewhere begins nothing: no browser is signed in as somebody by surprise."""
    made = await offer()
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    url = f"{app.issuer}/sign-in/{made['id']}"
    assert (await person.client.get(url)).status_code == 405
    form = {"request": page.url.params["request"], "csrf": "0" * 64}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8080"):
        answer = await person.client.post(url, data=form, headers={"Origin": origin})
        assert answer.status_code == 403


async def test_a_provider_that_is_away_is_told_without_where_it_is_and_clicks_are_counted(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, admin: httpx.AsyncClient, anyone: Any
) -> None:
    await offer()
    away = {"name": "Corp", "kind": "oidc", "issuer": "http://127.0.0.1:9", "client_id": "us"}
    assert (await admin.post(PROVIDERS, json=away | {"allow_private_network": True})).status_code == 201
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    told = await person.go((await person.leave(page, "Corp")).headers["location"])
    assert "cannot be reached now" in told.text
    assert "hand out" not in told.text
    reason, detail = (await failures(admin))[0]
    assert (reason, "127.0.0.1 does not hand out" in detail) == ("unreachable", True)
    anyone._transport.app.state.oauth.leaving = Attempts(1, window_s=60)
    assert "prompt=select_account" in (await person.leave(page, "Hub")).headers["location"]
    for _ in range(3):
        assert (await person.leave(page, "Hub")).headers["location"].endswith("&fault=often")
    assert len(await failures(admin)) == 1, "nobody fills the audit log so"


async def test_whoever_signed_in_elsewhere_still_says_yes_to_each_client_here(
    register: Register, browser: Any, offer: Offer, eve: FakeGitHub, seen: Any
) -> None:
    """The confused deputy: the provider remembers its person and asks nothing, so we do."""
    await offer()
    app, person = await register(), browser()
    person.client.cookies.set("gatewayops-session-notes", "gwo_es_planted", domain="127.0.0.1")
    consent = await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    values = [one.value for one in person.client.cookies.jar if "session" in one.name]
    assert len(values) == 1, "a session that was never there before"
    assert "gwo_es_planted" not in values
    await person.submit(consent, decision="allow")
    mallory = await register(client_name="Mallory", redirect_uris=["https://mallory.example/cb"])
    asked = await person.go(mallory.authorize_url())
    assert "Mallory" in asked.text
    assert "mallory.example" in asked.text
    assert "code" not in seen((await person.submit(asked, decision="deny")).headers["location"])


async def test_tokens_codes_and_secrets_of_providers_show_up_nowhere(
    register: Register,
    browser: Any,
    offer: Offer,
    eve: FakeGitHub,
    admin: httpx.AsyncClient,
    database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The eleven requirements, number 7: answers, logs at debug, pages, files."""
    await offer()
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    back, spoiled = await person.away(page, "Hub"), await person.away(page, "Hub")
    codes = [
        dict(part.split("=") for part in url.partition("?")[2].split("&"))["code"] for url in (back, spoiled)
    ]
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "httpcore"):
        consent = await person.go(back)
        eve._codes.clear()
        refused = await person.go(spoiled)
    assert ("Allow access?" in consent.text, "did not work" in refused.text) == (True, True)
    await database.close()
    (token,) = eve.tokens
    ours = [
        one for one in caplog.records if "127.0.0.1:8080" not in one.getMessage()
    ]  # not the browser's own
    assert any(one.name.startswith("httpcore") for one in ours), "what we asked the provider is there"
    places = {
        "pages": (consent.text + refused.text).encode(),
        "lists": ((await admin.get(PROVIDERS)).text + str(await failures(admin))).encode(),
        "log": "\n".join(f"{one.getMessage()} {one.args} {one.exc_text}" for one in ours).encode(),
        "files": content_of(tmp_path),
    }
    assert len(places["files"]) > 100_000
    for place, content in places.items():
        for secret in (token, CLIENT_SECRET, *codes):
            assert secret.encode() not in content, f"in {place}"
