"""Demo data in the control store, on both databases: marked, kept apart from what is there, and gone without a rest."""

import msgspec
import pytest
from sqlalchemy import func, select

from gatewayops.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from gatewayops.demo import marks, removal
from gatewayops.demo.seeding import Seeding, Wanted
from gatewayops.store.control import alert_channels, budgets, demo_rows, directory
from gatewayops.store.control.alert_channels import ChannelSpec
from gatewayops.store.control.budgets import BudgetSpec
from gatewayops.store.control.directory import DEFAULT_ORG
from gatewayops.store.control.tables import OwnedTable, Table

WANTED = Wanted(days=3, calls=400, seed=5)
_FACTS = ("ledger_entries", "budget_events", "alert_incidents")


class Spans:
    """A telemetry store that counts; it fails when it has taken `most`."""

    def __init__(self):
        self.env = {}
        self.most = 1 << 30
        self.stored = 0

    async def ensure_schema(self):
        pass

    async def rows(self, sql, parameters=None):
        ddl = "CREATE TABLE spans () ENGINE = MergeTree TTL toDateTime(ts) + toIntervalDay(30)"
        return [{"ddl": ddl} if "create_table_query" in sql else {"calls": self.stored}]

    async def insert_spans(self, columns, token):
        if self.stored >= self.most:
            msg = "the telemetry store is not reachable"
            raise Unavailable(msg)
        self.stored += len(columns["ts"])
        self.env = dict.fromkeys(columns["env"])

    async def change(self, statements):
        self.stored = 0


@pytest.fixture
def spans():
    return Spans()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo-data.json"


@pytest.fixture
def seed(database, spans, path):
    async def asked(**changes):
        wanted = msgspec.structs.replace(WANTED, **changes)
        return await Seeding(database, spans, path).seed(wanted, lambda _: None)

    return asked


async def rows_of(database):
    """How many rows each table has, of those that have any and are not the log of changes."""
    names = [
        name
        for name, table in Table.metadata.tables.items()
        if not name.startswith(("audit_", "data_keys")) and name not in ("revision", "slug_claims")
    ]
    async with database.reading() as session:
        tables = [Table.metadata.tables[name] for name in names]
        found = [await session.scalar(select(func.count()).select_from(table)) for table in tables]
    return {name: count for name, count in zip(names, found, strict=True) if count}


async def add_team(database, name, parent=""):
    async with database.session() as session:
        return await directory.add_team(session, org_id=DEFAULT_ORG, name=name, parent=parent)


async def test_what_was_seeded_goes_and_what_was_there_stays(database, spans, path, seed):
    await add_team(database, "Engineering")
    before = await rows_of(database)

    seeded = await seed()
    between = await rows_of(database)
    gone = await removal.remove(database, spans, path)

    assert spans.env == {"demo": None}
    assert seeded.objects == gone.objects
    assert all(between[table] for table in (*seeded.objects, *_FACTS))
    assert await rows_of(database) == before
    assert gone.calls == 400
    assert (gone.ledger_entries, gone.incidents) == (between["ledger_entries"], between["alert_incidents"])
    assert not path.exists()


async def test_a_name_that_is_taken_is_used_with_the_word_demo(database, seed):
    await add_team(database, "Engineering")

    await seed()

    async with database.reading() as session:
        taken = await demo_rows.names_taken(session, org_id=DEFAULT_ORG)
    assert {"Engineering", "Engineering (demo)", "Support"} <= taken["teams"]


async def test_one_budget_is_spent_and_the_incident_of_it_is_open(database, seed):
    await seed()

    async with database.reading() as session:
        incidents = OwnedTable.metadata.tables["alert_incidents"]
        found = (await session.execute(select(incidents.c.state, incidents.c.summary))).all()
        spent = await session.scalar(
            select(func.sum(OwnedTable.metadata.tables["ledger_entries"].c.cost_micros))
        )
    assert spent > 0
    assert any(state == "resolved" and "met a rate limit" in summary for state, summary in found)
    assert all("has spent 11" in summary for state, summary in found if state == "firing")


async def test_nothing_is_seeded_twice(seed, spans):
    await seed()

    with pytest.raises(Conflict, match="`gatewayops demo remove` first"):
        await seed()
    assert spans.stored == 400


async def test_a_seeding_that_broke_off_can_be_removed(database, spans, path, seed):
    before = await rows_of(database)
    spans.most = 0

    with pytest.raises(Unavailable):
        await seed()
    with pytest.raises(Conflict, match="not to its end"):
        await seed()
    await removal.remove(database, spans, path)

    assert await rows_of(database) == before
    spans.most = 1 << 30
    assert (await seed()).calls == 400


async def test_what_the_demo_does_not_own_keeps_it_from_going(database, spans, path, seed):
    await seed()
    team_id = marks.read(path).rows["teams"][0]
    await add_team(database, "mine", parent=team_id)
    between = await rows_of(database)

    with pytest.raises(Conflict, match="not of the demo"):
        await removal.remove(database, spans, path)

    assert await rows_of(database) == between
    assert spans.stored == 400


async def test_nobody_is_told_of_invented_incidents_unless_they_may_be(database, seed):
    spec = ChannelSpec(name="ops", kind="webhook", address="https://ops.example/hook", is_for_all=True)
    async with database.session() as session:
        await alert_channels.add(
            session, org_id=DEFAULT_ORG, channel_id="channel_1", spec=spec, sealed_secret=b""
        )

    with pytest.raises(Conflict, match="would be told"):
        await seed()
    assert (await seed(anyway=True)).calls == 400


async def test_invented_cost_does_not_stop_real_calls_unless_it_may(database, seed):
    spec = BudgetSpec(
        name="all", scope="organization", subject=DEFAULT_ORG, period="month", amount_micros=9, is_hard=True
    )
    async with database.session() as session:
        await budgets.add(session, org_id=DEFAULT_ORG, spec=spec)

    with pytest.raises(Conflict, match="hard budget of the organisation"):
        await seed()


async def test_more_days_than_are_kept_are_refused(seed, path):
    with pytest.raises(InvalidInput, match="30 days"):
        await seed(days=31)
    assert not path.exists()


async def test_there_is_nothing_to_remove_where_nothing_was_seeded(database, spans, path):
    with pytest.raises(NotFound, match="no demo data"):
        await removal.remove(database, spans, path)
