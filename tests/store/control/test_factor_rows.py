"""Second factors in both databases: whatever works once works for one of any number who come at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gatewayops.base import clock
from gatewayops.base.errors import Conflict
from gatewayops.store.control import directory, factors, passkeys, pending_sign_ins
from gatewayops.store.control.database import Database, Session
from gatewayops.store.control.factor_tables import PasskeyChallenge, PendingSignIn
from gatewayops.store.control.passkeys import NewPasskey
from gatewayops.store.control.pending_sign_ins import PROVE, NewPending

ORG = directory.DEFAULT_ORG
MANY = 8


async def at_once(database: Database, work: Callable[[Session], Awaitable[bool]]) -> int:
    """How many of many in transactions of their own were told yes."""

    async def one() -> bool:
        async with database.session() as session:
            return await work(session)

    return sum(await asyncio.gather(*(one() for _ in range(MANY))))


@pytest.fixture
async def ada(database: Database) -> dict[str, str]:
    async with database.session() as session:
        user = await directory.add_user(session, org_id=ORG, email="ada@example.com")
    return {"org_id": ORG, "user_id": user.id}


async def add_passkey(database: Database, ada: dict[str, str], name: str) -> passkeys.Passkey:
    new = NewPasskey(**ada, name=name, credential_id=name, public_key=b"k", sign_count=0, transports=["usb"])
    async with database.session() as session:
        return await passkeys.add(session, new)


async def test_a_code_a_recovery_code_and_a_challenge_work_once(
    database: Database, ada: dict[str, str]
) -> None:
    async with database.session() as session:
        await factors.put_totp(session, **ada, row_id="totp_a", sealed=b"sealed")
        await factors.put_recovery_codes(session, **ada, hashes=["one", "two"])
        await passkeys.challenge(session, challenge_hash="c", purpose="sign_in")
        app = await factors.totp(session, **ada)
    assert app is not None
    assert await at_once(database, lambda s: factors.use_totp_step(s, app, step=7)) == 1
    assert await at_once(database, lambda s: factors.use_totp_step(s, app, step=6)) == 0
    assert await at_once(database, lambda s: factors.use_recovery_code(s, **ada, code_hash="one")) == 1
    asked = {"challenge_hash": "c", "purpose": "sign_in"}
    assert (
        await at_once(database, lambda s: passkeys.use_challenge(s, **asked | {"purpose": "register"})) == 0
    )
    assert await at_once(database, lambda s: passkeys.use_challenge(s, **asked, bound_to="user_x")) == 0
    assert await at_once(database, lambda s: passkeys.use_challenge(s, **asked)) == 1


async def test_a_sign_in_that_waits_is_tried_five_times_and_finished_once(
    database: Database, ada: dict[str, str]
) -> None:
    async with database.session() as session:
        new = NewPending(**ada, hash="h", method="password", step=PROVE)
        await pending_sign_ins.begin(session, new)
        known = await pending_sign_ins.find(session, pending_hash="h", step=PROVE)
        assert await pending_sign_ins.find(session, pending_hash="h", step="enrol") is None
    assert known is not None
    assert await at_once(database, lambda s: pending_sign_ins.attempt(s, known)) == 5
    assert await at_once(database, lambda s: pending_sign_ins.finish(s, known)) == 1


async def test_wrong_codes_at_once_are_counted_each(database: Database, ada: dict[str, str]) -> None:
    async with database.session() as session:
        await factors.put_totp(session, **ada, row_id="totp_a", sealed=b"sealed")
        app = await factors.totp(session, **ada)
    assert app is not None
    tried = [await at_once(database, lambda s: factors.begin_totp_attempt(s, app)) for _ in range(2)]
    assert sum(tried) == 10


async def test_a_counter_that_was_seen_is_a_copy_and_one_that_never_counts_is_not(
    database: Database, ada: dict[str, str]
) -> None:
    known = await add_passkey(database, ada, "laptop")
    assert await at_once(database, lambda s: passkeys.use(s, known, sign_count=0)) == MANY
    assert await at_once(database, lambda s: passkeys.use(s, known, sign_count=3)) == 1
    assert await at_once(database, lambda s: passkeys.use(s, known, sign_count=0)) == 0


async def test_nobody_has_more_than_twenty_passkeys_and_reset_removes_all(
    database: Database, ada: dict[str, str]
) -> None:
    for number in range(passkeys.MOST):
        await add_passkey(database, ada, str(number))
    with pytest.raises(Conflict, match="remove one first"):
        await add_passkey(database, ada, "one more")
    async with database.session() as session:
        assert await factors.remove_all(session, org_id="org_other", user_id=ada["user_id"]) == 0
        assert await factors.remove_all(session, **ada) == passkeys.MOST
        assert not (await factors.held(session, **ada)).is_any


async def test_what_ran_out_is_forgotten(database: Database, ada: dict[str, str]) -> None:
    new = NewPending(**ada, hash="old", method="password", step=PROVE)
    async with database.session() as session:
        await pending_sign_ins.begin(session, new)
        await passkeys.challenge(session, challenge_hash="old", purpose="sign_in")
        for table in (PendingSignIn, PasskeyChallenge):
            await session.execute(update(table).values(expires_at=clock.now() - timedelta(seconds=1)))
        assert await pending_sign_ins.find(session, pending_hash="old", step=PROVE) is None
        assert not await passkeys.use_challenge(session, challenge_hash="old", purpose="sign_in")
        await pending_sign_ins.begin(session, NewPending(**ada, hash="new", method="password", step=PROVE))
        await passkeys.challenge(session, challenge_hash="new", purpose="sign_in")
        for table in (PendingSignIn, PasskeyChallenge):
            assert await session.scalar(select(func.count()).select_from(table)) == 1
