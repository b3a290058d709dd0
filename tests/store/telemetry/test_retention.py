"""How long calls and payloads are kept, changed while the store is in use."""

import asyncio
import time

import pytest

from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry import retention
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.retention import Retention, of_ddl
from gatewayops.store.telemetry.trace_times import extent_of_trace
from gatewayops.testing.store_process import PASSWORD, USER

DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def telemetry(own_telemetry):
    """A database of the test's own: what tables keep is changed here."""
    return own_telemetry


@pytest.fixture
async def kept(telemetry, record):
    """A call of five days ago and one of now."""
    calls = [record(ts_ns=time.time_ns() - days * DAY_NS) for days in (5, 0)]
    for call in calls:
        await telemetry.insert_spans(columns_of([call], batch=call.span_id), call.span_id)
    return calls


async def until(telemetry, expected):
    """Waits for the store's own merges; `expected` is (ages in days, with a payload)."""
    kept = "dateDiff('day', ts, now64(9)) AS age, request_body != '' AS has_body"
    sql = f"SELECT {kept} FROM spans ORDER BY age DESC"
    async with asyncio.timeout(60):
        while True:
            if [(row["age"], row["has_body"]) for row in await telemetry.rows(sql)] == expected:
                return
            await asyncio.sleep(0.1)


async def extent(telemetry, call):
    """How many spans of the call's trace the look-up by id knows of."""
    values = {"org": call.org_id, "trace": call.trace_id}
    [row] = await telemetry.rows(extent_of_trace(), values)
    return row["found"]


async def test_a_new_store_keeps_payloads_as_long_as_calls(telemetry):
    assert await retention.current(telemetry) == Retention(3650, 3650)


async def test_payloads_go_before_their_calls_and_both_follow_a_change(telemetry, kept):
    await retention.change(telemetry, Retention(30, 2))
    assert await retention.current(telemetry) == Retention(30, 2)
    await until(telemetry, [(5, False), (0, True)])

    await retention.change(telemetry, Retention(2, 1))
    await until(telemetry, [(0, True)])
    async with asyncio.timeout(60):
        while [await extent(telemetry, call) for call in kept] != [0, 1]:  # noqa: ASYNC110 - a condition of the store
            await asyncio.sleep(0.1)


async def test_a_restart_keeps_what_was_changed_until_the_setting_changes(store, telemetry):
    await retention.change(telemetry, Retention(40, 7))
    [[database]] = [row.values() for row in await telemetry.rows("SELECT currentDatabase()")]

    for setting, expected in ((3650, Retention(40, 7)), (60, Retention(60, 7))):
        again = Telemetry(store.url, USER, PASSWORD, database, retention_days=setting)
        assert await retention.current(again) == expected
        await again.close()


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        pytest.param(
            "CREATE TABLE x.spans (`request_body` String TTL toDateTime(ts) + toIntervalDay(7)) "
            "ENGINE = MergeTree ORDER BY ts TTL toDateTime(ts) + toIntervalDay(30) SETTINGS a = 1",
            Retention(30, 7),
            id="payloads earlier",
        ),
        pytest.param(
            "CREATE TABLE x.spans (`a` String) ENGINE = MergeTree TTL toDateTime(ts) + toIntervalDay(9)",
            Retention(9, 9),
            id="together",
        ),
    ],
)
def test_the_tables_say_what_holds(ddl, expected):
    assert of_ddl(ddl) == expected
