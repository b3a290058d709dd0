"""The feed of snapshots: what is in one, and that changes reach who waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from gatewayops.base import clock
from gatewayops.store import snapshot
from gatewayops.store.control import (
    directory,
    keys,
    oauth_keys,
    oauth_revocations,
    revision,
    servers,
    snapshot_feed,
)
from gatewayops.store.control.database import Database, migrate
from gatewayops.store.control.keys import HashedSecret, KeySpec
from gatewayops.store.control.servers import Headers, ServerSpec
from gatewayops.store.control.snapshot_feed import RevisionWatch

ORG = "org_default"
LONG_S = 30.0


@asynccontextmanager
async def running(watch: RevisionWatch) -> AsyncIterator[RevisionWatch]:
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_of(watch: RevisionWatch, known: int) -> snapshot.Snapshot:
    raw = await watch.newer_than(known, wait_s=LONG_S)
    assert raw is not None
    return snapshot.decode(raw)


async def switch_masking(database: Database, *, masks: bool) -> None:
    async with database.session() as session:
        await directory.set_masks_contacts(session, org_id=ORG, masks_contacts=masks)


def spec(name: str) -> KeySpec:
    return KeySpec(name=name, env="prod", servers=("*",), actions=("mcp.*",))


async def test_a_snapshot_holds_what_counts_on_the_path_of_a_call(database: Database) -> None:
    async with database.session() as session:
        key = await keys.add(
            session, org_id=ORG, spec=spec("a"), secret=HashedSecret("gwo_prod_aaaa", "hash")
        )
        server = await servers.add(
            session,
            org_id=ORG,
            server_id="srv_a",
            spec=ServerSpec("github", "https://x.example/mcp", 30.0, 5.0, 2, 100, allows_private=True),
            headers=Headers(("Authorization",), b"sealed"),
        )
    async with database.reading() as session:
        built = await snapshot_feed.build(session)
    assert built.keys[0].id == key.id
    assert built.secrets == (snapshot.SecretRow("gwo_prod_aaaa", "hash", key.id),)
    assert built.servers == (server.row(),)
    assert built.servers[0].sealed_headers == b"sealed"
    assert {price.org_id for price in built.prices} == {ORG, "org_other"}
    assert snapshot.decode(snapshot.encode(built)) == built


async def test_ended_keys_and_secrets_are_left_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.session() as session:
        revoked = await keys.add(session, org_id=ORG, spec=spec("r"), secret=HashedSecret("p", "revoked"))
        await keys.revoke(session, org_id=ORG, key_id=revoked.id)
        rotated = await keys.add(session, org_id=ORG, spec=spec("o"), secret=HashedSecret("p", "old"))
        await keys.rotate(session, org_id=ORG, key_id=rotated.id, secret=HashedSecret("p", "new"))
    async with database.reading() as session:
        assert {row.hash for row in (await snapshot_feed.build(session)).secrets} == {"old", "new"}
        later = clock.now() + timedelta(hours=25)
        monkeypatch.setattr(clock, "now", lambda: later)
        built = await snapshot_feed.build(session)
    assert {row.hash for row in built.secrets} == {"new"}
    assert [row.id for row in built.keys] == [rotated.id]


async def test_a_change_reaches_who_waits(database: Database) -> None:
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        waiting = asyncio.create_task(next_of(watch, first.revision))
        await switch_masking(database, masks=True)
        second = await waiting
    assert second.revision > first.revision
    assert [org.masks_contacts for org in second.orgs if org.id == ORG] == [True]


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_sqlite_file_itself_tells_of_each_change(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_feed, "_FALLBACK_POLL_S", 10 * LONG_S)
    async with running(RevisionWatch(database)) as watch:
        known = (await next_of(watch, snapshot.EMPTY.revision)).revision
        for masks in (True, False, True):
            await switch_masking(database, masks=masks)
            newer = (await next_of(watch, known)).revision
            assert newer > known
            known = newer


async def test_without_a_change_nothing_comes(database: Database) -> None:
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        assert await watch.newer_than(first.revision, wait_s=0.01) is None


async def test_who_waits_is_let_go_when_the_process_stops(database: Database) -> None:
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        waiting = asyncio.create_task(watch.newer_than(first.revision, wait_s=LONG_S))
        await asyncio.sleep(0)
        watch.stop_waiting()
        assert await waiting is None
        assert await watch.newer_than(first.revision, wait_s=LONG_S) is None


async def test_a_change_that_was_rolled_back_moves_nothing(database: Database) -> None:
    async with database.reading() as session:
        before = await revision.current(session)
    async with database.session() as session:
        await revision.bump(session)
        await session.rollback()
    async with database.reading() as session:
        assert await revision.current(session) == before


async def test_the_watch_outlives_a_store_that_is_not_ready(
    empty_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_feed, "_RETRY_S", 0.02)
    database = Database.open(empty_url)
    async with running(RevisionWatch(database)) as watch:
        assert await watch.newer_than(-1, wait_s=0.3) is None
        await migrate(empty_url)
        async with database.session() as session:
            await directory.ensure_default(session)
        assert (await next_of(watch, 0)).orgs
    await database.close()
    assert len([record for record in caplog.records if record.name == snapshot_feed.__name__]) == 1


async def test_a_gateway_ahead_of_a_restored_store_gets_its_rules(database: Database) -> None:
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        assert (await next_of(watch, first.revision + 1000)).revision == first.revision


async def test_a_gateway_ahead_of_a_watch_that_is_late_gets_no_old_rules(database: Database) -> None:
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        await switch_masking(database, masks=True)
        await switch_masking(database, masks=False)
        later = await next_of(watch, first.revision + 1)
    assert later.revision == first.revision + 2


async def test_a_lost_listener_is_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.is_sqlite:
        return  # it has none
    monkeypatch.setattr(snapshot_feed, "_RETRY_S", 0.02)
    async with running(RevisionWatch(database)) as watch:
        first = await next_of(watch, snapshot.EMPTY.revision)
        async with database.session() as session:
            await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await switch_masking(database, masks=True)
        assert (await next_of(watch, first.revision)).revision > first.revision


async def test_gateways_learn_signing_keys_and_what_was_revoked(database: Database) -> None:
    jwk = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}
    async with database.session() as session:
        pair = [oauth_keys.NewKey(name, jwk, b"sealed") for name in ("kid_a", "kid_b")]
        await oauth_keys.begin(session, org_id=ORG, active=pair[0], following=pair[1])
        before = await revision.current(session)
    async with database.session() as session:
        await oauth_revocations.add(session, org_id=ORG, kind="grant", subject="gr_1")
    async with database.reading() as session:
        built = await snapshot_feed.build(session)

    assert built.revision > before
    assert built.signing_keys == tuple(snapshot.SigningKeyRow(name, ORG, jwk) for name in ("kid_a", "kid_b"))
    assert [(row.org_id, row.kind, row.subject) for row in built.revocations] == [(ORG, "grant", "gr_1")]
    assert abs(built.revocations[0].before_s - clock.unix_s()) < 60
    assert b"sealed" not in snapshot.encode(built)
