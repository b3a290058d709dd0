"""Signing in: who gets a session, how little a refusal tells, and how guessing is slowed."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import text

from gatewayops.api.app import ControlParts
from gatewayops.identity import passwords, sign_in_limits
from gatewayops.identity.passwords import Passwords
from gatewayops.store.control.database import Database

from .accounts import PASSWORD, sign_in, token, user

ClientWith = Callable[[str], httpx.AsyncClient]

WRONG = "not the password at all"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords were compared with."""
    seen: list[str] = []
    compare = Passwords._matches

    def watched(self: Passwords, password: str, hashed: str) -> bool:
        seen.append(hashed)
        return compare(self, password, hashed)

    monkeypatch.setattr(Passwords, "_matches", watched)
    return seen


async def test_a_password_opens_a_session_that_is_a_bearer(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    ada = await user(admin, role="viewer")
    answer = await sign_in(anyone, "Ada@Example.com")
    told = answer.json()
    assert told["user"] == {"id": ada["id"], "email": "ada@example.com", "name": "Ada", "team_id": None}
    assert told["organization"]["slug"] == "default"

    me = (await client_with(told["token"]).get("/v1/auth/session")).json()

    assert (me["kind"], me["user"]["id"], me["form_token"]) == ("user", ada["id"], None)
    assert [(role["name"], role["subject_kind"]) for role in me["roles"]] == [("viewer", "user")]
    assert me["session"]["address"] == "203.0.113.7"
    assert [one["slug"] for one in me["organizations"]] == ["default"]


async def test_a_wrong_password_an_unknown_user_and_one_without_a_password_look_the_same(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, checks: list[str]
) -> None:
    await user(admin)
    await admin.post("/v1/users", json={"email": "bob@example.com"})
    answers = [
        await sign_in(anyone, password=WRONG),
        await sign_in(anyone, "nobody@example.com"),
        await sign_in(anyone, "bob@example.com"),
        await sign_in(anyone, organization="other"),
        await sign_in(anyone, organization="no-such"),
    ]
    first = answers[0]
    assert first.status_code == 401
    assert first.json()["reason"] == "sign_in_failed"
    for answer in answers:
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert answer.headers.items() == first.headers.items()
    # each cost the same argon2, whoever it was: one an organisation, or of the one that was named
    assert len(checks) == 2 + 2 + 2 + 1 + 1
    assert len({hashed.rpartition("$")[0].rpartition("$")[0] for hashed in checks}) == 1  # at one cost
    assert (await sign_in(anyone)).status_code == 200


async def test_guessing_at_an_account_must_wait_and_others_need_not(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await user(admin)
    await user(admin, "bob@example.com")
    for _ in range(sign_in_limits.PAIR.free):
        assert (await sign_in(anyone, password=WRONG)).status_code == 401

    refused = await sign_in(anyone)

    assert (refused.status_code, refused.json()["reason"]) == (429, "rate_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert (await sign_in(anyone, "bob@example.com")).status_code == 200
    assert (await sign_in(anyone, from_="198.51.100.1")).status_code == 200
    now = sign_in_limits.unix_s()
    monkeypatch.setattr(sign_in_limits, "unix_s", lambda: now + 3)
    assert (await sign_in(anyone)).status_code == 200


async def test_one_address_that_tries_many_accounts_must_wait(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_limits, "ADDRESS", sign_in_limits.Rule(free=4, longest_s=60.0))
    await user(admin)
    tried = [await sign_in(anyone, f"nobody{number}@example.com") for number in range(5)]
    assert [answer.status_code for answer in tried] == [401, 401, 401, 401, 429]
    assert (await sign_in(anyone)).status_code == 429
    assert (await sign_in(anyone, from_="198.51.100.1")).status_code == 200


async def test_guesses_sent_at_once_are_no_way_around(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, checks: list[str]
) -> None:
    await user(admin)
    answers = await asyncio.gather(*(sign_in(anyone, password=WRONG) for _ in range(20)))
    assert sum(answer.status_code == 429 for answer in answers) == 20 - sign_in_limits.PAIR.free
    assert len(checks) == 2 * sign_in_limits.PAIR.free


async def test_the_session_of_a_sign_in_was_never_there_before(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, client_with: ClientWith
) -> None:
    await user(admin)
    planted = await token(browser)  # an attacker's own, put into somebody's browser
    browser.cookies.set("gatewayops-on-loopback", planted, domain="127.0.0.1", path="/")

    answer = await sign_in(browser)

    assert answer.json()["token"] != planted
    assert browser.cookies["gatewayops-on-loopback"] == answer.json()["token"]
    assert (await client_with(planted).get("/v1/auth/session")).status_code == 401


async def test_what_is_kept_of_a_session_and_a_password_opens_nothing(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, database: Database
) -> None:
    await user(admin)
    secret = await token(anyone)
    async with database.reading() as session:
        for table in ("user_sessions", "user_passwords", "audit_entries", "audit_personal"):
            rows = (await session.execute(text(f"SELECT * FROM {table}"))).all()
            assert rows
            assert secret not in str(rows)
            assert PASSWORD not in str(rows)
        [kept] = await session.scalars(text("SELECT password_hash FROM user_passwords"))
    assert kept.startswith("$argon2id$")


async def test_the_audit_log_names_who_signed_in_and_what_they_did(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, client_with: ClientWith
) -> None:
    ada = await user(admin, role="admin")
    await sign_in(anyone, password=WRONG)
    secret = await token(anyone)
    await client_with(secret).post("/v1/teams", json={"name": "search"})
    entries = (await admin.get("/v1/logs/audit")).json()["entries"]
    told = {entry["action"]: entry for entry in reversed(entries)}
    by_ada = {"kind": "user", "id": ada["id"], "name": "ada@example.com"}
    assert told["team.created"]["actor"] == told["session.created"]["actor"] == by_ada
    assert told["session.created"]["client_address"] == "203.0.113.7"
    assert told["auth.failed"]["reason"] == "sign_in_failed"
    assert "ada@example.com" not in str(told["auth.failed"])


async def test_a_password_kept_at_another_cost_is_hashed_anew_at_the_next_sign_in(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, parts: ControlParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await user(admin)
    monkeypatch.setattr(passwords, "_PASSES", 2)
    anyone._transport.app.state.accounts.passwords = Passwords()
    await token(anyone)
    async with parts.database.reading() as session:
        [kept] = await session.scalars(text("SELECT password_hash FROM user_passwords"))
    assert "t=2" in kept
    assert (await sign_in(anyone)).status_code == 200


async def test_signing_in_leaves_nothing_secret_in_the_log(
    admin: httpx.AsyncClient, anyone: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await user(admin)
    secret = await token(anyone)
    await sign_in(anyone, password=WRONG)
    assert secret not in caplog.text
    assert PASSWORD not in caplog.text
    assert WRONG not in caplog.text
