"""The session in a browser: a cookie that no other host can set, and changes only by pages of ours."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from gatewayops.api.app import ControlParts

from .accounts import sign_in, user
from .authenticator import Phone, add_totp

ClientWith = Callable[[str], httpx.AsyncClient]

PUBLIC = "https://ops.example.com"
COOKIE = "__Host-gatewayops"


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """An installation at a public address."""
    return replace(parts, address=PUBLIC)


@pytest.fixture
def browser(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A browser at that address, through the gateway behind a proxy that ends TLS."""
    headers = {"Origin": PUBLIC, "X-Forwarded-Host": "127.0.0.1:8080", "X-Forwarded-Proto": "http"}
    return httpx.AsyncClient(transport=anyone._transport, base_url=PUBLIC, headers=headers)


@pytest.fixture
async def form_token(admin: httpx.AsyncClient, browser: httpx.AsyncClient) -> str:
    """Of an administrator who is signed in there."""
    await user(admin, role="admin")
    assert (await sign_in(browser)).status_code == 200
    me = (await browser.get("/v1/auth/session")).json()
    assert me["kind"] == "user"
    return str(me["form_token"])


async def test_the_cookie_is_for_this_host_over_https_and_not_for_scripts(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    await user(admin)
    told = (await sign_in(browser)).headers["set-cookie"]
    assert told.startswith(f"{COOKIE}=gws_")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(told.split("; "))
    assert "domain" not in told.lower()


async def test_on_plain_loopback_it_has_another_name_which_counts_nowhere_else(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, parts: ControlParts, browser: httpx.AsyncClient
) -> None:
    await user(admin)
    anyone._transport.app.state.parts = replace(parts, address="http://127.0.0.1:8080")
    local = httpx.AsyncClient(transport=anyone._transport, base_url="http://127.0.0.1:8080")
    told = (await sign_in(local)).headers["set-cookie"]
    assert told.startswith("gatewayops-on-loopback=gws_")
    assert "Secure" not in told
    assert (await local.get("/v1/auth/session")).status_code == 200

    anyone._transport.app.state.parts = parts
    browser.cookies.set("gatewayops-on-loopback", told.partition("=")[2].partition(";")[0])

    assert (await browser.get("/v1/auth/session")).status_code == 401


@pytest.mark.parametrize(
    ("origin", "token", "expected"),
    [
        pytest.param(PUBLIC, "its", 201, id="a page of ours"),
        pytest.param(PUBLIC, "", 403, id="ours, without the token"),
        pytest.param(PUBLIC, "f" * 64, 403, id="ours, with another token"),
        pytest.param("https://evil.example.com", "its", 403, id="a sibling subdomain, even with the token"),
        pytest.param("https://evil.ops.example.com", "its", 403, id="a subdomain of ours"),
        pytest.param("http://ops.example.com", "its", 403, id="the same host without TLS"),
        pytest.param("https://ops.example.com:8443", "its", 403, id="another port"),
        pytest.param("null", "its", 403, id="a sandboxed frame"),
        pytest.param("", "its", 403, id="no Origin"),
        pytest.param("http://127.0.0.1:8080", "its", 403, id="what the proxy says the host is"),
    ],
)
async def test_a_change_by_cookie_needs_a_page_of_ours(
    browser: httpx.AsyncClient, form_token: str, origin: str, token: str, expected: int
) -> None:
    browser.headers["Origin"] = origin
    if not origin:
        del browser.headers["Origin"]
    headers = {"X-GatewayOps-Token": form_token if token == "its" else token}
    answer = await browser.post("/v1/teams", json={"name": "search"}, headers=headers)
    assert answer.status_code == expected, answer.text
    teams = (await browser.get("/v1/teams")).json()["teams"]
    assert bool(teams) == (expected == 201)


async def test_signing_out_is_a_change_too(browser: httpx.AsyncClient, form_token: str) -> None:
    assert (await browser.post("/v1/auth/sign-out")).status_code == 403
    assert (await browser.get("/v1/auth/session")).status_code == 200
    headers = {"X-GatewayOps-Token": form_token}
    answer = await browser.post("/v1/auth/sign-out", headers=headers)
    assert answer.status_code == 204
    assert COOKIE not in browser.cookies
    assert (await browser.get("/v1/auth/session")).status_code == 401


async def test_a_page_elsewhere_cannot_sign_a_browser_in(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    await user(admin)
    browser.headers["Origin"] = "https://evil.example.com"
    assert (await sign_in(browser)).status_code == 403
    form = {"email": "ada@example.com", "password": "x"}
    assert (await browser.post("/sign-in", data=form)).status_code == 403


async def test_a_bearer_needs_no_page(
    browser: httpx.AsyncClient, form_token: str, client_with: ClientWith
) -> None:
    program = client_with(browser.cookies[COOKIE])
    assert (await program.post("/v1/teams", json={"name": "search"})).status_code == 201


async def test_a_form_token_is_of_one_session(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, form_token: str
) -> None:
    await sign_in(browser)
    headers = {"X-GatewayOps-Token": form_token}
    assert (await browser.post("/v1/teams", json={"name": "x"}, headers=headers)).status_code == 403


@pytest.mark.usefixtures("still_clock")
async def test_a_page_elsewhere_neither_takes_the_second_step_nor_changes_factors(
    browser: httpx.AsyncClient, form_token: str, anyone: httpx.AsyncClient
) -> None:
    headers = {"X-GatewayOps-Token": form_token}
    evil = {"Origin": "https://evil.example.com"}
    for method, path in (
        ("POST", "/v1/auth/factors/totp"),
        ("POST", "/v1/auth/factors/passkeys/options"),
        ("POST", "/v1/auth/confirm"),
        ("DELETE", "/v1/auth/factors/totp"),
    ):
        assert (await browser.request(method, path)).status_code == 403, path
        assert (await browser.request(method, path, headers=headers | evil)).status_code == 403, path
    made = await browser.post("/v1/auth/factors/totp", headers=headers)
    assert made.status_code == 201
    code = Phone(made.json()["secret"]).code()
    path = "/v1/auth/factors/totp/confirm"
    assert (await browser.post(path, json={"code": code}, headers=headers)).status_code == 200
    pending = (await sign_in(anyone)).json()["pending_token"]
    body = {"pending_token": pending, "code": code}
    passkey = await anyone.post("/v1/auth/sign-in/passkey", json={"passkey": {}}, headers=evil)
    assert passkey.status_code == 403
    refused = await anyone.post("/v1/auth/sign-in/second-factor", json=body, headers=evil)
    assert (refused.status_code, refused.json()["reason"]) == (403, "origin_not_allowed")


@pytest.mark.usefixtures("still_clock")
async def test_the_second_step_begins_a_session_that_was_never_there_before(
    browser: httpx.AsyncClient, form_token: str, client_with: ClientWith
) -> None:
    mine = client_with(browser.cookies[COOKIE])
    phone, _ = await add_totp(mine)
    planted = browser.cookies[COOKIE]  # an attacker's own, put into somebody's browser
    pending = (await sign_in(browser)).json()["pending_token"]
    body = {"pending_token": pending, "code": phone.code()}

    answer = await browser.post("/v1/auth/sign-in/second-factor", json=body)

    assert answer.json()["token"] == browser.cookies[COOKIE] != planted
    assert (await client_with(planted).get("/v1/auth/session")).status_code == 401
    assert (await client_with(pending).get("/v1/auth/session")).status_code == 401
