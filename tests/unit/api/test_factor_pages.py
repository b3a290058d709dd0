"""The pages of the second step and of one's own second factors, in a browser on this machine."""

import html
import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from gatewayops.base import clock
from gatewayops.store.control import directory, user_passwords
from gatewayops.store.control.account_tables import UserSession
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, user
from .authenticator import Authenticator
from .factor_visits import add_app, do, told

FORM = {"email": "ada@example.com", "password": PASSWORD, "organization": ""}
pytestmark = pytest.mark.usefixtures("still_clock")

PENDING = "gatewayops-on-loopback-pending"


@pytest.fixture
def at_localhost(browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same browser at a name, where there can be passkeys."""
    browser.base_url = "http://localhost:8080"
    browser.headers["Origin"] = "http://localhost:8080"
    return browser


def asked(page: httpx.Response) -> dict[str, Any]:
    """What the page asks a passkey for."""
    found = re.search('data-options="([^"]*)"', page.text)
    assert found, page.text
    options: dict[str, Any] = json.loads(html.unescape(found[1]))
    return options


async def test_people_set_an_app_up_and_sign_in_with_it_in_the_browser_of_the_first_step(
    browser: httpx.AsyncClient, anyone: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await user(admin)
    assert (await browser.post("/sign-in", data=FORM)).headers["location"] == "/"
    phone, added = await add_app(browser)
    assert len(re.findall(r"[a-z0-9]{6}-[a-z0-9]{6}-[a-z0-9]{5}", added.text)) == 10
    browser.cookies.clear()
    first = await browser.post("/sign-in", data=FORM)
    assert (first.status_code, first.headers["location"]) == (303, "/sign-in/second-factor")
    assert list(browser.cookies) == [PENDING]
    step = await browser.get("/sign-in/second-factor")
    proof = {"form_token": told(step, "form_token"), "code": phone.code()}
    other = httpx.AsyncClient(transport=anyone._transport, base_url=browser.base_url, headers=browser.headers)
    assert (await other.post("/sign-in/second-factor", data=proof)).status_code == 403
    assert (await other.get("/sign-in/second-factor")).headers["location"] == "/sign-in"
    without = await browser.post("/sign-in/second-factor", data={"code": proof["code"]})
    assert without.status_code == 403
    wrong = await browser.post("/sign-in/second-factor", data=proof | {"code": "000000"})
    assert (wrong.status_code, "used already" in wrong.text) == (401, True)
    browser.headers["Origin"] = "http://127.0.0.1:9"
    assert (await browser.post("/sign-in/second-factor", data=proof)).status_code == 403
    browser.headers["Origin"] = "http://127.0.0.1:8080"

    done = await browser.post("/sign-in/second-factor", data=proof)

    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert list(browser.cookies) == ["gatewayops-on-loopback"]
    assert (await browser.get("/v1/auth/session")).json()["session"]["method"] == "password+totp"


async def test_passkeys_on_pages_have_one_script_of_ours_and_no_other(
    at_localhost: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    browser, made = at_localhost, Authenticator(origin="http://localhost:8080", rp_id="localhost")
    await user(admin)
    await browser.post("/sign-in", data=FORM)
    page = await browser.get("/second-factors")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "'unsafe" not in policy
    assert re.findall("<script[^>]*>", page.text) == [
        '<script src="/static/theme.js">',
        '<script src="/assets/passkeys.js" defer>',
    ]
    assert (await browser.get("/assets/passkeys.js")).headers["content-type"].startswith("text/javascript")
    added = await do(browser, "add-passkey", name="<b>", passkey=json.dumps(made.create(asked(page))))
    assert "Recovery codes" in added.text
    assert "&lt;b&gt;" in (await browser.get("/second-factors")).text
    browser.cookies.clear()
    page = await browser.get("/sign-in/passkey")
    done = await browser.post("/sign-in/passkey", data={"passkey": json.dumps(made.get(asked(page)))})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert (await browser.get("/v1/auth/session")).json()["session"]["method"] == "passkey"
    browser.cookies.clear()
    await browser.post("/sign-in", data=FORM)
    step = await browser.get("/sign-in/second-factor")
    proof = {"form_token": told(step, "form_token"), "passkey": json.dumps(made.get(asked(step)))}
    assert (await browser.post("/sign-in/second-factor", data=proof)).status_code == 303


async def test_what_no_script_of_ours_sends_is_refused(at_localhost: httpx.AsyncClient) -> None:
    for given in ("", "[]", "{}", "[" * 5000, "\x00"):
        answer = await at_localhost.post("/sign-in/passkey", data={"passkey": given})
        assert (answer.status_code, "error" in answer.text) == (400, True), given


async def test_without_a_name_there_are_no_passkeys_and_the_page_says_so(browser: httpx.AsyncClient) -> None:
    shown = await browser.get("/sign-in/passkey")
    assert (shown.status_code, "http://localhost" in shown.text) == (400, True)


async def test_who_must_have_a_factor_adds_it_on_the_way_in(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await user(admin)
    await admin.patch("/v1/organization", json={"second_factor": "required"})
    first = await browser.post("/sign-in", data=FORM)
    assert first.headers["location"] == "/second-factors"
    assert "requires a second factor" in (await browser.get("/second-factors")).text
    assert (await browser.get("/v1/auth/session")).status_code == 401
    _, added = await add_app(browser)
    assert "Recovery codes" in added.text
    assert list(browser.cookies) == ["gatewayops-on-loopback"]
    assert (await browser.get("/v1/auth/session")).json()["user"]["email"] == "ada@example.com"
    refused = await do(browser, "remove-totp")
    assert (refused.status_code, "add another one first" in refused.text) == (409, True)


async def test_the_page_changes_nothing_for_forms_that_are_not_its_own(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    assert (await browser.get("/second-factors")).headers["location"] == "/sign-in"
    await user(admin)
    await browser.post("/sign-in", data=FORM)
    assert (await browser.post("/second-factors", data={"do": "begin-totp"})).status_code == 403
    assert (await do(browser, "no-such")).status_code == 400
    assert (await do(browser, "remove-passkey", passkey_id="pk_none")).status_code == 404
    assert (await do(browser, "remove-totp")).status_code == 400
    assert (await do(browser, "confirm-totp", code="1")).status_code == 400


async def test_one_password_in_two_organisations_asks_in_which(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, database: Database
) -> None:
    ada = await user(admin)
    async with database.session() as session:
        same = await user_passwords.of_user(session, org_id="org_default", user_id=ada["id"])
        assert same is not None
        other = await directory.add_user(session, org_id="org_other", email="ada@example.com")
        hashed = same.password_hash
        await user_passwords.put(session, org_id="org_other", user_id=other.id, password_hash=hashed)

    first = await browser.post("/sign-in", data=FORM)
    assert first.headers["location"] == "/sign-in/organization"
    page = await browser.get("/sign-in/organization")
    assert re.findall('name="organization" value="([^"]+)"', page.text) == ["default", "other"]
    assert (await browser.get("/v1/auth/session")).status_code == 401
    form = {"form_token": told(page, "form_token"), "organization": "other"}
    assert (await browser.post("/sign-in/organization", data=form | {"form_token": "x"})).status_code == 403
    assert (await browser.post("/sign-in/organization", data=form)).headers["location"] == "/"
    assert (await browser.get("/v1/auth/session")).json()["organization"]["slug"] == "other"
    named = await browser.post("/sign-in", data=FORM | {"organization": "default"})
    assert named.headers["location"] == "/"
    again = await browser.post("/sign-in/organization", data=form)
    assert again.status_code == 403

    await browser.post("/sign-in", data=FORM)
    async with database.session() as session:
        await user_passwords.put(session, org_id="org_other", user_id=other.id, password_hash="changed")
    page = await browser.get("/sign-in/organization")
    assert re.findall('name="organization" value="([^"]+)"', page.text) == ["default"]
    form = {"form_token": told(page, "form_token"), "organization": "other"}
    assert (await browser.post("/sign-in/organization", data=form)).status_code == 401


async def test_who_has_waited_confirms_by_a_passkey_before_changing_anything(
    at_localhost: httpx.AsyncClient, admin: httpx.AsyncClient, database: Database
) -> None:
    browser, made = at_localhost, Authenticator(origin="http://localhost:8080", rp_id="localhost")
    await user(admin)
    await browser.post("/sign-in", data=FORM)
    page = await browser.get("/second-factors")
    await do(browser, "add-passkey", name="laptop", passkey=json.dumps(made.create(asked(page))))
    async with database.session() as session:
        await session.execute(update(UserSession).values(confirmed_at=clock.now() - timedelta(minutes=11)))
    page = await browser.get("/second-factors")
    assert "Confirm that it is you" in page.text
    assert "Remove" not in page.text
    assert (await do(browser, "remove-passkey", passkey_id="pk_none")).status_code == 403
    page = await browser.get("/second-factors")
    done = await do(browser, "confirm", passkey=json.dumps(made.get(asked(page))))
    assert done.status_code == 303
    assert "Remove" in (await browser.get("/second-factors")).text
