"""Passwords, sessions and one-time links in both databases."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.store.control import directory, one_time_links, user_passwords, user_sessions
from gatewayops.store.control.account_tables import OneTimeLink, UserPassword, UserSession
from gatewayops.store.control.database import Database
from gatewayops.store.control.one_time_links import INVITATION, RESET, NewLink
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.user_sessions import NewSession

ORG = directory.DEFAULT_ORG


async def add_user(database: Database, email="ada@example.com", org_id=ORG, password_hash="one") -> str:
    async with database.session() as session:
        user = await directory.add_user(session, org_id=org_id, email=email)
        await user_passwords.put(session, org_id=org_id, user_id=user.id, password_hash=password_hash)
    return user.id


async def begin(database: Database, user_id: str, name: str, org_id=ORG) -> user_sessions.UserSession:
    new = NewSession(org_id=org_id, user_id=user_id, hash=name, address="::1", user_agent="curl")
    async with database.session() as session:
        return await user_sessions.begin(session, new)


async def live(database: Database, name: str) -> bool:
    async with database.reading() as session:
        return await user_sessions.of_hash(session, name) is not None


async def test_a_link_that_many_use_at_once_works_for_one(database: Database) -> None:
    new = NewLink(org_id=ORG, kind=RESET, hash="h", email="ada@example.com")
    async with database.session() as session:
        made = await one_time_links.add(session, new)

    async def use() -> str:
        async with database.session() as session:
            return (await one_time_links.use(session, kind=RESET, link_hash="h")).id

    done = await asyncio.gather(*(use() for _ in range(8)), return_exceptions=True)

    assert [one for one in done if isinstance(one, str)] == [made.id]
    assert sum(isinstance(one, InvalidInput) for one in done) == 7


async def test_a_link_works_for_its_kind_until_its_time_and_a_failure_leaves_it(database: Database) -> None:
    async with database.session() as session:
        for name in ("one", "two"):
            await one_time_links.add(session, NewLink(org_id=ORG, kind=INVITATION, hash=name, email="a@b.c"))

    async def use_and_fail() -> None:
        async with database.session() as session:
            await one_time_links.use(session, kind=INVITATION, link_hash="one")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await use_and_fail()
    async with database.reading() as session:
        assert await one_time_links.peek(session, kind=INVITATION, link_hash="one") is not None
        assert await one_time_links.peek(session, kind=RESET, link_hash="one") is None
    async with database.session() as session:
        await session.execute(update(OneTimeLink).values(expires_at=clock.now() - timedelta(days=31)))
    with pytest.raises(InvalidInput, match="expired"):
        async with database.session() as session:
            await one_time_links.use(session, kind=INVITATION, link_hash="two")
    async with database.session() as session:
        await one_time_links.add(session, NewLink(org_id=ORG, kind=RESET, hash="three"))
        assert await session.scalar(select(func.count()).select_from(OneTimeLink)) == 1


async def test_a_session_is_live_until_it_is_ended_unused_or_past_its_end(database: Database) -> None:
    ada = await add_user(database)
    sessions = [await begin(database, ada, name) for name in ("ended", "unused", "past", "live")]
    async with database.session() as session:
        await user_sessions.end(session, sessions[0])
        now = clock.now()
        for row, values in (
            (sessions[1], {"used_at": now - user_sessions.SLIDING}),
            (sessions[2], {"expires_at": now}),
        ):
            await session.execute(update(UserSession).where(UserSession.id == row.id).values(**values))
    assert [await live(database, name) for name in ("ended", "unused", "past", "live")] == [False] * 3 + [
        True
    ]
    async with database.reading() as session:
        page = await user_sessions.page(session, org_id=ORG, user_id=ada, asked=Asked())
        assert [row.id for row in page.rows] == [sessions[3].id]
        everybodys = await user_sessions.page(session, org_id="org_other", user_id="", asked=Asked())
    assert everybodys.rows == ()


async def test_all_of_a_users_sessions_end_but_one(database: Database) -> None:
    ada, bob = await add_user(database), await add_user(database, "bob@example.com")
    mine = [await begin(database, ada, name) for name in ("a", "b", "c")]
    await begin(database, bob, "bobs")
    async with database.session() as session:
        ended = await user_sessions.end_all(session, org_id=ORG, user_id=ada, but=mine[1].id)
    assert ended == 2
    assert [await live(database, name) for name in ("a", "b", "c", "bobs")] == [False, True, False, True]


async def test_long_past_sessions_are_forgotten_when_the_user_signs_in(database: Database) -> None:
    ada = await add_user(database)
    await begin(database, ada, "old")
    async with database.session() as session:
        await session.execute(update(UserSession).values(expires_at=clock.now() - timedelta(days=31)))
    await begin(database, ada, "new")
    async with database.reading() as session:
        assert [row.hash for row in await session.scalars(select(UserSession))] == ["new"]


async def test_an_address_in_two_organisations_signs_in_to_the_older_unless_it_says_which(
    database: Database,
) -> None:
    first = await add_user(database, org_id="org_other")
    second = await add_user(database, password_hash="two")
    async with database.session() as session:
        await directory.add_user(session, org_id=ORG, email="bob@example.com")  # without a password

    async def found(**asked: str) -> str:
        async with database.reading() as session:
            account = await user_passwords.account(session, **asked)
        return account.user_id if account else ""

    assert await found(email="Ada@Example.com") == first
    assert await found(email="ada@example.com", organization="default") == second
    assert await found(email="ada@example.com", organization="Default") == ""
    assert await found(email="bob@example.com") == ""
    async with database.reading() as session:
        known = {"org_id": ORG, "user_id": second, "email": "ada@example.com"}
        own = await user_passwords.memberships(session, **known, provider_id="")
    async with database.session() as session:
        await user_passwords.put(session, org_id=ORG, user_id=second, password_hash="two", is_by_mail=True)
        members = await user_passwords.memberships(session, **known, provider_id="")
        vouched = await user_passwords.memberships(session, **known, provider_id="idp_1")
    assert [one.slug for one in vouched] == ["default"]
    assert [one.slug for one in own] == ["default"]
    assert [one.slug for one in members] == ["other", "default"]


async def test_a_password_hashed_anew_never_undoes_a_change(database: Database) -> None:
    await add_user(database, password_hash="one")
    async with database.reading() as session:
        account = await user_passwords.account(session, email="ada@example.com")
    async with database.session() as session:
        await user_passwords.put(session, org_id=ORG, user_id=account.user_id, password_hash="changed")
    async with database.session() as session:
        await user_passwords.renew(session, account, password_hash="one at another cost")
    async with database.reading() as session:
        assert [row.password_hash for row in await session.scalars(select(UserPassword))] == ["changed"]
