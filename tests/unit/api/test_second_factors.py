"""Second factors by one-time codes and recovery codes: each works once, and nothing opens before them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from gatewayops.base import clock
from gatewayops.store.control.account_tables import UserSession
from gatewayops.store.control.database import Database
from gatewayops.store.control.factor_tables import UserTotp

from .accounts import PASSWORD, bind, sign_in, token, user
from .authenticator import Phone, add_totp

ClientWith = Callable[[str], httpx.AsyncClient]

WRONG = "000000"


pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.fixture
async def ada(admin: httpx.AsyncClient) -> dict[str, Any]:
    return await user(admin, role="admin")


@pytest.fixture
async def session(
    ada: dict[str, Any], anyone: httpx.AsyncClient, client_with: ClientWith
) -> httpx.AsyncClient:
    """Hers, begun before she had a second factor."""
    return client_with(await token(anyone))


async def begun(anyone: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """The answer to the right password of one who has a second factor."""
    answer = await sign_in(anyone, **more)
    assert (answer.status_code, answer.json()["reason"]) == (401, "second_factor_required"), answer.text
    assert "set-cookie" not in answer.headers
    found: dict[str, Any] = answer.json()
    return found


async def second(anyone: httpx.AsyncClient, pending: dict[str, Any], **proof: Any) -> httpx.Response:
    body = {"pending_token": pending["pending_token"], **proof}
    return await anyone.post("/v1/auth/sign-in/second-factor", json=body)


async def test_with_an_app_the_password_alone_opens_nothing(
    session: httpx.AsyncClient, admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    phone, _ = await add_totp(session)
    pending = await begun(anyone)
    assert (pending["step"], pending["kinds"]) == ("prove", ["totp", "recovery_code"])
    nearly = client_with(pending["pending_token"])
    for path in ("/v1/auth/session", "/v1/users", "/v1/auth/factors"):
        assert (await nearly.get(path)).status_code == 401
    assert (await nearly.post("/v1/auth/factors/totp")).status_code == 401
    assert (await second(anyone, pending, code=WRONG)).status_code == 401

    done = await second(anyone, pending, code=phone.code())

    assert done.status_code == 200, done.text
    me = (await client_with(done.json()["token"]).get("/v1/auth/session")).json()
    assert me["session"]["method"] == "password+totp"
    assert (await second(anyone, pending, code=phone.code(steps=1))).status_code == 401  # it is over
    entries = (await admin.get("/v1/logs/audit")).json()["entries"]
    failed = next(entry for entry in entries if entry["action"] == "auth.failed")
    assert (failed["actor"]["name"], failed["target"]["id"]) == ("ada@example.com", "second factor")


async def test_a_code_works_once_even_when_many_send_it_at_once(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    phone, _ = await add_totp(session)
    waiting = [await begun(anyone, from_=f"203.0.113.{number}") for number in range(4)]
    code = phone.code()
    answers = await asyncio.gather(*(second(anyone, one, code=code) for one in waiting))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert (await second(anyone, await begun(anyone), code=code)).status_code == 401
    earlier = phone.code(steps=-1)
    assert (await second(anyone, await begun(anyone), code=earlier)).status_code == 401
    assert (await second(anyone, await begun(anyone), code=phone.code(steps=1))).status_code == 200


async def test_the_code_that_confirmed_the_app_signs_nobody_in(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    begun_app = (await session.post("/v1/auth/factors/totp")).json()
    phone = Phone(begun_app["secret"])
    assert begun_app["address"].startswith("otpauth://totp/GatewayOps:ada%40example.com")
    wrong = await session.post("/v1/auth/factors/totp/confirm", json={"code": WRONG})
    assert wrong.status_code == 401
    assert (await sign_in(anyone)).status_code == 200  # not confirmed: it does not count yet
    code = phone.code()
    assert (await session.post("/v1/auth/factors/totp/confirm", json={"code": code})).status_code == 200
    assert (await second(anyone, await begun(anyone), code=code)).status_code == 401


async def test_guessing_codes_ends_the_sign_in_and_then_must_wait_whoever_asks(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient, database: Database
) -> None:
    phone, codes = await add_totp(session)
    pending = await begun(anyone)
    tried = await asyncio.gather(*(second(anyone, pending, code=WRONG) for _ in range(8)))
    assert {answer.status_code for answer in tried} == {401}
    assert (await second(anyone, pending, code=phone.code())).status_code == 401  # five a token
    pending = await begun(anyone)
    for _ in range(5):
        await second(anyone, pending, code=WRONG)
    pending = await begun(anyone, from_="198.51.100.7")

    refused = await second(anyone, pending, code=phone.code())

    assert (refused.status_code, refused.json()["reason"]) == (429, "rate_exceeded")
    assert refused.headers["retry-after"] == "900"
    assert (await second(anyone, pending, recovery_code=codes[0])).status_code == 200
    async with database.session() as opened:
        await opened.execute(update(UserTotp).values(failed_at=clock.now() - timedelta(minutes=16)))
    assert (await second(anyone, await begun(anyone), code=phone.code())).status_code == 200


async def test_a_recovery_code_works_once_and_new_ones_end_the_old(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    _, codes = await add_totp(session)
    assert len(set(codes)) == 10
    waiting = [await begun(anyone, from_=f"203.0.113.{number}") for number in range(4)]
    answers = await asyncio.gather(*(second(anyone, one, recovery_code=codes[0].upper()) for one in waiting))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert (await session.get("/v1/auth/factors")).json()["recovery_codes_left"] == 9
    renewed = (await session.post("/v1/auth/factors/recovery-codes")).json()["recovery_codes"]
    assert (await second(anyone, await begun(anyone), recovery_code=codes[1])).status_code == 401
    assert (await second(anyone, await begun(anyone), recovery_code=renewed[1])).status_code == 200


async def test_the_second_step_is_over_after_ten_minutes_and_when_the_password_changes(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient, database: Database
) -> None:
    phone, _ = await add_totp(session)
    pending = await begun(anyone)
    change = {"current_password": PASSWORD, "new_password": "five quite different words here"}
    assert (await session.post("/v1/auth/password", json=change)).status_code == 204
    assert (await second(anyone, pending, code=phone.code())).status_code == 401
    pending = await begun(anyone, password=change["new_password"])
    async with database.session() as opened:
        await opened.execute(text("UPDATE pending_sign_ins SET expires_at = '2020-01-01 00:00:00'"))
    assert (await second(anyone, pending, code=phone.code())).status_code == 401


async def test_factors_change_only_by_who_has_just_proved_who_they_are(
    session: httpx.AsyncClient, anyone: httpx.AsyncClient, database: Database
) -> None:
    async def time_passes() -> None:
        async with database.session() as opened:
            await opened.execute(update(UserSession).values(confirmed_at=clock.now() - timedelta(minutes=11)))

    await time_passes()
    refused = await session.post("/v1/auth/factors/totp")
    assert (refused.status_code, refused.json()["reason"]) == (403, "confirmation_required")
    assert (await session.post("/v1/auth/confirm", json={"password": "not it"})).status_code == 401
    assert (await session.post("/v1/auth/confirm", json={"password": PASSWORD})).status_code == 204
    phone, _ = await add_totp(session)
    await time_passes()
    for method, path in (("DELETE", "/totp"), ("POST", "/recovery-codes")):
        assert (await session.request(method, f"/v1/auth/factors{path}")).status_code == 403
    assert (await session.post("/v1/auth/confirm", json={"password": PASSWORD})).status_code == 401
    assert (await session.post("/v1/auth/confirm", json={"code": phone.code()})).status_code == 204
    assert (await session.delete("/v1/auth/factors/totp")).status_code == 204
    assert (await session.get("/v1/auth/factors")).json() == {
        "totp_since": None, "passkeys": [], "recovery_codes_left": 0, "second_factor": "off",
    }  # fmt: skip
    assert (await sign_in(anyone)).status_code == 200


async def test_where_a_factor_is_required_who_has_none_adds_one_before_anything_else(
    session: httpx.AsyncClient, admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    changed = await admin.patch("/v1/organization", json={"second_factor": "required"})
    assert changed.json()["organization"]["second_factor"] == "required"
    pending = await begun(anyone)
    assert (pending["step"], pending["kinds"]) == ("enrol", ["totp", "passkey"])
    assert (await second(anyone, pending, code=WRONG)).status_code == 401
    waiting = client_with(pending["pending_token"])
    assert (await waiting.get("/v1/users")).status_code == 401
    app = (await waiting.post("/v1/auth/factors/totp")).json()

    done = await waiting.post("/v1/auth/factors/totp/confirm", json={"code": Phone(app["secret"]).code()})

    assert len(done.json()["recovery_codes"]) == 10
    entered = client_with(done.json()["signed_in"]["token"])
    assert (await entered.get("/v1/auth/session")).json()["session"]["method"] == "password+totp"
    assert (await waiting.post("/v1/auth/factors/recovery-codes")).status_code == 401
    kept = await entered.delete("/v1/auth/factors/totp")
    assert (kept.status_code, "add another one first" in kept.text) == (409, True)
    assert (await begun(anyone))["step"] == "prove"


async def test_administrators_reset_factors_of_those_who_hold_no_more_than_they(
    session: httpx.AsyncClient, ada: dict[str, Any], admin: httpx.AsyncClient, anyone: httpx.AsyncClient,
    client_with: ClientWith, tmp_path: Any,
) -> None:  # fmt: skip
    await add_totp(session)
    permission = {"effect": "allow", "server": "", "action": "directory.*"}
    await admin.post("/v1/roles", json={"name": "clerk", "permissions": [permission]})
    clerk_user = await user(admin, "clerk@example.com")
    await bind(admin, "clerk", clerk_user["id"])
    clerk = client_with(await token(anyone, "clerk@example.com"))
    path = f"/v1/users/{ada['id']}/factors"
    assert (await clerk.get(path)).json()["totp_since"]
    assert (await clerk.delete(path)).status_code == 403

    assert (await admin.delete(path)).status_code == 204

    assert (await admin.get(path)).json()["totp_since"] is None
    assert (await session.get("/v1/auth/session")).status_code == 401
    assert (await sign_in(anyone)).status_code == 200
    await anyone._transport.app.state.accounts.mail.finish()
    mails = [path.read_text() for path in (tmp_path / "outbox").glob("mail_*.eml")]
    assert sorted("was added" in mail for mail in mails) == [False, True]
    assert all("To: ada@example.com" in mail for mail in mails)
    entries = (await admin.get("/v1/logs/audit")).json()["entries"]
    told = {entry["action"]: entry for entry in entries}
    assert told["totp.created"]["actor"]["name"] == "ada@example.com"
    assert told["totp.removed"]["actor"]["kind"] == told["factors.reset"]["actor"]["kind"] == "admin"


async def test_what_is_kept_of_factors_opens_nothing(
    session: httpx.AsyncClient,
    anyone: httpx.AsyncClient,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    app = (await session.post("/v1/auth/factors/totp")).json()
    phone = Phone(app["secret"])
    done = await session.post("/v1/auth/factors/totp/confirm", json={"code": phone.code()})
    pending = await begun(anyone)
    secrets = [app["secret"], pending["pending_token"], *done.json()["recovery_codes"]]
    async with database.reading() as opened:
        tables = "user_totps", "recovery_codes", "pending_sign_ins", "audit_entries", "audit_personal"
        for table in tables:
            rows = (await opened.execute(text(f"SELECT * FROM {table}"))).all()
            assert rows
            assert not [secret for secret in secrets if secret in str(rows)]
    assert not [secret for secret in secrets if secret in caplog.text]


async def test_another_organisation_sees_and_resets_no_factors(
    session: httpx.AsyncClient, ada: dict[str, Any], client_of: Any
) -> None:
    await add_totp(session)
    other = await client_of("org_other", "directory.*")
    path = f"/v1/users/{ada['id']}/factors"
    assert (await other.get(path)).status_code == 400
    assert (await other.delete(path)).status_code == 400
    assert (await session.get("/v1/auth/factors")).json()["totp_since"]


async def test_an_app_survives_a_rotation_of_the_keys_that_seal_it(
    session: httpx.AsyncClient, admin: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    phone, _ = await add_totp(session)
    assert (await admin.get("/v1/secrets")).json()["secrets"]["values"] == 1
    asked = {"begins": True, "renews_data_keys": True}
    now = (await admin.post("/v1/secrets/rotation", json=asked)).json()["rotation"]
    while not now["is_done"]:
        now = (await admin.post("/v1/secrets/rotation", json={"begins": False})).json()["rotation"]
    assert (await admin.get("/v1/secrets")).json()["secrets"]["values_to_seal_anew"] == 0
    assert (await second(anyone, await begun(anyone), code=phone.code())).status_code == 200
