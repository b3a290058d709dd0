"""Codes and refresh tokens: used once, whoever is quickest, and tied to their server and client."""

import asyncio
import sys
from datetime import timedelta
from typing import NamedTuple

import pytest

from gatewayops.base import clock
from gatewayops.base.errors import Conflict
from gatewayops.identity.oauth import pkce, tokens
from gatewayops.store.control import (
    end_users,
    oauth_clients,
    oauth_devices,
    oauth_grants,
    oauth_keys,
    oauth_requests,
    oauth_revocations,
    servers,
    used_assertions,
)
from gatewayops.store.control.database import Database
from gatewayops.store.control.oauth_clients import ClientSpec
from gatewayops.store.control.oauth_devices import NewDevice
from gatewayops.store.control.oauth_grants import Approval, CodeUse, Successor
from gatewayops.store.control.oauth_keys import NewKey
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.testing.oauth_race import use_code, use_refresh

ORG = "org_default"
CHALLENGE = pkce.challenge_of("v" * 43)
SPEC = ServerSpec(
    name="notes",
    url="http://x",
    timeout_s=5,
    connect_timeout_s=5,
    retries=0,
    max_in_flight=9,
    allows_private=True,
)


class Place(NamedTuple):
    """A server with a client and a person."""

    server_id: str
    client_ref: str
    user_id: str


@pytest.fixture
async def place(database: Database) -> Place:
    async with database.session() as session:
        server = await servers.add(
            session, org_id=ORG, server_id=servers.new_server_id(), spec=SPEC, headers=Headers()
        )
        client = await oauth_clients.add(
            session,
            org_id=ORG,
            server_id=server.id,
            kind="dynamic",
            spec=ClientSpec(name="app", redirect_uris=("https://a/cb",), auth_method="none"),
            secret_hash="",
        )
        user = await end_users.add(session, org_id=ORG, email="ada@example.com", name="", password_hash="")
    return Place(server.id, client.id, user.id)


async def approved(database: Database, place: Place) -> tuple[str, str]:
    """A grant's id, and its code."""
    code = tokens.new_token("ac")
    approval = Approval(place.server_id, place.user_id, place.client_ref, "read", "https://a/cb", CHALLENGE)
    async with database.session() as session:
        digest = tokens.digest(code)
        return await oauth_grants.approve(session, org_id=ORG, approval=approval, code_digest=digest), code


async def exchanged(database: Database, place: Place) -> tuple[str, str]:
    """A grant's id, and its first refresh token."""
    grant_id, code = await approved(database, place)
    refresh = tokens.new_token("rt")
    use = CodeUse(place.server_id, place.client_ref, tokens.digest(code), CHALLENGE, "https://a/cb")
    async with database.session() as session:
        grant = await oauth_grants.use_code(
            session, org_id=ORG, use=use, refresh_digest=tokens.digest(refresh)
        )
    assert grant is not None
    assert grant.id == grant_id
    return grant_id, refresh


async def race(url: str, kind: str, place: Place, token: str) -> list[str]:
    """What came of 50 uses at once in two processes."""
    which = (ORG, place.server_id, place.client_ref, token, CHALLENGE, "25")
    command = (sys.executable, "-m", "gatewayops.testing.oauth_race", url, kind, *which)
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(2)
    ]
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [error for _, error in said] == [b"", b""]
    return [word for out, _ in said for word in out.decode().split()]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_of_fifty_uses_of_a_code_in_two_processes_one_wins(
    database: Database, migrated_url: str, place: Place
) -> None:
    grant_id, code = await approved(database, place)
    found = await race(migrated_url, "code", place, code)
    assert sorted(found) == ["refused"] * 49 + ["taken"]
    async with database.reading() as session:
        grant = await oauth_grants.find(session, org_id=ORG, grant_id=grant_id)
    assert grant.revoked_at is not None, "a code that comes again ends what it brought"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_of_fifty_uses_of_a_refresh_token_in_two_processes_one_makes_the_successor_of_all(
    database: Database, migrated_url: str, place: Place
) -> None:
    _, refresh = await exchanged(database, place)
    found = await race(migrated_url, "refresh", place, refresh)
    assert len(found) == 50
    assert len(set(found)) == 1
    assert found[0].startswith("gwo_rt_")


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_of_fifty_uses_of_a_device_code_in_two_processes_one_wins(
    database: Database, migrated_url: str, place: Place
) -> None:
    code = tokens.new_token("dc")
    new = NewDevice(tokens.digest(code), "u" * 64, place.server_id, place.client_ref, "read")
    approval = Approval(place.server_id, place.user_id, place.client_ref, "read")
    async with database.session() as session:
        await oauth_devices.begin(session, org_id=ORG, new=new)
        assert await oauth_devices.approve(session, org_id=ORG, device_hash=new.hash, approval=approval)
        assert not await oauth_devices.approve(session, org_id=ORG, device_hash=new.hash, approval=approval)
    found = await race(migrated_url, "device", place, code)
    assert sorted(found) == ["refused"] * 49 + ["taken"]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_of_fifty_uses_of_an_assertion_one_wins(database: Database) -> None:
    async def use() -> bool:
        try:
            async with database.session() as session:
                await used_assertions.use_up(session, org_id=ORG, digest="a" * 64, expires_s=2e9)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(use() for _ in range(50)))) == 1


async def test_a_replaced_refresh_token_that_comes_late_ends_the_family(
    database: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant_id, first = await exchanged(database, place)
    where = (database, ORG, place.server_id, place.client_ref)
    second = await use_refresh(*where, (first, ""))
    assert await use_refresh(*where, (first, "")) == second, "within the grace"
    late = clock.now() + oauth_grants.GRACE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert await use_refresh(*where, (first, "")) == "refused"
    assert await use_refresh(*where, (second, "")) == "refused"
    async with database.reading() as session:
        revoked = await oauth_revocations.every(session)
    assert [(row.kind, row.subject) for row in revoked] == [("grant", grant_id)]


async def test_codes_and_tokens_run_out(
    database: Database, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, code = await approved(database, place)
    _, refresh = await exchanged(database, place)
    where = (database, ORG, place.server_id, place.client_ref)
    late = clock.now() + oauth_grants.REFRESH_LIFE + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert await use_code(*where, (code, CHALLENGE)) == "refused"
    assert await use_refresh(*where, (refresh, "")) == "refused"
    async with database.session() as session:
        await oauth_requests.forget_expired(session)
    async with database.engine.connect() as connection:
        for table in ("oauth_codes", "oauth_refresh_tokens", "oauth_grants"):
            assert (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar() == 0, table


async def test_what_is_still_good_is_not_forgotten(database: Database, place: Place) -> None:
    _, refresh = await exchanged(database, place)
    async with database.session() as session:
        await oauth_requests.forget_expired(session)
    where = (database, ORG, place.server_id, place.client_ref)
    assert (await use_refresh(*where, (refresh, ""))).startswith("gwo_rt_")


async def test_what_belongs_to_one_server_client_or_organisation_is_nothing_elsewhere(
    database: Database, place: Place
) -> None:
    _, code = await approved(database, place)
    _, refresh = await exchanged(database, place)
    for org_id, server_id, client_ref in (
        ("org_other", place.server_id, place.client_ref),
        (ORG, "srv_other", place.client_ref),
        (ORG, place.server_id, "cl_other"),
    ):
        assert await use_code(database, org_id, server_id, client_ref, (code, CHALLENGE)) == "refused"
        assert await use_refresh(database, org_id, server_id, client_ref, (refresh, "")) == "refused"
    where = (database, ORG, place.server_id, place.client_ref)
    assert await use_code(*where, (code, CHALLENGE)) == "taken"
    assert (await use_refresh(*where, (refresh, ""))).startswith("gwo_rt_")


async def test_a_disabled_person_a_disabled_client_and_a_withdrawn_consent_end_tokens(
    database: Database, place: Place
) -> None:
    where = (database, ORG, place.server_id, place.client_ref)
    _, first = await exchanged(database, place)
    async with database.session() as session:
        await end_users.disable(session, org_id=ORG, ref=place.user_id)
    assert await use_refresh(*where, (first, "")) == "refused"
    async with database.session() as session:
        await end_users.enable(session, org_id=ORG, ref=place.user_id)
    assert await use_refresh(*where, (first, "")) == "refused", "what was ended stays so"
    _, second = await exchanged(database, place)
    async with database.session() as session:
        await oauth_clients.disable(session, org_id=ORG, server_id=place.server_id, ref=place.client_ref)
    assert await use_refresh(*where, (second, "")) == "refused"
    async with database.reading() as session:
        kinds = sorted(row.kind for row in await oauth_revocations.every(session))
    assert kinds == ["end_user", "grant"]


async def test_secrets_are_nowhere_in_the_store(database: Database, place: Place) -> None:
    _, code = await approved(database, place)
    _, refresh = await exchanged(database, place)
    successor = Successor("d" * 64, tokens.seal_successor("gwo_rt_next", replaced=refresh))
    assert b"gwo_rt_next" not in successor.sealed
    async with database.engine.connect() as connection:
        for table in ("oauth_codes", "oauth_refresh_tokens", "oauth_grants"):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()
            assert rows
            assert code not in str(rows)
            assert refresh not in str(rows)


async def test_keys_rotate_with_overlap(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(key_id: str) -> NewKey:
        return NewKey(key_id, {"kty": "EC"}, b"sealed")

    async def states() -> dict[str, str]:
        async with database.reading() as session:
            return {row.id: row.state for row in await oauth_keys.known(session, org_id=ORG)}

    async with database.session() as session:
        assert await oauth_keys.begin(session, org_id=ORG, active=key("a"), following=key("b"))
    async with database.session() as session:
        assert not await oauth_keys.begin(session, org_id=ORG, active=key("x"), following=key("y"))
        await oauth_keys.rotate(session, org_id=ORG, following=key("c"))
    assert await states() == {"a": "retired", "b": "active", "c": "next"}
    late = clock.now() + oauth_keys.KEPT_AFTER + timedelta(minutes=1)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert await states() == {"b": "active", "c": "next"}
    async with database.session() as session:
        assert await oauth_keys.due(session, older_than=timedelta(hours=1)) == (ORG,)
        assert await oauth_keys.due(session, older_than=timedelta(days=1)) == ()
