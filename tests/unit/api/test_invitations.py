"""Invitations: what may be given, to whom the link goes, and that it works once."""

import stat
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from gatewayops.base import clock
from gatewayops.store.control.account_tables import OneTimeLink
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, bind, mailed, sign_in, token, user

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
ClientWith = Callable[[str], httpx.AsyncClient]

ACCEPT = "/v1/auth/invitations/accept"


async def invite(client: httpx.AsyncClient, email: str = "eve@example.com", **more: str) -> httpx.Response:
    return await client.post("/v1/invitations", json={"email": email, **more})


async def accept(client: httpx.AsyncClient, link: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(ACCEPT, json={"token": link, "name": "Eve", "password": password})


async def test_who_is_invited_joins_with_the_role_and_the_team_once(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, tmp_path
) -> None:
    team = (await admin.post("/v1/teams", json={"name": "search"})).json()["team"]
    answer = await invite(admin, "Eve@Example.com", role="viewer", team="search")
    assert answer.status_code == 201
    [mail] = (tmp_path / "outbox").glob("*.eml")
    assert answer.json()["mail"] == f"written to {mail.name} in {tmp_path / 'outbox'}"
    assert stat.S_IMODE(mail.stat().st_mode) == 0o600
    [link] = mailed(tmp_path / "outbox")
    assert link not in answer.text
    assert (await accept(anyone, link, "short")).status_code == 400

    joined = await accept(anyone, link)

    assert joined.status_code == 200, joined.text
    assert (joined.json()["user"]["email"], joined.json()["user"]["team_id"]) == (
        "eve@example.com",
        team["id"],
    )
    eve = client_with(joined.json()["token"])
    assert [role["name"] for role in (await eve.get("/v1/auth/session")).json()["roles"]] == ["viewer"]
    again = await accept(anyone, link)
    assert (again.status_code, "was used" in again.json()["message"]) == (400, True)
    assert [row["state"] for row in (await admin.get("/v1/invitations")).json()["invitations"]] == [
        "accepted"
    ]
    assert (await sign_in(anyone, "eve@example.com")).status_code == 200


async def test_nobody_invites_with_more_than_they_hold(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    permission = {"effect": "allow", "server": "", "action": "directory.*"}
    await admin.post("/v1/roles", json={"name": "clerk", "permissions": [permission]})
    await admin.post("/v1/teams", json={"name": "platform"})
    await admin.post("/v1/teams", json={"name": "search", "parent": "platform"})
    body = {"subject_kind": "team", "subject": "platform"}
    assert (await admin.post("/v1/roles/admin/bindings", json=body)).status_code == 201
    strong = await user(admin, "strong@example.com")
    waiting = (await admin.post("/v1/users", json={"email": "waiting@example.com"})).json()["user"]
    await bind(admin, "admin", waiting["id"])
    await user(admin, role="clerk")
    clerk = client_with(await token(anyone))

    assert (await invite(clerk, role="clerk")).status_code == 201
    assert (await invite(clerk)).status_code == 201
    assert (await invite(clerk, role="viewer")).status_code == 403
    assert (await invite(clerk, role="admin")).status_code == 403
    assert (await invite(clerk, team="search")).status_code == 403  # whose team above is all-powerful
    mine = {"email": "me@example.com", "team": "search"}
    assert (await clerk.post("/v1/users", json=mine)).status_code == 403
    assert (await clerk.post("/v1/users", json={"email": "other@example.com"})).status_code == 201
    assert (await admin.post("/v1/users", json=mine)).status_code == 201
    assert (await invite(clerk, "me@example.com")).status_code == 403  # who is in that team already
    assert (await invite(clerk, "waiting@example.com")).status_code == 403  # and who holds the role
    assert (await invite(clerk, strong["email"])).status_code == 409
    assert (await invite(admin, team="search", role="admin")).status_code == 201


async def test_a_newer_invitation_replaces_the_older_and_a_withdrawn_one_is_gone(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, tmp_path
) -> None:
    await invite(admin, role="viewer")
    [older] = mailed(tmp_path / "outbox")
    made = (await invite(admin, role="viewer")).json()["invitation"]
    [newer] = mailed(tmp_path / "outbox", older)
    assert (await accept(anyone, older)).status_code == 400
    assert (await admin.delete(f"/v1/invitations/{made['id']}")).status_code == 204
    assert (await accept(anyone, newer)).status_code == 400
    assert (await admin.delete(f"/v1/invitations/{made['id']}")).status_code == 404


async def test_an_invitation_runs_out(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, database: Database, tmp_path
) -> None:
    await invite(admin)
    async with database.session() as session:
        await session.execute(update(OneTimeLink).values(expires_at=clock.now() - timedelta(seconds=1)))
    assert (await accept(anyone, *mailed(tmp_path / "outbox"))).status_code == 400
    assert [row["state"] for row in (await admin.get("/v1/invitations")).json()["invitations"]] == ["expired"]


async def test_a_role_that_is_gone_leaves_the_invitation_as_it_was(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, tmp_path
) -> None:
    permission = {"effect": "allow", "server": "", "action": "costs.read"}
    await admin.post("/v1/roles", json={"name": "clerk", "permissions": [permission]})
    await invite(admin, role="clerk")
    await admin.delete("/v1/roles/" + (await admin.get("/v1/roles/clerk")).json()["role"]["id"])
    answer = await accept(anyone, *mailed(tmp_path / "outbox"))
    assert (answer.status_code, "role" in answer.json()["message"]) == (400, True)
    assert (await admin.get("/v1/users")).json()["users"] == []
    assert [row["state"] for row in (await admin.get("/v1/invitations")).json()["invitations"]] == ["open"]


async def test_a_link_of_another_kind_opens_nothing(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, tmp_path
) -> None:
    await invite(admin)
    [link] = mailed(tmp_path / "outbox")
    body = {"token": link, "password": PASSWORD}
    assert (await anyone.post("/v1/auth/password/reset", json=body)).status_code == 400
    assert (await anyone.get("/setup", params={"token": link})).status_code == 404


async def test_organisations_are_apart(
    admin: httpx.AsyncClient,
    anyone: httpx.AsyncClient,
    client_of: ClientMaker,
    client_with: ClientWith,
    tmp_path,
) -> None:
    other = await client_of("org_other", "*")
    made = (await invite(other, "ada@example.com")).json()["invitation"]
    assert (await admin.get("/v1/invitations")).json()["invitations"] == []
    assert (await admin.delete(f"/v1/invitations/{made['id']}")).status_code == 404
    await user(admin, role="admin")
    joined = (await accept(anyone, *mailed(tmp_path / "outbox"), "a third set of words")).json()
    assert joined["organization"]["slug"] == "other"
    # one address in two organisations: two users with two passwords; the older one without a slug
    assert (await sign_in(anyone)).json()["organization"]["slug"] == "default"
    assert (await sign_in(anyone, organization="other")).status_code == 401
    there = await sign_in(anyone, organization="other", password="a third set of words")
    ada = client_with(there.json()["token"])
    assert (await ada.get("/v1/users")).status_code == 403  # the role is of the other organisation
    me = (await ada.get("/v1/auth/session")).json()
    assert [one["slug"] for one in me["organizations"]] == ["default", "other"]


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("elevenchars", id="too short"),
        pytest.param("x" * 257, id="too long"),
        pytest.param("aaaaaaaaaaaaaaaa", id="one letter"),
        pytest.param("Password123456", id="among the first tried"),
        pytest.param("Eve@Example.com", id="the address itself"),
    ],
)
async def test_a_password_that_is_easily_guessed_is_refused(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, tmp_path, password: str
) -> None:
    await invite(admin)
    answer = await accept(anyone, *mailed(tmp_path / "outbox"), password)
    assert answer.status_code == 400
    assert answer.json()["message"].removeprefix("body.").startswith("password")
    assert password not in answer.text
