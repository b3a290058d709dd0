"""One person in several organisations: each has its own user, password and factors; none opens another."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayops.store.control import directory, user_passwords
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, mailed, sign_in, token, user
from .authenticator import add_totp
from .test_factor_pages import told
from .visits import came_in

ClientWith = Callable[[str], httpx.AsyncClient]
ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]

pytestmark = pytest.mark.usefixtures("still_clock")

ACCEPT = "/v1/auth/invitations/accept"
OTHERS = "five quite different words here"


@pytest.fixture
async def invited(client_of: ClientMaker, tmp_path: Path) -> str:
    """The link with which ada@example.com is asked into the other organisation."""
    clerk, before = await client_of("org_other", "*"), mailed(tmp_path / "outbox")
    answer = await clerk.post("/v1/invitations", json={"email": "ada@example.com", "role": "viewer"})
    assert answer.status_code == 201, answer.text
    [link] = mailed(tmp_path / "outbox", *before)
    return link


async def by_mail(database: Database, user_id: str) -> None:
    """As if she had chosen her password by a link."""
    async with database.session() as session:
        known = await user_passwords.of_user(session, org_id="org_default", user_id=user_id)
        assert known is not None
        await user_passwords.put(
            session, org_id="org_default", user_id=user_id, password_hash=known.password_hash, is_by_mail=True
        )


async def slugs(client: httpx.AsyncClient) -> list[str]:
    answer = (await client.get("/v1/auth/organizations")).json()
    return [one["slug"] for one in answer["organizations"]]


async def test_who_is_invited_elsewhere_keeps_the_password_and_switches_by_signing_in(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, database: Database,
    invited: str,
) -> None:  # fmt: skip
    ada = await user(admin)
    await by_mail(database, ada["id"])
    here = client_with(await token(anyone))

    joined = await here.post(ACCEPT, json={"token": invited, "keeps_password": True})

    assert joined.status_code == 200, joined.text
    there = client_with(joined.json()["token"])
    me = (await there.get("/v1/auth/session")).json()
    assert (me["organization"]["slug"], [role["name"] for role in me["roles"]]) == ("other", ["viewer"])
    assert sorted(await slugs(there)) == sorted(await slugs(here)) == ["default", "other"]
    assert (await there.get("/v1/auth/sessions")).json()["sessions"][0]["organization"] == "other"
    assert (await sign_in(anyone)).json()["organization"]["slug"] == "default"
    assert (await sign_in(anyone, organization="other")).json()["organization"]["slug"] == "other"


async def test_in_a_browser_one_button_joins_and_only_on_a_page_of_ours(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, database: Database, invited: str
) -> None:
    ada = await user(admin)
    await by_mail(database, ada["id"])
    await browser.post("/sign-in", data={"email": "ada@example.com", "password": PASSWORD})
    page = await browser.get("/invitation", params={"token": invited})
    form = {"token": invited, "keeps_password": "true"}
    assert (await browser.post("/invitation", data=form)).status_code == 403
    done = await browser.post("/invitation", data=form | {"form_token": told(page, "form_token")})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    who = (await browser.get("/v1/auth/session")).json()
    assert who["organization"]["slug"] == "other"
    assert {one["slug"] for one in who["organizations"]} == {"default", "other"}


async def test_a_password_that_an_administrator_gave_is_not_taken_along(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, invited: str
) -> None:
    await user(admin)
    await user(admin, "eve@example.com")
    for email in ("ada@example.com", "eve@example.com"):
        session = client_with(await token(anyone, email))
        refused = await session.post(ACCEPT, json={"token": invited, "keeps_password": True})
        assert (refused.status_code, "keeps_password" in refused.json()["message"]) == (400, True)
    assert (await anyone.post(ACCEPT, json={"token": invited, "keeps_password": True})).status_code == 400
    assert (await anyone.post(ACCEPT, json={"token": invited})).status_code == 400
    assert (await anyone.post(ACCEPT, json={"token": invited, "password": OTHERS})).status_code == 200
    assert (await sign_in(anyone, password=OTHERS)).json()["organization"]["slug"] == "other"


async def test_a_user_made_with_a_foreign_address_opens_and_learns_nothing_of_others(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, database: Database
) -> None:
    ada = await user(admin, role="admin")
    await add_totp(client_with(await token(anyone)))
    accounts = anyone._transport.app.state.accounts
    async with database.session() as session:  # by whoever runs the other organisation
        forged = await directory.add_user(session, org_id="org_other", email="ada@example.com")
        hashed = await accounts.passwords.hash(OTHERS)
        await user_passwords.put(session, org_id="org_other", user_id=forged.id, password_hash=hashed)

    answer = await sign_in(anyone, password=OTHERS)

    assert answer.json()["user"]["id"] == forged.id != ada["id"]
    inside = client_with(answer.json()["token"])
    assert await slugs(inside) == ["other"]
    assert [one["slug"] for one in (await inside.get("/v1/auth/session")).json()["organizations"]] == [
        "other"
    ]
    assert (await inside.get("/v1/auth/factors")).json()["totp_since"] is None
    assert (await inside.get(f"/v1/users/{ada['id']}/factors")).status_code == 403
    assert (await sign_in(anyone, password=OTHERS, organization="default")).status_code == 401
    assert (await sign_in(anyone)).json()["error"] == "second_factor_required"


async def test_an_organisation_s_own_provider_opens_no_view_of_others(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, anyone: httpx.AsyncClient,
    client_with: ClientWith, database: Database, provider: dict[str, Any], invited: str,
) -> None:  # fmt: skip
    ada = await user(admin)
    await by_mail(database, ada["id"])
    here = client_with(await token(anyone))
    joined = await here.post(ACCEPT, json={"token": invited, "keeps_password": True})
    assert (joined.status_code, sorted(await slugs(here))) == (200, ["default", "other"])

    await came_in(browser, provider)  # whoever runs it may say that anybody is there

    assert await slugs(browser) == ["default"]
