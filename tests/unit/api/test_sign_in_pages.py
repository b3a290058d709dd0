"""The pages of sign-in: plain forms that work without a script, for people and not for other pages."""

import html
import re

import httpx
import pytest

from gatewayops.api.app import ControlParts
from gatewayops.app import first_link, first_link_file
from gatewayops.app.layout import DataDirectory

from .accounts import PASSWORD, mailed, user

NEW = "five quite different words here"
THEME = '<script src="/static/theme.js">'


@pytest.fixture
async def link(parts: ControlParts, tmp_path) -> str:
    """The first administrator's, as `up` prints it."""
    data = DataDirectory(tmp_path / "data").prepare()
    await first_link.ensure(parts.database, data)
    return first_link_file.read(data)


async def test_the_link_of_the_first_start_makes_one_administrator(
    browser: httpx.AsyncClient, link: str
) -> None:
    for _ in range(2):  # looking uses nothing up
        shown = await browser.get("/setup", params={"token": link})
        assert shown.status_code == 200
        assert link in shown.text
    form = {"token": link, "email": "ada@example.com", "name": "Ada", "password": "short"}
    refused = await browser.post("/setup", data=form)
    assert (refused.status_code, "12 to 256" in refused.text) == (400, True)
    assert 'value="ada@example.com"' in refused.text
    assert "short" not in refused.text.partition("<form")[2]

    done = await browser.post("/setup", data=form | {"password": PASSWORD})

    assert (done.status_code, done.headers["location"]) == (303, "/")
    me = (await browser.get("/v1/auth/session")).json()
    assert ([role["name"] for role in me["roles"]], me["organization"]["id"]) == (["admin"], "org_default")
    assert (await browser.get("/v1/auth/session")).json()["user"]["email"] == "ada@example.com"
    headers = {"X-GatewayOps-Token": me["form_token"]}
    assert (await browser.post("/v1/teams", json={"name": "x"}, headers=headers)).status_code == 201
    assert (await browser.get("/setup", params={"token": link})).status_code == 404
    again = await browser.post("/setup", data=form | {"email": "eve@example.com", "password": PASSWORD})
    assert again.status_code == 400


async def test_the_first_link_is_dead_once_somebody_can_sign_in(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, link: str
) -> None:
    await user(admin)
    form = {"token": link, "email": "eve@example.com", "name": "", "password": PASSWORD}
    refused = await browser.post("/setup", data=form)
    assert (refused.status_code, "ask them for an invitation" in refused.text) == (400, True)


async def test_people_sign_in_and_out(browser: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await user(admin)
    form = {"email": "ada@example.com", "password": "wrong", "organization": ""}
    refused = await browser.post("/sign-in", data=form)
    assert (refused.status_code, "is wrong" in refused.text) == (401, True)
    assert "wrong" not in refused.text.partition("<form")[2]
    done = await browser.post("/sign-in", data=form | {"password": PASSWORD})
    assert done.status_code == 303
    assert "set-cookie" in done.headers
    form_token = (await browser.get("/v1/auth/session")).json()["form_token"]
    assert (await browser.post("/sign-out", data={})).status_code == 403
    assert (await browser.post("/sign-out", data={"form_token": form_token})).status_code == 303
    assert (await browser.get("/v1/auth/session")).status_code == 401


async def test_links_in_mail_lead_to_pages_that_work(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, tmp_path
) -> None:
    await admin.post("/v1/invitations", json={"email": "eve@example.com", "role": "viewer"})
    [link] = mailed(tmp_path / "outbox")
    assert "For eve@example.com." in (await browser.get("/invitation", params={"token": link})).text
    joined = await browser.post("/invitation", data={"token": link, "name": "Eve", "password": PASSWORD})
    assert joined.status_code == 303
    assert (await browser.post("/forgot", data={"email": "eve@example.com"})).status_code == 200
    await browser._transport.app.state.accounts.mail.finish()
    [reset] = mailed(tmp_path / "outbox", link)
    assert (await browser.get("/reset", params={"token": reset})).status_code == 200
    done = await browser.post("/reset", data={"token": reset, "password": NEW})
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert (await browser.get("/v1/auth/session")).status_code == 401
    form = {"email": "eve@example.com", "password": NEW}
    assert (await browser.post("/sign-in", data=form)).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in/password", "/setup", "/invitation", "/forgot", "/reset"])
async def test_forms_allow_no_script_but_ours_no_frame_and_no_other_page(
    browser: httpx.AsyncClient, path: str
) -> None:
    shown = await browser.get(path, params={"token": '"><script>'})
    assert re.findall("<script[^>]*>", shown.text) == [THEME]
    if path in ("/sign-in/password", "/forgot"):
        policy = shown.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; ")
        assert policy.endswith("form-action 'self'; frame-ancestors 'none'")
        assert shown.headers["cache-control"] == "no-store"
    browser.headers["Origin"] = "http://localhost:9999"
    to = path.removesuffix("/password")
    assert (await browser.post(to, data={"token": "x"})).status_code == 403


async def test_the_form_that_leads_to_identity_providers_allows_no_script_but_ours_and_no_frame_either(
    browser: httpx.AsyncClient,
) -> None:
    shown = await browser.get("/sign-in", params={"organization": '"><script>'})
    policy = shown.headers["content-security-policy"]
    assert re.findall("<script[^>]*>", shown.text) == [THEME]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; ")
    assert policy.endswith("base-uri 'none'; frame-ancestors 'none'")
    browser.headers["Origin"] = "http://localhost:9999"
    assert (await browser.post("/sign-in/email", data={"email": "a@b.c"})).status_code == 403


async def test_over_plain_http_from_elsewhere_nobody_signs_in(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, parts: ControlParts
) -> None:
    await user(admin)
    browser.headers["X-Forwarded-Host"] = "192.0.2.1:8080"
    form = {"email": "ada@example.com", "password": PASSWORD}
    answer = await browser.post("/sign-in", data=form)
    assert (answer.status_code, "public_url" in answer.text) == (400, True)


@pytest.mark.parametrize("body", [b"email=%ff&password=%00", b"\xff", b"{}", b"a&" * 50, b""])
async def test_an_odd_form_is_answered(browser: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.post("/sign-in", content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        pytest.param("/keys/key_1?tab=usage", "/keys/key_1?tab=usage", id="a path of ours"),
        pytest.param("//evil.example/keys", "/", id="another host"),
        pytest.param("https://evil.example/", "/", id="an address"),
        pytest.param("/\\evil.example", "/", id="a backslash"),
    ],
)
async def test_who_signs_in_with_a_password_goes_on_to_where_they_were_and_nowhere_else(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, asked: str, led_to: str
) -> None:
    await user(admin, "ada@example.com")
    first = await browser.get("/sign-in", params={"return_to": asked})
    kept = {"return_to": html.unescape(re.search(r'name="return_to" value="([^"]*)"', first.text)[1])}
    second = await browser.post("/sign-in/email", data={"email": "ada@example.com", **kept})
    assert f'name="return_to" value="{html.escape(asked)}"' in second.text
    form = {"email": "ada@example.com", "password": PASSWORD, **kept}
    assert (await browser.post("/sign-in", data=form)).headers["location"] == led_to
