"""SQLite's thread is visited seldom: no transaction is left open by that, and nobody stands still."""

import asyncio

import aiosqlite
import pytest
from sqlalchemy import text

from gatewayops.store.control import directory
from gatewayops.store.control.database import Database

_LONG = """SELECT count(*) FROM (
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n)"""

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
async def visits(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the driver's thread was asked for, once there are connections."""
    async with database.session() as writing, database.reading() as reading:
        await writing.execute(text("SELECT 1"))
        await reading.execute(text("SELECT 1"))
    seen: list[object] = []
    plain = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, run: object, *given: object, **how: object) -> object:
        seen.append(run)
        return await plain(self, run, *given, **how)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return seen


async def test_a_transaction_of_two_statements_visits_the_thread_three_times(
    database: Database, visits: list[object]
) -> None:
    async with database.session() as session:
        for name in ("one", "two"):
            await session.execute(text("UPDATE teams SET name = :name"), {"name": name})
    assert len(visits) == 3  # each statement, and the commit


async def test_a_question_visits_no_thread_and_yet_its_transaction_ends(
    database: Database, migrated_url: str, visits: list[object]
) -> None:
    async def teams() -> int | None:
        async with database.reading() as session:
            return await session.scalar(text("SELECT count(*) FROM teams"))

    assert await teams() == 0
    assert not visits
    other = Database.open(migrated_url)
    await _add(other, "meanwhile")
    assert await teams() == 1  # by the same connection, which sees a new moment
    await other.close()


async def test_a_long_question_is_answered_while_the_event_loop_goes_on(
    database: Database, visits: list[object]
) -> None:
    async def count() -> int | None:
        async with database.reading() as session:
            return await session.scalar(text(_LONG))

    asking = asyncio.create_task(count())
    turns = 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
    assert asking.result() == 1_000_000
    assert turns > 2
    assert len(visits) == 1
    assert await count() == 1_000_000  # and the connection is as good as before


async def test_a_long_question_of_a_writer_loses_nothing_of_what_was_written(database: Database) -> None:
    async with database.session() as session:
        await directory.add_team(session, org_id="org_default", name="before")
        await session.flush()
        assert await session.scalar(text(_LONG)) == 1_000_000
        await directory.add_team(session, org_id="org_default", name="after")
    async with database.reading() as reading:
        names = (await reading.scalars(text("SELECT name FROM teams ORDER BY name"))).all()
    assert names == ["after", "before"]


async def test_whoever_leaves_a_long_question_leaves_no_transaction(
    database: Database, migrated_url: str
) -> None:
    async def ask() -> None:
        async with database.reading() as session:
            await session.scalar(text(_LONG))

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.03)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    other = Database.open(migrated_url)
    await _add(other, "meanwhile")
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 1
    await other.close()


async def test_a_writer_that_is_cancelled_while_it_waits_leaves_nothing_locked(
    database: Database, migrated_url: str
) -> None:
    other = Database.open(migrated_url)
    async with database.session() as session:
        await directory.add_team(session, org_id="org_default", name="first")
        await session.flush()
        waiting = asyncio.create_task(_add(other, "cancelled"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await _add(other, "second")
    await _add(database, "third")
    async with other.reading() as reading:
        names = (await reading.scalars(text("SELECT name FROM teams ORDER BY name"))).all()
    assert names == ["first", "second", "third"]
    await other.close()


async def _add(database: Database, name: str) -> None:
    async with database.session() as session:
        await directory.add_team(session, org_id="org_default", name=name)
