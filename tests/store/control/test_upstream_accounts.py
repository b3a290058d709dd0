"""Users' accounts at servers behind: who renews them, what gateways get, and sign-ins that count once."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from gatewayops.base import clock
from gatewayops.base.errors import NotFound
from gatewayops.store.control import (
    directory,
    servers,
    snapshot_feed,
    upstream_accounts,
    upstream_clients,
    upstream_sign_ins,
)
from gatewayops.store.control.database import Database
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.control.upstream_accounts import Place, Sealed, UpstreamAccount
from gatewayops.store.control.upstream_clients import UpstreamClient
from gatewayops.store.control.upstream_sign_ins import SignIn

ORG = "org_default"
URL = "https://mcp.example/mcp"
PLACE = Place(
    url=URL,
    issuer="https://as.example",
    token_endpoint="https://as.example/token",
    revocation_endpoint="",
    resource=URL,
)
SPEC = ServerSpec("notes", URL, 1.0, 1.0, 0, 1, allows_private=False, upstream_auth="user_oauth")


@pytest.fixture
async def account(database: Database) -> UpstreamAccount:
    """Ada's at the server `notes`, due for renewal."""
    async with database.session() as session:
        await servers.add(session, org_id=ORG, server_id="srv_1", spec=SPEC, headers=Headers())
        user = await directory.add_user(session, org_id=ORG, email="ada@example.com", name="Ada")
        client = UpstreamClient(
            id="uc_1",
            org_id=ORG,
            server_id="srv_1",
            issuer=PLACE.issuer,
            kind="dynamic",
            client_id="us",
            auth_method="none",
        )
        await upstream_clients.put(session, client)
    await connect(database, user.id, Sealed(access=b"a1", refresh=b"a refresh token", renew_at=clock.now()))
    return await look(database)


async def connect(database: Database, user_id: str, tokens: Sealed) -> None:
    async with database.session() as session:
        whose = (ORG, "ua_1", "srv_1", user_id)
        await upstream_accounts.connect(
            session, whose=whose, client_ref="uc_1", place=PLACE, scope="", tokens=tokens
        )


async def look(database: Database) -> UpstreamAccount:
    async with database.reading() as session:
        return (await upstream_accounts.find(session, org_id=ORG, account_id="ua_1")).account


async def test_of_two_that_renew_one_gets_the_account_and_it_is_renewed_past_the_audit_log(
    database: Database, account: UpstreamAccount
) -> None:
    async def claim() -> int:
        async with database.session() as session:
            return len(await upstream_accounts.claim_due(session, limit=8))

    assert sorted(await asyncio.gather(claim(), claim(), claim())) == [0, 0, 1]
    later = clock.now() + timedelta(minutes=9)
    async with database.session() as session:
        assert await upstream_accounts.renewed(
            session, account, Sealed(access=b"a2", refresh=b"r2", expires_at=later, renew_at=later)
        )
    now = await look(database)
    assert (now.sealed_access, now.sealed_refresh, now.state) == (b"a2", b"r2", "connected")


async def test_a_renewal_that_comes_after_a_new_sign_in_is_dropped(
    database: Database, account: UpstreamAccount
) -> None:
    await connect(database, account.user_id, Sealed(access=b"new", refresh=b"new"))
    async with database.session() as session:
        assert not await upstream_accounts.renewed(session, account, Sealed(access=b"late"))
        await upstream_accounts.ended(session, account, why="late")
    now = await look(database)
    assert (now.sealed_access, now.state) == (b"new", "connected")


async def test_gateways_get_the_access_token_only_and_none_for_a_server_that_moved(
    database: Database, account: UpstreamAccount
) -> None:
    async def rows() -> tuple[bytes, bytes]:
        async with database.reading() as session:
            built = await snapshot_feed.build(session)
        (row,) = built.upstream_accounts
        return row.sealed_token, msgspec.msgpack.encode(built)

    token, encoded = await rows()
    assert token == b"a1"
    assert b"a refresh token" not in encoded
    async with database.session() as session:
        known = await servers.find(session, org_id=ORG, ref="notes")
        moved = msgspec.structs.replace(known.spec, url="https://elsewhere.example/mcp")
        await servers.change(session, known, spec=moved, headers=known.headers)
    assert (await rows())[0] == b""
    async with database.session() as session:
        await upstream_accounts.ended(session, account, why="invalid_grant")
    now = await look(database)
    assert (now.sealed_access, now.sealed_refresh, now.state) == (b"", b"", "needs_sign_in")


async def test_a_token_that_was_refused_is_due_unless_it_was_just_renewed(
    database: Database, account: UpstreamAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def due() -> bool:
        async with database.session() as session:
            await upstream_accounts.refused(session, ["ua_1", "ua_unknown"])
            return await upstream_accounts.is_any_due(session)

    async with database.session() as session:
        far = clock.now() + timedelta(hours=1)
        await upstream_accounts.postponed(session, account, why="", until=far)
    assert not await due()
    late = clock.now() + timedelta(seconds=31)
    monkeypatch.setattr(clock, "now", lambda: late)
    assert await due()


async def test_an_account_of_one_organisation_is_none_in_another(
    database: Database, account: UpstreamAccount
) -> None:
    async with database.reading() as session:
        with pytest.raises(NotFound):
            await upstream_accounts.find(session, org_id="org_other", account_id="ua_1")
        with pytest.raises(NotFound):
            await upstream_clients.by_ref(session, org_id="org_other", ref="uc_1")
        asked = await upstream_accounts.of_user(
            session, org_id="org_other", server_id="srv_1", user_id=account.user_id
        )
    assert asked is None


async def test_of_many_who_come_back_with_one_state_one_is_let_in(
    database: Database, account: UpstreamAccount
) -> None:
    sign_in = SignIn(
        id="uo_1",
        org_id=ORG,
        server_id="srv_1",
        user_id=account.user_id,
        session_id="us_1",
        client_ref="uc_1",
        state_hash="0" * 64,
        sealed_verifier=b"v",
        place=PLACE,
        scope="",
        sends_iss=True,
    )
    async with database.session() as session:
        await upstream_sign_ins.begin(session, sign_in)

    async def come(session_id: str = "us_1") -> SignIn | None:
        async with database.session() as session:
            return await upstream_sign_ins.use(
                session, state_hash="0" * 64, user_id=account.user_id, session_id=session_id
            )

    assert await come("us_2") is None
    came = await asyncio.gather(*(come() for _ in range(8)))
    assert [one for one in came if one is not None] == [sign_in]
