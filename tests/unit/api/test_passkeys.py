"""Passkeys: they sign in alone, as a second step and at our own address only, and every trick is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.app import ControlParts
from gatewayops.store.control.database import Database

from .accounts import sign_in, token, user
from .authenticator import ORIGIN, Authenticator, enter, options, register

ClientWith = Callable[[str], httpx.AsyncClient]


@pytest.fixture
def parts(parts: ControlParts) -> ControlParts:
    """An installation at a public address."""
    return replace(parts, address=ORIGIN)


@pytest.fixture
async def ada(admin: httpx.AsyncClient) -> dict[str, Any]:
    return await user(admin)


@pytest.fixture
async def session(
    ada: dict[str, Any], anyone: httpx.AsyncClient, client_with: ClientWith
) -> httpx.AsyncClient:
    return client_with(await token(anyone))


@pytest.fixture
async def laptop(session: httpx.AsyncClient) -> Authenticator:
    """Hers, registered."""
    made = Authenticator()
    answer = await register(session, made)
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["recovery_codes"]) == 10
    return made


async def test_a_passkey_alone_signs_in_and_is_enough_where_two_factors_are_required(
    laptop: Authenticator, ada: dict[str, Any], admin: httpx.AsyncClient, anyone: httpx.AsyncClient,
    client_with: ClientWith,
) -> None:  # fmt: skip
    await admin.patch("/v1/organization", json={"second_factor": "required"})
    answer = await enter(anyone, laptop)
    assert answer.status_code == 200, answer.text
    me = (await client_with(answer.json()["token"]).get("/v1/auth/session")).json()
    assert (me["user"]["id"], me["session"]["method"]) == (ada["id"], "passkey")
    assert (await enter(anyone, laptop)).status_code == 200


async def test_a_passkey_is_the_second_step_after_the_password_of_its_own_user_only(
    laptop: Authenticator, admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin, "eve@example.com")
    eves = Authenticator(b"another")
    await register(client_with(await token(anyone, "eve@example.com")), eves)
    pending = (await sign_in(anyone)).json()
    assert pending["kinds"] == ["passkey", "recovery_code"]
    asked = await options(anyone, pending["pending_token"])
    assert [one["id"] for one in asked["allowCredentials"]] == [laptop.told_id]
    body = {"pending_token": pending["pending_token"]}
    path = "/v1/auth/sign-in/second-factor"
    assert (await anyone.post(path, json=body | {"passkey": eves.get(asked)})).status_code == 401
    asked = await options(anyone, pending["pending_token"])
    answer = await anyone.post(path, json=body | {"passkey": laptop.get(asked)})
    assert answer.status_code == 200, answer.text


async def test_people_have_several_passkeys_by_name_and_remove_each(
    laptop: Authenticator, session: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    phone = Authenticator(b"phone")
    second = await register(session, phone, "phone")
    assert (second.status_code, second.json()["recovery_codes"]) == (201, [])
    shown = (await session.get("/v1/auth/factors")).json()["passkeys"]
    assert [one["name"] for one in shown] == ["laptop", "phone"]
    assert (await register(session, phone, "again")).status_code == 409
    path = f"/v1/auth/factors/passkeys/{shown[0]['id']}"
    assert (await session.delete(path)).status_code == 204
    assert (await session.delete(path)).status_code == 404
    assert (await enter(anyone, laptop)).status_code == 401
    assert (await enter(anyone, phone)).status_code == 200


async def test_an_answer_works_once_even_when_many_send_it_at_once(
    laptop: Authenticator, anyone: httpx.AsyncClient
) -> None:
    body = {"passkey": laptop.get(await options(anyone))}
    answers = await asyncio.gather(*(anyone.post("/v1/auth/sign-in/passkey", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


LIES: dict[str, dict[str, Any]] = {
    "a page elsewhere": {"origin": "https://evil.example.com"},
    "a page on a subdomain": {"origin": "https://evil.ops.example.com"},
    "without TLS": {"origin": "http://ops.example.com"},
    "of the parent domain": {"rp_id": "example.com"},
    "nobody unlocked it": {"flags": 0x01},
    "nobody was there": {"flags": 0x04},
    "another key": {"key": Authenticator().key},
    "a counter that stands still, as of a copy": {"count": 5},
    "for somebody else": {"user": b"user_somebody_else"},
}


async def test_a_passkey_that_is_not_right_opens_nothing(
    laptop: Authenticator, anyone: httpx.AsyncClient
) -> None:
    laptop.count = 5
    assert (await enter(anyone, laptop)).status_code == 200
    right = dict(vars(laptop))
    for name, lie in LIES.items():
        vars(laptop).update(right | lie)
        answer = await enter(anyone, laptop)
        assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in_failed"), name
    vars(laptop).update(right)
    assert (await enter(anyone, laptop)).status_code == 200


async def test_challenges_are_for_one_purpose_one_user_and_five_minutes(
    laptop: Authenticator, session: httpx.AsyncClient, admin: httpx.AsyncClient, anyone: httpx.AsyncClient,
    client_with: ClientWith, database: Database,
) -> None:  # fmt: skip
    made = Authenticator(b"new")
    asked = (await session.post("/v1/auth/factors/passkeys/options")).json()["options"]
    replayed = await anyone.post("/v1/auth/sign-in/passkey", json={"passkey": laptop.get(asked)})
    assert replayed.status_code == 401
    await user(admin, "eve@example.com")
    eve = client_with(await token(anyone, "eve@example.com"))
    planted = await eve.post("/v1/auth/factors/passkeys", json={"name": "x", "passkey": made.create(asked)})
    assert planted.status_code == 400
    own = laptop.get(await options(anyone)) | {}
    async with database.session() as opened:
        await opened.execute(text("UPDATE passkey_challenges SET expires_at = '2020-01-01 00:00:00'"))
    assert (await anyone.post("/v1/auth/sign-in/passkey", json={"passkey": own})).status_code == 401
    late = await session.post("/v1/auth/factors/passkeys", json={"name": "x", "passkey": made.create(asked)})
    assert late.status_code == 400


async def test_a_passkey_made_elsewhere_or_locked_to_nobody_is_not_registered(
    session: httpx.AsyncClient,
) -> None:
    for name in ("a page elsewhere", "nobody unlocked it", "of the parent domain"):
        made = Authenticator()
        vars(made).update(LIES[name])
        assert (await register(session, made)).status_code == 400, name
    assert (await session.get("/v1/auth/factors")).json()["passkeys"] == []


async def test_what_is_no_credential_is_told_so(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    known = Authenticator()._client("webauthn.get", {"challenge": "AA"})
    odd: list[dict[str, Any]] = [
        {},
        {"id": 1},
        {"id": "x", "response": None},
        {"id": "x", "response": {"clientDataJSON": "%%%"}},
        {"id": "x", "response": {"clientDataJSON": "e30"}},
        {"id": "x", "response": {"clientDataJSON": {"a": [1]}}},
        {"id": "\0", "response": {"clientDataJSON": known}},
        {"id": "x" * 1365, "response": {"clientDataJSON": known}},
    ]
    for given in odd:
        answer = await anyone.post("/v1/auth/sign-in/passkey", json={"passkey": given})
        assert (answer.status_code, answer.json()["message"][:10]) == (400, "credential"), given
        answer = await session.post("/v1/auth/factors/passkeys", json={"name": "x", "passkey": given})
        assert answer.status_code == 400, given


async def test_who_is_shut_out_has_no_passkey_and_no_second_step(
    laptop: Authenticator, ada: dict[str, Any], admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    pending = (await sign_in(anyone)).json()["pending_token"]
    asked = await options(anyone, pending)
    await admin.post(f"/v1/users/{ada['id']}/disable")
    assert (await enter(anyone, laptop)).status_code == 401
    body = {"pending_token": pending, "passkey": laptop.get(asked)}
    assert (await anyone.post("/v1/auth/sign-in/second-factor", json=body)).status_code == 401


async def test_an_address_that_asks_for_many_challenges_must_wait(anyone: httpx.AsyncClient) -> None:
    path, headers = "/v1/auth/sign-in/passkey-options", {"X-Forwarded-For": "203.0.113.9"}
    asked = [await anyone.post(path, json={}, headers=headers) for _ in range(61)]
    assert [answer.status_code for answer in asked[-2:]] == [200, 429]
    assert (await anyone.post(path, json={})).status_code == 200
