"""Demo data in the control store, on both databases: beside what is there, and gone without a rest."""

import pytest
from sqlalchemy import delete, func, select

from gatewayops.base.errors import Conflict
from gatewayops.demo import marks, removal
from gatewayops.demo.seeding import Seeding, Wanted
from gatewayops.store.control import demo_rows, directory
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.tables import Table, Team
from gatewayops.testing.counting_spans import CountingSpans

_FACTS = ("ledger_entries", "budget_events", "alert_incidents")
_STAYS = ("audit_", "data_keys", "revision", "slug_claims")


async def rows_of(database):
    """How many rows each table has, of those that have any and are not the log of changes."""
    tables = [table for name, table in Table.metadata.tables.items() if not name.startswith(_STAYS)]
    async with database.reading() as session:
        found = [await session.scalar(select(func.count()).select_from(table)) for table in tables]
    return {table.name: count for table, count in zip(tables, found, strict=True) if count}


async def add_team(database, name, parent=""):
    async with database.session() as session:
        return await directory.add_team(session, org_id=DEFAULT_ORG, name=name, parent=parent)


async def test_what_was_seeded_goes_and_what_was_there_stays(database, tmp_path):
    spans, path = CountingSpans(), tmp_path / "demo-data.json"
    await add_team(database, "Engineering")
    before = await rows_of(database)

    wanted = Wanted(days=3, calls=400, seed=5)
    seeded = await Seeding(database, spans, path).seed(wanted, lambda _: None)
    between = await rows_of(database)

    assert (spans.envs, spans.stored) == ({"demo"}, 400)
    assert all(between[table] for table in (*seeded.objects, *_FACTS))
    async with database.reading() as session:
        taken = await demo_rows.names_taken(session, org_id=DEFAULT_ORG)
    assert {"Engineering", "Engineering (demo)", "Support"} <= taken["teams"]

    mine = await add_team(database, "mine", parent=marks.read(path).rows["teams"][0])
    with pytest.raises(Conflict, match="not of the demo"):  # and so nothing goes
        await removal.remove(database, spans, path)
    async with database.session() as session:
        await session.execute(delete(Team).where(Team.id == mine.id))
    assert (await rows_of(database), spans.stored) == (between, 400)

    gone = await removal.remove(database, spans, path)

    assert await rows_of(database) == before
    assert (gone.calls, gone.objects) == (400, seeded.objects)
    assert (gone.ledger_entries, gone.incidents) == (between["ledger_entries"], between["alert_incidents"])
    assert not path.exists()
