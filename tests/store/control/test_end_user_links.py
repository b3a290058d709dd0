"""Links mailed to end users: used once, whoever is quickest, and good for one person at one server."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from gatewayops.base import clock
from gatewayops.base.errors import InvalidInput
from gatewayops.store.control import end_user_links, end_users, oauth_requests, servers
from gatewayops.store.control.database import Database
from gatewayops.store.control.end_user_links import RESET, VERIFY, NewLink, Presented
from gatewayops.store.control.servers import Headers, ServerSpec

ORG, HASH = "org_default", "0" * 64
SPEC = ServerSpec("notes", "http://x", 5.0, 5.0, 0, 9, allows_private=True, auth="platform_oauth")


@pytest.fixture
async def link(database: Database) -> Presented:
    """One that was mailed to ada@example.com."""
    async with database.session() as session:
        server_id = servers.new_server_id()
        await servers.add(session, org_id=ORG, server_id=server_id, spec=SPEC, headers=Headers())
        user = await end_users.add(session, org_id=ORG, email="ada@example.com", name="", password_hash="x")
        new = NewLink(server_id=server_id, end_user_id=user.id, kind=RESET, hash=HASH, email=user.email)
        await end_user_links.add(session, org_id=ORG, new=new)
    return Presented(org_id=ORG, server_id=server_id, kind=RESET, hash=HASH)


async def use(database: Database, link: Presented) -> bool:
    try:
        async with database.session() as session:
            await end_user_links.use(session, link)
    except InvalidInput:
        return False
    return True


async def test_of_twenty_who_come_at_once_one_wins(database: Database, link: Presented) -> None:
    won = await asyncio.gather(*(use(database, link) for _ in range(20)))
    assert won.count(True) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"org_id": "org_other"}, id="another organisation"),
        pytest.param({"server_id": "srv_other"}, id="another server"),
        pytest.param({"kind": VERIFY}, id="another kind"),
        pytest.param({"hash": "1" * 64}, id="another token"),
    ],
)
async def test_a_link_is_good_as_it_was_mailed_only(
    database: Database, link: Presented, change: dict[str, str]
) -> None:
    assert not await use(database, structs.replace(link, **change))
    assert await use(database, link)


async def test_a_link_ends_with_time_and_is_forgotten(
    database: Database, link: Presented, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    async with database.session() as session:
        assert await end_user_links.peek(session, link) is None
        await oauth_requests.forget_expired(session)
    monkeypatch.undo()
    assert not await use(database, link)


async def test_a_link_of_before_stays_shut_when_who_was_disabled_is_let_in_again(
    database: Database, link: Presented
) -> None:
    for change in (end_users.disable, end_users.enable):
        async with database.session() as session:
            await change(session, org_id=ORG, ref="ada@example.com")
    assert not await use(database, link)
