"""The telemetry client: schema, batches under tokens, and what it says when the store is away."""

import asyncio
import secrets
import signal

import pytest

from gatewayops.base.errors import Unavailable
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry.client import Telemetry, TelemetryRefused

from .conftest import NOON_NS, PASSWORD, USER


async def counted(telemetry):
    return (await telemetry.rows("SELECT count() AS n FROM spans"))[0]["n"]


async def test_a_batch_comes_back_as_it_was(telemetry, record):
    call = record(
        ts_ns=NOON_NS + 123_456_789,
        tool="näme\0\t'",
        request_body="{}" * 1000,
        is_request_cut=True,
        rpc_code=-32020,
        cost_micros=1_234_567,
    )

    await telemetry.insert_spans(columns_of([call], batch="b1"), "token")

    [row] = await telemetry.rows("SELECT *, cost, toUnixTimestamp64Nano(ts) AS ns FROM spans")
    assert row.pop("ns") == call.ts_ns
    assert str(row.pop("cost")) == "1.234567000"
    assert row["batch"] == "b1"
    for name in call.__struct_fields__[1:]:
        assert row[name] == getattr(call, name), name


async def test_the_same_batch_under_the_same_token_is_stored_once(telemetry, record):
    columns = columns_of([record() for _ in range(50)], batch="b1")

    for _ in range(3):
        await telemetry.insert_spans(columns, "token")
    await telemetry.insert_spans(columns_of([record()], batch="b2"), "another")

    assert await counted(telemetry) == 51


async def test_the_same_batch_sent_twice_at_once_is_stored_once(telemetry, record):
    columns = columns_of([record() for _ in range(500)], batch="b1")
    await telemetry.ensure_schema()

    await asyncio.gather(*(telemetry.insert_spans(columns, "token") for _ in range(4)))

    assert await counted(telemetry) == 500


async def test_a_batch_over_many_days_is_stored_whole_and_once(telemetry, record):
    day_ns = 86_400 * 10**9
    columns = columns_of([record(ts_ns=NOON_NS + day * day_ns) for day in range(150)], batch="b1")

    for _ in range(2):
        await telemetry.insert_spans(columns, "token")

    assert await counted(telemetry) == 150


async def test_absurd_numbers_are_cut_to_what_the_column_holds(telemetry, record):
    calls = [record(rpc_code=2**64 - 1, http_status=2**40), record()]

    await telemetry.insert_spans(columns_of(calls, batch="b1"), "token")

    rows = await telemetry.rows("SELECT rpc_code, http_status FROM spans ORDER BY ts")
    assert rows == [
        {"rpc_code": 2**63 - 1, "http_status": 2**31 - 1},
        {"rpc_code": 0, "http_status": 200},
    ]


async def test_the_spans_of_a_batch_can_be_told(telemetry, record):
    calls = [record() for _ in range(3)]
    await telemetry.insert_spans(columns_of(calls, batch="b1"), "b1")

    stored = await telemetry.batch_span_ids("b1", first_ns=calls[0].ts_ns, last_ns=calls[2].ts_ns)

    assert stored == {call.span_id for call in calls}
    assert await telemetry.batch_span_ids("b2", first_ns=0, last_ns=2 * NOON_NS) == set()


async def test_a_second_client_finds_the_schema_and_may_change_the_retention(store, record):
    database = f"t_{secrets.token_hex(6)}"
    for days in (30, 30, 90):
        telemetry = Telemetry(store.url, USER, PASSWORD, database, retention_days=days)
        await telemetry.ensure_schema()
        [table] = await telemetry.rows(
            "SELECT create_table_query AS ddl FROM system.tables "
            "WHERE database = {database:String} AND name = 'spans'",
            {"database": database},
        )
        assert f"toIntervalDay({days})" in table["ddl"]
        await telemetry.close()


async def test_an_emptied_store_is_prepared_anew(own_telemetry):
    assert await own_telemetry.is_ready()
    await own_telemetry.rows("SELECT 1")
    database = (await own_telemetry.rows("SELECT currentDatabase() AS name"))[0]["name"]
    other = Telemetry(own_telemetry._url.geturl(), USER, PASSWORD, "elsewhere")
    await (await other._ready()).command(f"DROP TABLE {database}.spans")
    await (await other._ready()).command(f"DROP TABLE {database}.schema_versions")
    await other.close()

    assert not await own_telemetry.is_ready()
    assert await own_telemetry.is_ready()


async def test_a_wrong_statement_is_ours_to_mend(telemetry):
    with pytest.raises(TelemetryRefused, match="62"):
        await telemetry.rows("SELEC 1")


async def test_a_wrong_password_is_told_apart(store):
    telemetry = Telemetry(store.url, USER, "wrong", "whatever")

    with pytest.raises(TelemetryRefused, match="516"):
        await telemetry.ensure_schema()

    assert not await telemetry.is_ready()
    await telemetry.close()


async def test_a_store_that_is_away_is_unavailable_until_it_returns(mortal_store, record):
    telemetry = Telemetry(mortal_store.url, USER, PASSWORD, "gatewayops", retention_days=3650)
    await telemetry.insert_spans(columns_of([record()], batch="b1"), "b1")
    mortal_store.end(signal.SIGKILL)

    for _ in range(2):
        with pytest.raises(Unavailable, match="not reachable"):
            await telemetry.rows("SELECT 1")

    mortal_store.start()
    assert await counted(telemetry) == 1
    await telemetry.close()
