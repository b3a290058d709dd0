"""SQLite's thread is visited as seldom as possible, and no transaction is left open by that."""

import asyncio

import aiosqlite
import pytest
from sqlalchemy import text

from gatewayops.store.control import directory
from gatewayops.store.control.database import Database

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


async def test_nobody_waits_for_the_end_of_a_question_and_yet_it_ends(
    database: Database, migrated_url: str, visits: list[object]
) -> None:
    async def teams() -> int | None:
        async with database.reading() as session:
            return await session.scalar(text("SELECT count(*) FROM teams"))

    assert await teams() == 0
    assert len(visits) == 1
    other = Database.open(migrated_url)
    await _add(other, "meanwhile")
    assert await teams() == 1  # by the same connection, which sees a new moment
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
