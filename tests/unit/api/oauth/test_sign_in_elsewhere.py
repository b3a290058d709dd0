"""End users sign in at a provider of the server's: out, back, known there, and asked for consent here."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from gatewayops.store.control.sign_in_providers import MOST
from gatewayops.testing.fake_github import CLIENT_SECRET, FakeGitHub

PUBLIC = "http://127.0.0.1:8080"
PROVIDERS = "/v1/servers/notes/sign-in-providers"
OIDC = {"name": "Corp", "kind": "oidc", "issuer": "https://idp.example", "client_id": "us"}
Register = Callable[..., Awaitable[Any]]
Offer = Callable[..., Awaitable[dict[str, Any]]]


async def eve(github: FakeGitHub) -> None:
    """The person there is somebody whom nobody knows here."""
    github.user |= {"id": 7, "login": "eve", "name": "Eve"}
    github.emails[0]["email"] = "Eve@example.com"


async def who(admin: httpx.AsyncClient, email: str) -> dict[str, Any]:
    """The end user of that address, with the identities that they come in by."""
    (user,) = (await admin.get("/v1/end-users", params={"email": email})).json()["end_users"]
    listed = (await admin.get(f"/v1/end-users/{user['id']}/identities")).json()["identities"]
    return user | {"by": [(row["issuer"], row["subject"], row["email"]) for row in listed]}


async def test_somebody_new_comes_in_is_asked_for_consent_and_is_known_the_next_time(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, admin: httpx.AsyncClient, seen: Any
) -> None:
    await offer()
    await eve(github)
    app, person = await register(), browser()
    consent = await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    assert "Allow access?" in consent.text
    assert "eve@example.com" in consent.text
    answer = await person.submit(consent, decision="allow")
    tokens = await app.exchange(seen(answer.headers["location"])["code"])
    assert tokens.status_code == 200
    first = await who(admin, "eve@example.com")
    assert (first["name"], first["by"]) == ("Eve", [(github.url, "7", "eve@example.com")])

    again = browser()
    assert "eve@example.com" in (await again.elsewhere(await again.go(app.authorize_url()), "Hub")).text
    assert (await who(admin, "eve@example.com"))["id"] == first["id"]


async def test_a_person_is_known_by_who_they_are_there_whatever_their_address_is_now(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, admin: httpx.AsyncClient
) -> None:
    """The address went to somebody else there: neither gets the account of the other."""
    await offer()
    await eve(github)
    app = await register()

    async def come() -> httpx.Response:
        person = browser()
        return await person.elsewhere(await person.go(app.authorize_url()), "Hub")

    await come()
    github.emails[0] |= {"email": "eve.adams@example.com", "verified": False}
    assert "eve@example.com" in (await come()).text
    assert (await who(admin, "eve@example.com"))["by"] == [(github.url, "7", "eve.adams@example.com")]
    github.user["id"] = 8
    github.emails[0] |= {"email": "eve@example.com", "verified": True}
    turned_away = await come()
    assert "There is an account of your e-mail address already" in turned_away.text
    assert len((await who(admin, "eve@example.com"))["by"]) == 1


async def test_an_account_that_was_there_before_is_connected_by_its_password_and_not_by_an_address(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, admin: httpx.AsyncClient
) -> None:
    await offer(allows_sign_up=False)
    app, person = await register(), browser()
    asked = await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    assert "Type its password once" in asked.text
    assert not [cookie for cookie in person.client.cookies.jar if "session" in cookie.name]
    assert (await who(admin, "ada@example.com"))["by"] == []
    wrong = await person.submit(asked, password="not the one at all")
    assert "The password is wrong" in wrong.text
    consent = await person.submit(asked, password="correct horse battery")
    assert "Allow access?" in consent.text
    assert (await who(admin, "ada@example.com"))["by"] == [(github.url, "583231", "ada@example.com")]
    assert (await person.submit(asked, password="correct horse battery")).status_code == 403, "once"

    again = browser()
    assert "Allow access?" in (await again.elsewhere(await again.go(app.authorize_url()), "Hub")).text


async def test_who_connects_an_account_has_shown_that_the_address_is_theirs(
    register: Register, browser: Any, offer: Offer, admin: httpx.AsyncClient, alter: Any
) -> None:
    """A provider vouches for it, to whoever has the password: no mail is needed any more."""
    await offer()
    await alter("UPDATE end_users SET email_verified_at = NULL")
    await alter("UPDATE mcp_servers SET requires_verified_email = true")
    app, person, later = await register(), browser(), browser()
    asked = await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    assert "Allow access?" in (await person.submit(asked, password="correct horse battery")).text

    assert (await admin.get("/v1/end-users")).json()["end_users"][0]["email_verified"] is True
    assert "Allow access?" in (await later.sign_in(await later.go(app.authorize_url()))).text


async def test_where_no_password_is_offered_there_are_only_buttons(
    register: Register, browser: Any, offer: Offer, admin: httpx.AsyncClient
) -> None:
    provider, app, person = await offer(), await register(), browser()
    change = {"offers_password": False, "allows_sign_up": True}
    assert (await admin.patch("/v1/servers/notes", json=change)).status_code == 200
    page = await person.go(app.authorize_url())
    assert "Continue with Hub" in page.text
    assert "password" not in page.text
    assert (await person.sign_in(page)).status_code == 404
    assert (await person.client.get(str(page.url).replace("sign-in", "sign-up"))).status_code == 404
    taken = await person.elsewhere(page, "Hub")
    assert "Sign in the way you did before" in taken.text
    assert (await admin.delete(f"{PROVIDERS}/{provider['id']}")).status_code == 204
    assert "Nobody can sign in here now" in (await person.go(app.authorize_url())).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"allows_sign_up": False}, "accounts are made by the operator"),
        ({"email_domains": ["example.org", "mail.example.com"]}, "certain e-mail domains"),
        ({"email_domains": ["example.com"]}, "Allow access?"),
    ],
)
async def test_who_comes_in_is_up_to_the_operator(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, changes: dict[str, Any], said: str
) -> None:
    await offer(**changes)
    await eve(github)
    app, person = await register(), browser()
    assert said in (await person.elsewhere(await person.go(app.authorize_url()), "Hub")).text


async def test_whoever_was_shut_out_stays_out_and_an_identity_that_is_removed_ends_what_it_began(
    register: Register, browser: Any, offer: Offer, github: FakeGitHub, admin: httpx.AsyncClient, seen: Any
) -> None:
    await offer()
    await eve(github)
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    allowed = await person.submit(await person.elsewhere(page, "Hub"), decision="allow")
    tokens = (await app.exchange(seen(allowed.headers["location"])["code"])).json()
    user = await who(admin, "eve@example.com")
    url = f"/v1/end-users/{user['id']}"
    (identity,) = (await admin.get(f"{url}/identities")).json()["identities"]
    assert (await admin.delete(f"{url}/identities/{identity['id']}")).status_code == 204
    assert (await app.refresh(tokens["refresh_token"])).status_code == 400
    page = await person.go(app.authorize_url())
    assert "There is an account" in (await person.elsewhere(page, "Hub")).text
    await admin.delete(url)
    await person.elsewhere(await person.go(app.authorize_url()), "Hub")
    again = await who(admin, "eve@example.com")
    await admin.patch(f"/v1/end-users/{again['id']}", json={"enabled": False})
    page = await person.go(app.authorize_url())
    assert "was shut out" in (await person.elsewhere(page, "Hub")).text


async def test_providers_are_added_shown_changed_and_tested_without_their_secret(
    admin: httpx.AsyncClient, offer: Offer, github: FakeGitHub
) -> None:
    made = await offer(email_domains=["example.com"])
    assert made["redirect_uris"] == [f"{PUBLIC}/oauth/notes/sign-in/{made['id']}/callback"]
    assert made["has_secret"]
    url = f"{PROVIDERS}/{made['id']}"
    changed = await admin.patch(url, json={"name": "Code", "enabled": False, "client_secret": "another"})
    assert changed.json()["sign_in_provider"] == made | {"name": "Code", "enabled": False}
    assert (await admin.get(f"{PROVIDERS}/Code")).json() == changed.json()
    assert (await admin.get(PROVIDERS)).json()["sign_in_providers"] == [changed.json()["sign_in_provider"]]
    assert (await admin.post(f"{url}/test")).json() == {"ok": True, "keys": 0, "error": None}
    lost = OIDC | {"issuer": "http://127.0.0.1:9", "allow_private_network": True}
    lost_id = (await admin.post(PROVIDERS, json=lost)).json()["sign_in_provider"]["id"]
    told = (await admin.post(f"{PROVIDERS}/{lost_id}/test")).json()
    assert (told["ok"], "does not hand out" in told["error"]) == (False, True)
    log = str((await admin.get("/v1/logs/audit")).json())
    assert "sign_in_provider.created" in log
    for answer in (changed.text, log, (await admin.get(PROVIDERS)).text):
        assert CLIENT_SECRET not in answer
        assert "another" not in answer


async def test_a_provider_that_cannot_work_is_refused_with_what_is_wrong(
    admin: httpx.AsyncClient, people: dict[str, str]
) -> None:
    for changes, fault in (
        ({"issuer": ""}, "issuer: needed"),
        ({"issuer": "http://idp.example"}, "https://"),
        ({"issuer": "https://u:p@idp.example"}, "issuer"),
        ({"kind": "google", "client_secret": "s"}, "Google has one only"),
        ({"kind": "google", "issuer": ""}, "client_secret"),
        ({"kind": "github", "issuer": ""}, "client_secret"),
        ({"scopes": ["email"]}, "openid"),
        ({"email_domains": ["*"]}, "email_domains"),
        ({"kind": "saml"}, "kind"),
        ({"name": ""}, "name"),
    ):
        answer = await admin.post(PROVIDERS, json=OIDC | changes)
        assert (answer.status_code, fault in answer.text) == (400, True), answer.text


async def test_a_server_has_a_name_once_and_not_more_buttons_than_fit(
    admin: httpx.AsyncClient, people: dict[str, str]
) -> None:
    for number in range(MOST):
        made = await admin.post(PROVIDERS, json=OIDC | {"name": f"idp {number}"})
        assert made.status_code == 201
    many = await admin.post(PROVIDERS, json=OIDC | {"name": "one more"})
    assert (many.status_code, f"at most {MOST}" in many.text) == (409, True)
    url = f"{PROVIDERS}/{made.json()['sign_in_provider']['id']}"
    assert (await admin.patch(url, json={"name": "idp 0"})).status_code == 409


async def test_another_organisation_and_keys_for_other_servers_set_nothing(
    admin: httpx.AsyncClient, client_of: Any, offer: Offer
) -> None:
    made = await offer()
    other = await client_of("org_other", "end_users.*")
    elsewhere = await client_of("org_default", "end_users.*", servers=("papers",))
    reader = await client_of("org_default", "end_users.read")
    body = OIDC | {"issuer": "https://10.0.0.1", "allow_private_network": True}
    writer = await client_of("org_default", "end_users.*")
    assert (await writer.post(PROVIDERS, json=body)).status_code == 403, "private networks need the setting"
    for caller, expected in ((other, {404}), (elsewhere, {403}), (reader, {200, 403})):
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("PATCH", f"/{made['id']}"),
            ("DELETE", f"/{made['id']}"),
        ):
            answer = await caller.request(method, f"{PROVIDERS}{path}", json=OIDC if method == "POST" else {})
            assert answer.status_code in expected, (method, path, answer.text)
            assert method == "GET" or answer.status_code != 200


async def test_a_name_on_a_button_is_text(register: Register, browser: Any, offer: Offer) -> None:
    await offer('<img src=x onerror=alert(1)>"')
    app, person = await register(), browser()
    page = await person.go(app.authorize_url())
    assert "<img" not in page.text
    assert re.search(r"Continue with &lt;img", page.text)
    assert "form-action" not in page.headers["content-security-policy"], "it would stop the redirect"
