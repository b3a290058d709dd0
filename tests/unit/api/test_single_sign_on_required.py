"""Single sign-on beside what else signs people in: where it is required nothing else does; factors add up."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayops.store.control import audit, directory, user_passwords
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, mailed, sign_in, token, user
from .authenticator import Authenticator, Phone, add_totp, enter, register
from .test_factor_pages import FORM, told
from .visits import came_in, who

EMAIL = "ada@example.com"


@pytest.fixture
async def ada(admin: httpx.AsyncClient) -> dict[str, Any]:
    return await user(admin)


@pytest.fixture
async def phone(ada: dict[str, Any], anyone: httpx.AsyncClient, client_with: Any, still_clock: None) -> Phone:
    """Hers, with the app."""
    return (await add_totp(client_with(await token(anyone))))[0]


async def change(admin: httpx.AsyncClient, **changes: Any) -> None:
    answer = await admin.patch("/v1/identity-providers/code", json=changes)
    assert answer.status_code == 200, answer.text


async def ask_reset(anyone: httpx.AsyncClient) -> None:
    asked = await anyone.post("/v1/auth/password/reset-request", json={"email": EMAIL})
    assert asked.status_code == 202
    await anyone._transport.app.state.accounts.mail.finish()  # type: ignore[attr-defined]


async def by_code(browser: httpx.AsyncClient, phone: Phone, *, steps: int = 0) -> httpx.Response:
    step = await browser.get("/sign-in/second-factor")
    proof = {"form_token": told(step, "form_token"), "code": phone.code(steps=steps)}
    return await browser.post("/sign-in/second-factor", data=proof)


async def test_what_began_before_opens_nothing_once_single_sign_on_is_required(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, anyone: httpx.AsyncClient,
    provider: dict[str, Any], phone: Phone, tmp_path: Path,
) -> None:  # fmt: skip
    await came_in(browser, provider)
    pending = (await sign_in(anyone)).json()["pending_token"]
    await ask_reset(anyone)
    [link] = mailed(tmp_path / "outbox")
    await change(admin, sso_required=True)

    proof = {"pending_token": pending, "code": phone.code()}
    second = await anyone.post("/v1/auth/sign-in/second-factor", json=proof)
    assert (second.status_code, "identity provider" in second.text) == (401, True)
    chosen = {"token": link, "password": "another " + PASSWORD}
    assert (await anyone.post("/v1/auth/password/reset", json=chosen)).status_code == 400
    await ask_reset(anyone)
    assert mailed(tmp_path / "outbox") == [link]


async def test_a_passkey_opens_nothing_either_but_to_a_break_glass_user(
    ada: dict[str, Any], admin: httpx.AsyncClient, browser: httpx.AsyncClient, anyone: httpx.AsyncClient,
    provider: dict[str, Any],
) -> None:  # fmt: skip
    await came_in(browser, provider)
    made = Authenticator(origin="http://localhost:8080", rp_id="localhost")
    here = httpx.AsyncClient(transport=anyone._transport, base_url="http://localhost:8080")
    here.headers["Authorization"] = f"Bearer {await token(anyone)}"
    assert (await register(here, made)).status_code == 201
    del here.headers["Authorization"]
    assert (await enter(here, made)).status_code == 200
    await change(admin, sso_required=True)
    assert (await enter(here, made)).status_code == 401
    glass = f"/v1/users/{ada['id']}/break-glass"
    assert (await admin.put(glass, json={"is_break_glass": True})).status_code == 200
    assert (await enter(here, made)).status_code == 200


async def test_the_second_factor_comes_after_the_provider_too_and_the_session_remains_the_provider_s(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], phone: Phone
) -> None:
    first = await came_in(browser, provider)
    assert first.headers["location"] == "/sign-in/second-factor"
    assert await who(browser) == ""
    assert (await by_code(browser, phone)).status_code == 303
    mine = (await browser.get("/v1/auth/session")).json()["session"]
    assert mine["method"] == "github+totp"
    await change(admin, enabled=False)
    assert await who(browser) == ""


async def test_who_has_no_password_is_told_to_sign_in_again_instead_of_confirming_by_one(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    made = await admin.post("/v1/users", json={"email": EMAIL})
    assert made.status_code == 201
    await came_in(browser, provider)
    form = {"X-GatewayOps-Token": (await browser.get("/v1/auth/session")).json()["form_token"]}
    told = await browser.post("/v1/auth/confirm", json={"password": PASSWORD}, headers=form)
    assert (told.status_code, "sign in again" in told.text) == (401, True)


async def test_who_waits_for_the_second_factor_while_the_provider_goes_gets_no_session(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], phone: Phone
) -> None:
    await came_in(browser, provider)
    await change(admin, enabled=False)
    assert (await by_code(browser, phone)).status_code == 401
    assert await who(browser) == ""


async def test_an_organisation_that_requires_it_is_no_choice_for_a_password(
    ada: dict[str, Any], admin: httpx.AsyncClient, browser: httpx.AsyncClient, database: Database,
    provider: dict[str, Any],
) -> None:  # fmt: skip
    async with database.session() as session:
        same = await user_passwords.of_user(session, org_id="org_default", user_id=ada["id"])
        assert same is not None
        other = await directory.add_user(session, org_id="org_other", email=EMAIL)
        at = {"org_id": "org_other", "user_id": other.id}
        await user_passwords.put(session, **at, password_hash=same.password_hash)
    await came_in(browser, provider)
    assert (await browser.post("/sign-in", data=FORM)).headers["location"] == "/sign-in/organization"
    page = await browser.get("/sign-in/organization")
    await change(admin, sso_required=True)

    chosen = {"form_token": told(page, "form_token"), "organization": "default"}
    assert (await browser.post("/sign-in/organization", data=chosen)).status_code == 401
    assert (await browser.post("/sign-in", data=FORM | {"organization": "default"})).status_code == 401
    assert (await browser.post("/sign-in", data=FORM)).headers["location"] == "/"
    assert (await browser.get("/v1/auth/session")).json()["organization"]["slug"] == "other"


async def test_what_was_right_and_opened_nothing_is_in_the_audit_log(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any], phone: Phone,
    database: Database,
) -> None:  # fmt: skip
    await came_in(browser, provider)
    await change(admin, enabled=False)
    assert (await by_code(browser, phone)).status_code == 401
    async with database.reading() as session:
        told = await audit.rows(session, org_id="org_default", first=1, last=1000, limit=1000)
    assert [row for row in told if b"auth.failed" in row.body and b"signs in at its identity" in row.body]


async def test_a_password_that_opens_nothing_confirms_nothing(
    ada: dict[str, Any], admin: httpx.AsyncClient, browser: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    await came_in(browser, provider)
    form = {"X-GatewayOps-Token": (await browser.get("/v1/auth/session")).json()["form_token"]}
    confirm, given = "/v1/auth/confirm", {"password": PASSWORD}
    assert (await browser.post(confirm, json=given, headers=form)).is_success
    await change(admin, sso_required=True)
    assert (await browser.post(confirm, json=given, headers=form)).status_code == 401
    glass = f"/v1/users/{ada['id']}/break-glass"
    await admin.put(glass, json={"is_break_glass": True})
    assert (await browser.post(confirm, json=given, headers=form)).is_success
