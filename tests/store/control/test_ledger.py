"""Budgets and the ledger on both databases: written from the spool once, summed, told to gateways."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from alembic import command

from gatewayops.base import clock
from gatewayops.base.errors import Conflict, InvalidInput, NotFound
from gatewayops.cost.budgets import standing
from gatewayops.cost.budgets.bookkeeper import Bookkeeper, charge_of
from gatewayops.record.call_record import CallRecord
from gatewayops.record.consumers import Follower, Step
from gatewayops.record.progress import Range
from gatewayops.record.spool import SpoolWriter
from gatewayops.store.control import budgets, directory, keys, ledger, revision, snapshot_feed
from gatewayops.store.control.budgets import BudgetSpec
from gatewayops.store.control.database import Database, for_writing
from gatewayops.store.control.keys import HashedSecret, KeySpec
from gatewayops.store.control.ledger import Spender
from gatewayops.store.control.migrate import _config
from gatewayops.store.control.paging import Asked
from gatewayops.store.control.spool_positions import PositionMoved

ORG = "org_default"
NOW = datetime(2025, 10, 9, 12, tzinfo=UTC)  # a Thursday
DOLLAR = 1_000_000
ALL = Asked(limit=200)
_TYPES = CallRecord.__annotations__


@pytest.fixture(autouse=True)
def thursday(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def record(cost_micros=0, *, days_ago=0, **fields):
    empty = {name: kind() for name, kind in _TYPES.items()}
    ts_ns = int((NOW - timedelta(days=days_ago)).timestamp()) * 10**9
    given = {"ts_ns": ts_ns, "org_id": ORG, "key_id": "key_1", "server": "s", "tool": "t"}
    return CallRecord(**empty | given | {"cost_micros": cost_micros} | fields)


def spec(name="b", **more):
    fields = {"scope": "key", "subject": "key_1", "period": "day", "amount_micros": DOLLAR, "is_hard": True}
    return BudgetSpec(name=name, **fields | more)


async def spend(database: Database, *records: CallRecord) -> None:
    async with database.session() as session:
        await ledger.add(session, [(charge_of(one), one.cost_micros) for one in records])


async def spent_by_day(database: Database, org_id: str = ORG) -> dict[date, int]:
    async with database.reading() as session:
        return await ledger.by_day(session, org_id=org_id, since=date(2000, 1, 1))


class TestFromTheSpool:
    @pytest.fixture
    def writer(self, tmp_path):
        opened = SpoolWriter(tmp_path / "spool", segment_bytes=1 << 10)
        yield opened
        opened.close()

    async def test_every_record_is_entered_once_whoever_follows(self, database, writer, tmp_path):
        for number in range(40):
            writer.append(msgspec.msgpack.encode(record(number, key_id=f"key_{number % 3}")))
        follower = Follower(tmp_path / "spool", Bookkeeper(database), batch=7)
        await follower.drain()
        for _ in range(2):
            await Follower(tmp_path / "spool", Bookkeeper(database)).drain()
        writer.append(msgspec.msgpack.encode(record(1_000)))
        await follower.drain()

        assert await spent_by_day(database) == {NOW.date(): sum(range(40)) + 1_000}

    async def test_what_another_process_took_is_not_entered_again(self, database, writer, tmp_path):
        writer.append(msgspec.msgpack.encode(record(5)))
        slow = Bookkeeper(database)
        step = Step((Range("w/1.seg", 0, 100),))
        await slow.take([record(5)], step)

        with pytest.raises(PositionMoved):
            await slow.take([record(5)], step)
        with pytest.raises(PositionMoved):
            await slow.take([record(5)], Step((Range("w/1.seg", 50, 150),)))

        assert await spent_by_day(database) == {NOW.date(): 5}

    async def test_a_failure_keeps_neither_entries_nor_place(self, database, monkeypatch):
        bookkeeper = Bookkeeper(database)

        async def fail(*_: object) -> None:
            raise Conflict("not now")

        with monkeypatch.context() as patched:
            patched.setattr(standing, "raise_thresholds", fail)
            with pytest.raises(Conflict):
                await bookkeeper.take([record(5)], Step((Range("w/1.seg", 0, 100),)))

        assert await bookkeeper.offsets() == {}
        assert await spent_by_day(database) == {}

    async def test_places_of_segments_that_went_are_forgotten(self, database):
        bookkeeper = Bookkeeper(database)
        await bookkeeper.take([], Step((Range("w/1.seg", 0, 10), Range("w/2.seg", 0, 20))))
        await bookkeeper.take([], Step((Range("w/2.seg", 20, 30),), gone=("w/1.seg",)))

        assert await bookkeeper.offsets() == {"w/2.seg": 30}

    async def test_names_that_a_column_cannot_hold_stop_nobody(self, database):
        await spend(database, record(1, tool="x" * 300), record(2, server="nul\0", tool="\0"))
        await spend(database, record(3, tool="x" * 301))

        assert await spent_by_day(database) == {NOW.date(): 6}

    async def test_what_demo_keys_spent_is_taken_back_to_the_micro_dollar(self, database):
        demo = {"key_id": "key_demo", "team_id": "t", "user_id": "ann"}
        await spend(database, record(1, team_id="t"), record(20, **demo), record(300, days_ago=1, **demo))
        async with database.session() as session:
            assert await ledger.remove(session, org_id="org_other", key_ids=["key_demo"]) == 0
            assert await ledger.remove(session, org_id=ORG, key_ids=["key_demo"]) == 2
        asked = [
            Spender(ORG, scope, one) for scope, one in (("team", "t"), ("user", "ann"), ("key", "key_1"))
        ]
        async with database.reading() as session:
            found = await ledger.days(session, asked, since=date(2000, 1, 1))

        assert found == {asked[0]: {NOW.date(): 1}, asked[2]: {NOW.date(): 1}}
        assert await spent_by_day(database) == {NOW.date(): 1}

    async def test_an_upgrade_sums_what_was_spent_before(self, database):
        await spend(database, record(1, team_id="t"), record(20, tool="u"), record(300, days_ago=1))
        engine = for_writing(database.engine)
        async with engine.begin() as connection:
            await connection.run_sync(lambda plain: command.downgrade(_config(plain), "0023"))
        async with engine.begin() as connection:
            await connection.run_sync(lambda plain: command.upgrade(_config(plain), "head"))
        asked = Spender(ORG, "team", "t"), Spender(ORG, "key", "key_1"), Spender(ORG, "user", "")
        async with database.reading() as session:
            found = await ledger.spent(session, asked, since=(NOW.date(), date(2000, 1, 1)))

        assert found == {asked[0]: (1, 1), asked[1]: (21, 321)}

    async def test_sums_of_monstrous_costs_fit(self, database):
        await spend(database, *(record((1 << 63) - 1, tool=str(number)) for number in range(20)))

        assert await spent_by_day(database) == {NOW.date(): 20 << 50}


class TestStandings:
    async def test_a_period_has_what_its_days_have(self, database):
        await spend(
            database, record(1), record(20, days_ago=2), record(300, days_ago=8), record(4_000, days_ago=9)
        )
        async with database.session() as session:
            found = [
                await budgets.add(session, org_id=ORG, spec=spec(period, period=period))
                for period in ("day", "week", "month")
            ]
        async with database.reading() as session:
            stood = await standing.standings(session, found)

        assert [one.spent_micros for one in stood] == [1, 21, 321]
        assert [one.span.start for one in stood] == [date(2025, 10, 9), date(2025, 10, 6), date(2025, 10, 1)]

    async def test_each_scope_has_its_own_and_a_team_its_subtree(self, database):
        async with database.session() as session:
            top = await directory.add_team(session, org_id=ORG, name="top")
            below = await directory.add_team(session, org_id=ORG, name="below", parent="top")
            subjects = {"key": "key_1", "user": "ann", "project": "p", "team": top.id, "organization": ORG}
            found = [
                await budgets.add(session, org_id=ORG, spec=spec(scope, scope=scope, subject=subject))
                for scope, subject in subjects.items()
            ]
        await spend(
            database,
            record(1, team_id=below.id),
            record(10, key_id="k2", user_id="ann"),
            record(100, key_id="k2", project_id="p", team_id=top.id),
            record(1_000, key_id="k2"),
            record(10_000, org_id="org_other"),
        )
        async with database.reading() as session:
            stood = await standing.standings(session, found)
            expected = await standing.forecasts(session, stood)

        assert [one.spent_micros for one in stood] == [1, 10, 100, 101, 1_111]
        assert [one.expected_micros for one in expected] == [
            2,
            20,
            200,
            202,
            2_222,
        ]  # half of the day is over

    async def test_gateways_get_totals_and_the_place_they_go_with(self, database):
        async with database.session() as session:
            hard = await budgets.add(session, org_id=ORG, spec=spec("hard"))
            await budgets.add(session, org_id=ORG, spec=spec("soft", is_hard=False))
        await Bookkeeper(database).take([record(7)], Step((Range("w/1.seg", 0, 9),)))
        async with database.reading() as session:
            state = await standing.state_for_gateways(session)

        assert [(one.budget_id, one.start, one.spent_micros) for one in state.totals] == [
            (hard.id, "2025-10-09", 7)
        ]
        assert state.positions == {"w/1.seg": 9}


class TestThresholds:
    async def test_each_is_raised_once_a_period_when_it_is_reached(self, database, monkeypatch):
        async with database.session() as session:
            await budgets.add(session, org_id=ORG, spec=spec(amount_micros=100, is_hard=False))
            await budgets.add(session, org_id=ORG, spec=spec("other", subject="key_2", amount_micros=1))
        bookkeeper = Bookkeeper(database)

        async def reached():
            async with database.reading() as session:
                page = await budgets.events(session, org_id=ORG, asked=ALL)
            return sorted((event.period_start.day, event.threshold) for event in page.rows)

        for number, (cost, expected) in enumerate([(49, []), (1, [50]), (20, [50]), (31, [50, 80, 100])]):
            await bookkeeper.take([record(cost)], Step((Range("w/1.seg", number, number + 1),)))
            assert await reached() == [(9, threshold) for threshold in expected]
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
        await bookkeeper.take([record(80, days_ago=-1)], Step((Range("w/1.seg", 4, 5),)))
        assert await reached() == [(9, 50), (9, 80), (9, 100), (10, 50), (10, 80)]


class TestBudgets:
    async def test_names_are_unique_in_the_organisation(self, database):
        async with database.session() as session:
            await budgets.add(session, org_id=ORG, spec=spec())
            await budgets.add(session, org_id="org_other", spec=spec())
        with pytest.raises(Conflict, match="another name"):
            async with database.session() as session:
                await budgets.add(session, org_id=ORG, spec=spec())

    async def test_a_change_reaches_gateways_and_keeps_scope_and_subject(self, database):
        async with database.session() as session:
            made = await budgets.add(session, org_id=ORG, spec=spec())
            before = await revision.current(session)
        async with database.session() as session:
            changed = await budgets.change(
                session, org_id=ORG, budget_id=made.id, spec=spec(amount_micros=5, subject="key_2")
            )
            assert await revision.current(session) > before
        async with database.reading() as session:
            (row,) = (await snapshot_feed.build(session)).budgets
        assert (changed.spec.amount_micros, row.amount_micros, row.subject) == (5, 5, "key_1")

    async def test_overrides_count_until_they_end(self, database, monkeypatch):
        async with database.session() as session:
            made = await budgets.add(session, org_id=ORG, spec=spec(amount_micros=10))
            override = await budgets.add_override(
                session, budget=made, extra_micros=5, reason="r", until=NOW + timedelta(hours=1), made_by="me"
            )
            with pytest.raises(InvalidInput, match="until"):
                await budgets.add_override(
                    session, budget=made, extra_micros=5, reason="r", until=NOW, made_by="me"
                )
        async with database.reading() as session:
            found = await budgets.find(session, org_id=ORG, ref="b")
            (row,) = (await snapshot_feed.build(session)).budgets
        assert found.overrides == (override,)
        assert (found.limit_micros(NOW), found.limit_micros(NOW + timedelta(hours=1))) == (15, 10)
        assert row.overrides == ((5, NOW.timestamp() + 3600),)
        async with database.session() as session:
            with pytest.raises(NotFound):
                await budgets.remove_override(
                    session, org_id="org_other", budget_id=made.id, override_id=override.id
                )
            await budgets.remove_override(session, org_id=ORG, budget_id=made.id, override_id=override.id)
            assert (await budgets.find(session, org_id=ORG, ref=made.id)).overrides == ()

    async def test_a_removed_budget_takes_overrides_and_events_along_and_leaves_the_ledger(self, database):
        async with database.session() as session:
            made = await budgets.add(session, org_id=ORG, spec=spec(amount_micros=10))
            await budgets.add_override(
                session, budget=made, extra_micros=5, reason="r", until=NOW + timedelta(1), made_by="me"
            )
        await Bookkeeper(database).take([record(10)], Step((Range("w/1.seg", 0, 1),)))
        async with database.session() as session:
            with pytest.raises(NotFound):
                await budgets.remove(session, org_id="org_other", budget_id=made.id)
            await budgets.remove(session, org_id=ORG, budget_id=made.id)
        async with database.reading() as session:
            assert (await budgets.page(session, org_id=ORG, asked=ALL)).rows == ()
            assert (await budgets.events(session, org_id=ORG, asked=ALL)).rows == ()
        assert await spent_by_day(database) == {NOW.date(): 10}

    async def test_marked_keys_are_those_named_and_those_with_the_label(self, database):
        async with database.session() as session:
            made = [
                await keys.add(
                    session,
                    org_id=ORG,
                    spec=KeySpec(name="k", env="dev", servers=("*",), actions=("*",), labels=labels),
                    secret=HashedSecret("gwo_dev_aaaa", "hash"),
                )
                for labels in ({"grace": "yes"}, {"grace": "no"}, {})
            ]
            await budgets.add(session, org_id=ORG, spec=spec("plain"))
            await budgets.add(session, org_id=ORG, spec=spec("grace", grace_percent=5, grace_keys=("key_x",)))
        async with database.reading() as session:
            rows = {row.name: row for row in await budgets.snapshot_rows(session)}
        assert rows["plain"].grace_keys == ()
        assert rows["grace"].grace_keys == ("key_x", made[0].id)
