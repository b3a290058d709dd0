"""Past days are asked as sums; whatever happens to a day's calls, the answers are those of the calls."""

from datetime import date
from itertools import count

import pytest

from gatewayops.app.day_jobs import DayJobs
from gatewayops.query import charges, costs, usage
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry import day_sums, removal_sql
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.store_process import PASSWORD, USER

from .conftest import NOON_NS

DAY_NS = 24 * 3600 * 10**9
MIDNIGHT_NS = NOON_NS - NOON_NS % DAY_NS
FIRST, LATER = date(2025, 10, 9), date(2025, 10, 12)  # NOON_NS is of the first


@pytest.fixture
def insert(telemetry, record):
    batches = count()

    async def these(*changes):
        records = [record(**change) for change in changes]
        await telemetry.insert_spans(columns_of(records, batch="b"), f"batch {next(batches)}")

    return these


@pytest.fixture
def jobs(telemetry):
    return DayJobs(telemetry, today=lambda: LATER)


@pytest.fixture
def answers(store, telemetry):
    """What a client that knows nothing yet is told of the whole period, and how many days it has as sums."""

    async def ask():
        asking = Telemetry(store.url, USER, PASSWORD, telemetry.database, retention_days=3650)
        period = {"org_id": "org_a", "start_ns": MIDNIGHT_NS - 5 * DAY_NS, "end_ns": MIDNIGHT_NS + 5 * DAY_NS}
        told = [await costs.cost_report(asking, **period, group_by=by) for by in costs.GROUPS]
        told += [await costs.daily_costs(asking, **period, group_by="server", limit=1)]
        told += [(await costs.top_costs(asking, **period, limit=5)).tools]
        told += [await usage.key_usage(asking, org_id="org_a", key_ids=["key_a", "key_b"])]
        days = await charges.days_with_calls(asking, **period)
        told += [[day async for day in charges.charges(asking, org_id="org_a", days=days, names={})]]
        summed = len((await asking.day_sums(period["start_ns"], period["end_ns"]))["builds"])
        await asking.close()
        return told, summed

    return ask


VARIED = (
    {"ts_ns": NOON_NS, "user_id": "ada", "team_id": "core", "server": "github", "tool": "search"},
    {"ts_ns": NOON_NS + 1, "user_id": "ada", "team_id": "core", "server": "github", "tool": "search"},
    {"ts_ns": NOON_NS + 2, "user_id": "bob", "project_id": "web", "status": "error", "cost_micros": 7},
    {"ts_ns": NOON_NS + 3, "key_id": "key_b", "method": "tools/list", "tool": "", "response_bytes": 900},
    {"ts_ns": NOON_NS + 4, "door": "otlp", "cost_micros": 999_999},
    {"ts_ns": NOON_NS + 5, "org_id": "org_b", "cost_micros": 5_000_000},
    {"ts_ns": NOON_NS + DAY_NS, "user_id": "ada", "server": "github", "tool": "write", "input_tokens": 3},
    {"ts_ns": NOON_NS + 4 * DAY_NS, "user_id": "bob", "tool": "echo"},
)


async def test_sums_say_what_the_calls_say(insert, jobs, answers):
    await insert(*VARIED)
    of_calls, summed = await answers()
    assert summed == 0

    assert [await jobs.step(), await jobs.step(), await jobs.step()] == [0, 2, 0]
    assert await answers() == (of_calls, 2)  # the day after today is no past one


async def test_a_day_that_still_changes_is_not_summed_up(insert, jobs, answers):
    await insert(VARIED[0])
    assert await jobs.step() == 0
    await insert(VARIED[1])
    assert await jobs.step() == 0
    assert await jobs.step() == 1


async def test_late_calls_count_at_once_and_are_summed_up_later(insert, jobs, answers):
    await insert(*VARIED)
    await jobs.step()
    await jobs.step()
    before, _ = await answers()

    await insert({"ts_ns": NOON_NS + 9, "cost_micros": 70_000, "user_id": "carol"})
    late, summed = await answers()
    assert (late[0].total.calls, late[0].total.cost_micros) == (
        before[0].total.calls + 1,
        before[0].total.cost_micros + 70_000,
    )
    assert summed == 1
    await jobs.step()
    assert await jobs.step() == 1
    assert await answers() == (late, 2)


async def test_calls_that_are_removed_are_gone_from_the_sums_too(telemetry, insert, jobs, answers):
    await insert(*VARIED, {"ts_ns": NOON_NS + 9, "key_id": "key_b", "env": "demo"})
    await jobs.step()
    await jobs.step()
    await telemetry.change(removal_sql.remove(env="demo", key_ids=["key_b"]))

    told, summed = await answers()
    assert (told[0].total.calls, summed) == (6, 0)
    assert await jobs.step() + await jobs.step() == 2
    assert await answers() == (told, 2)


async def test_a_period_may_begin_and_end_within_days(telemetry, insert, jobs):
    await insert(*VARIED)
    await jobs.step()
    await jobs.step()
    start_ns, end_ns = NOON_NS + 2, NOON_NS + 4 * DAY_NS
    report = await costs.cost_report(
        telemetry, org_id="org_a", start_ns=start_ns, end_ns=end_ns, group_by="tool"
    )
    assert report.total.calls == sum(group.figures.calls for group in report.groups) == 3


async def test_a_build_that_was_broken_off_counts_nothing_and_is_cleaned_up(telemetry, insert, jobs, answers):
    await insert(*VARIED)
    told, _ = await answers()
    for statement in day_sums.build(FIRST, 1_000):  # killed before it was remembered, long ago
        await telemetry.change([statement])
    assert await answers() == (told, 0)

    await jobs.step()
    await jobs.step()
    assert await answers() == (told, 2)
    stored = await telemetry.rows("SELECT count() AS rows FROM day_sums WHERE build = 1000")
    assert stored == [{"rows": 0}]


async def test_a_day_that_is_kept_no_longer_is_gone_from_the_sums_too(telemetry, insert, jobs, answers):
    await insert(*VARIED)
    await jobs.step()
    await jobs.step()
    await telemetry.change([f"ALTER TABLE spans DROP PARTITION '{FIRST.isoformat()}'"])
    told, summed = await answers()
    assert (told[0].total.calls, summed) == (2, 1)
