"""Sessions: what a person may do, where they are signed in, and that an end is an end at once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from gatewayops.base import clock
from gatewayops.store.control.account_tables import UserSession
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, bind, mailed, sign_in, token, user

ClientMaker = Callable[..., Awaitable[httpx.AsyncClient]]
ClientWith = Callable[[str], httpx.AsyncClient]

READS = ("/v1/auth/keys", "/v1/users", "/v1/roles", "/v1/servers", "/v1/logs/audit", "/v1/invitations")
NEW = "five quite different words here"


async def status(client: httpx.AsyncClient, path: str, method: str = "GET", **body: object) -> int:
    return (await client.request(method, path, json=body or None)).status_code


async def set_times(database: Database, **values: object) -> None:
    async with database.session() as session:
        await session.execute(update(UserSession).values(**values))


async def test_a_person_without_a_role_holds_nothing(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin)
    ada = client_with(await token(anyone))
    assert [await status(ada, path) for path in READS] == [403] * len(READS)
    assert await status(ada, "/v1/teams", "POST", name="mine") == 403
    assert await status(ada, "/v1/auth/keys", "POST", name="mine") == 403
    assert await status(ada, "/v1/auth/session") == 200


async def test_a_viewer_reads_and_changes_nothing_until_the_role_is_gone(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    ada = client_with(await token_of_new(admin, anyone))
    binding = await bind(admin, "viewer", (await me(ada))["user"]["id"])
    assert [await status(ada, path) for path in READS] == [200] * len(READS)
    for method, path, body in (
        ("POST", "/v1/teams", {"name": "mine"}),
        ("POST", "/v1/auth/keys", {"name": "mine"}),
        ("POST", "/v1/invitations", {"email": "eve@example.com", "role": "admin"}),
        ("POST", "/v1/roles/admin/bindings", {"subject_kind": "user", "subject": "ada@example.com"}),
        ("PUT", "/v1/prices", {"per_call": 0, "per_token_input": 0, "per_token_output": 0}),
    ):
        assert await status(ada, path, method, **body) == 403, path

    await admin.delete(binding)

    assert [await status(ada, path) for path in READS] == [403] * len(READS)


async def token_of_new(admin: httpx.AsyncClient, anyone: httpx.AsyncClient) -> str:
    await user(admin)
    return await token(anyone)


async def me(client: httpx.AsyncClient) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = (await client.get("/v1/auth/session")).json()
    return found


async def test_a_key_that_a_person_makes_holds_no_more_than_they_do(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin, role="developer")
    ada = client_with(await token(anyone))
    assert await status(ada, "/v1/auth/keys", "POST", name="all", scopes={"actions": ["*"]}) == 201
    [key] = (await ada.get("/v1/auth/keys")).json()["keys"]
    assert key["metadata"]["user_id"] == (await me(ada))["user"]["id"]
    assert key["metadata"]["created_by"] == key["metadata"]["user_id"]
    made = await ada.post("/v1/auth/keys", json={"name": "all", "scopes": {"actions": ["*"]}})
    assert await status(client_with(made.json()["key"]["secret"]), "/v1/teams", "POST", name="x") == 403


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"revoked_at": timedelta(0)}, id="revoked"),
        pytest.param({"used_at": timedelta(hours=-8, seconds=-1)}, id="unused for long"),
        pytest.param({"expires_at": timedelta(seconds=-1)}, id="past its fixed end, though used"),
    ],
)
async def test_a_session_that_is_over_is_no_session(
    admin: httpx.AsyncClient,
    anyone: httpx.AsyncClient,
    client_with: ClientWith,
    database: Database,
    times: dict[str, timedelta],
) -> None:
    await user(admin, role="admin")
    ada = client_with(await token(anyone))
    assert await status(ada, "/v1/users") == 200
    await set_times(database, **{name: clock.now() + ago for name, ago in times.items()})
    answer = await ada.get("/v1/users")
    assert (answer.status_code, answer.json()["reason"]) == (401, "session_unknown")


async def test_a_session_slides_while_it_is_used_up_to_a_fixed_end(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, database: Database
) -> None:
    await user(admin)
    ada = client_with(await token(anyone))
    before = (await me(ada))["session"]
    await set_times(database, used_at=clock.now() - timedelta(hours=7))
    await me(ada)
    after = (await me(ada))["session"]
    assert after["ends_at"] > before["ends_at"]
    assert after["expires_at"] == before["expires_at"]
    await set_times(database, expires_at=clock.now() + timedelta(hours=1))
    last = (await me(ada))["session"]
    assert last["ends_at"] == last["expires_at"]


async def test_people_see_and_end_their_own_sessions(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin)
    await user(admin, "bob@example.com", "viewer")
    here, there = client_with(await token(anyone)), client_with(await token(anyone))
    bob = client_with(await token(anyone, "bob@example.com"))
    listed = (await here.get("/v1/auth/sessions")).json()["sessions"]
    assert [row["email"] for row in listed] == ["ada@example.com"] * 2
    other = next(row["id"] for row in listed if not row["is_current"])
    assert await status(bob, f"/v1/auth/sessions/{other}", "DELETE") == 403
    assert await status(bob, "/v1/auth/sessions?user=ada@example.com") == 403

    assert await status(here, f"/v1/auth/sessions/{other}", "DELETE") == 204

    assert await status(there, "/v1/auth/session") == 401
    assert await status(here, "/v1/auth/session") == 200
    assert await status(bob, "/v1/auth/session") == 200
    assert await status(here, "/v1/auth/sign-out", "POST") == 204
    assert await status(here, "/v1/auth/session") == 401


async def test_an_administrator_ends_anybodys_of_their_organisation_only(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, client_of: ClientMaker
) -> None:
    await user(admin)
    secret = await token(anyone)
    [row] = (await admin.get("/v1/auth/sessions?user=ada@example.com")).json()["sessions"]
    stranger = await client_of("org_other", "*")
    assert (await stranger.get("/v1/auth/sessions")).json()["sessions"] == []
    assert await status(stranger, f"/v1/auth/sessions/{row['id']}", "DELETE") == 404
    assert await status(client_with(secret), "/v1/auth/session") == 200

    assert await status(admin, f"/v1/auth/sessions/{row['id']}", "DELETE") == 204

    assert await status(client_with(secret), "/v1/auth/session") == 401
    assert (await admin.get("/v1/auth/sessions")).json()["sessions"] == []


async def test_a_new_password_ends_the_other_sessions(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin)
    here, there = client_with(await token(anyone)), client_with(await token(anyone))
    path = "/v1/auth/password"
    assert await status(here, path, "POST", current_password="no", new_password=NEW) == 401
    assert await status(here, path, "POST", current_password=PASSWORD, new_password="short") == 400
    assert await status(admin, path, "POST", current_password=PASSWORD, new_password=NEW) == 403

    assert await status(here, path, "POST", current_password=PASSWORD, new_password=NEW) == 204

    assert (await status(here, "/v1/auth/session"), await status(there, "/v1/auth/session")) == (200, 401)
    assert (await sign_in(anyone)).status_code == 401
    assert (await sign_in(anyone, password=NEW)).status_code == 200


async def test_a_reset_goes_by_mail_works_once_and_ends_every_session(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, tmp_path
) -> None:
    await user(admin)
    ada = client_with(await token(anyone))
    asked, tokens = [], []
    for email in ("ada@example.com", "nobody@example.com", "ada@example.com"):
        asked.append(await anyone.post("/v1/auth/password/reset-request", json={"email": email}))
        await anyone._transport.app.state.accounts.mail.finish()
        tokens += mailed(tmp_path / "outbox", *tokens)
    assert {(answer.status_code, answer.content) for answer in asked} == {(202, asked[0].content)}
    older, newer = tokens
    path = "/v1/auth/password/reset"
    assert await status(anyone, path, "POST", token=older, password=NEW) == 400  # a newer one counts
    assert await status(anyone, path, "POST", token=newer, password="short") == 400  # and is not used up

    assert await status(anyone, path, "POST", token=newer, password=NEW) == 204

    assert await status(anyone, path, "POST", token=newer, password=NEW) == 400
    assert await status(ada, "/v1/auth/session") == 401
    assert (await sign_in(anyone)).status_code == 401
    assert (await sign_in(anyone, password=NEW)).status_code == 200


async def test_asking_for_resets_has_a_limit_whoever_it_is_about(anyone: httpx.AsyncClient) -> None:
    path, body = "/v1/auth/password/reset-request", {"email": "nobody@example.com"}
    answers = [await anyone.post(path, json=body) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].headers["retry-after"]


async def test_only_who_sits_at_the_machine_sets_anothers_password(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, client_of: ClientMaker
) -> None:
    ada = await user(admin, role="admin")
    for client in (client_with(await token(anyone)), await client_of("org_default", "*")):
        assert await status(client, f"/v1/users/{ada['id']}/password", "PUT", password=NEW) == 403
