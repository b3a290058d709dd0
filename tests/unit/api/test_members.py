"""Shutting people out: sessions, keys and links of theirs end at once, and by whom it may be done."""

from collections.abc import Callable

import httpx

from gatewayops.store.control.database import Database
from gatewayops.store.control.snapshot_feed import build

from .accounts import bind, mailed, sign_in, token, user

ClientWith = Callable[[str], httpx.AsyncClient]


async def served(database: Database) -> set[str]:
    """The names of keys that gateways know, each with a secret."""
    async with database.reading() as session:
        built = await build(session)
    with_secret = {secret.key_id for secret in built.secrets}
    assert with_secret == {key.id for key in built.keys}
    return {key.name for key in built.keys}


async def test_who_is_shut_out_has_no_session_no_key_and_no_way_back(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith, database: Database, tmp_path
) -> None:
    ada = await user(admin, role="developer")
    session = client_with(await token(anyone))
    made = (await session.post("/v1/auth/keys", json={"name": "hers", "scopes": {"actions": ["*"]}})).json()
    others = await admin.post("/v1/auth/keys", json={"name": "others", "scopes": {"actions": ["*"]}})
    key = client_with(made["key"]["secret"])
    await anyone.post("/v1/auth/password/reset-request", json={"email": "ada@example.com"})
    await anyone._transport.app.state.accounts.mail.finish()
    assert (await key.get("/v1/users")).status_code == 200

    answer = await admin.post(f"/v1/users/{ada['id']}/disable")

    assert answer.json()["user"]["disabled_at"]
    assert (await key.get("/v1/users")).status_code == 401
    assert (await session.get("/v1/auth/session")).status_code == 401
    assert (await sign_in(anyone)).status_code == 401
    [reset] = mailed(tmp_path / "outbox")
    body = {"token": reset, "password": "five quite different words"}
    assert (await anyone.post("/v1/auth/password/reset", json=body)).status_code == 400
    assert await served(database) == {"others"}
    assert (await client_with(others.json()["key"]["secret"]).get("/v1/users")).status_code == 200

    assert (await admin.post(f"/v1/users/{ada['id']}/enable")).json()["user"]["disabled_at"] is None

    assert await served(database) == {"hers", "others"}
    assert (await key.get("/v1/users")).status_code == 200
    assert (await session.get("/v1/auth/session")).status_code == 401
    assert (await sign_in(anyone)).status_code == 200


async def test_nobody_shuts_out_themselves_or_who_holds_more(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    permission = {"effect": "allow", "server": "", "action": "directory.*"}
    await admin.post("/v1/roles", json={"name": "clerk", "permissions": [permission]})
    ada = await user(admin, role="clerk")
    boss = await user(admin, "boss@example.com", "admin")
    bob = await user(admin, "bob@example.com")
    await bind(admin, "clerk", bob["id"])
    clerk = client_with(await token(anyone))
    path = "/v1/users/{}/disable"
    assert (await clerk.post(path.format(ada["id"]))).status_code == 409
    assert (await clerk.post(path.format(boss["id"]))).status_code == 403
    assert (await clerk.post(path.format("user_none"))).status_code == 404
    assert (await clerk.post(path.format(bob["id"]))).status_code == 200
    assert (await sign_in(anyone, "boss@example.com")).status_code == 200
