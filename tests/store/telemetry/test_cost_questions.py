"""The costs API and the usage of keys over the real store."""

from datetime import UTC, datetime

import pytest

from gatewayops.query.usage import KeyUsage, key_usage
from gatewayops.record.rows import columns_of

from .conftest import NOON_NS

DAY_NS = 86_400 * 10**9
OCTOBER = {"start_date": "2025-10-01", "end_date": "2025-10-31"}


@pytest.fixture
async def week(telemetry, record):
    """Four calls on 8, 9, 9 and 13 October 2025, one of them failed, and one of another organisation."""
    calls = [
        record(ts_ns=NOON_NS - DAY_NS, team_id="red", user_id="ann", server="files", cost_micros=1),
        record(ts_ns=NOON_NS, team_id="red", user_id="bob", server="files", tool="read", cost_micros=20),
        record(ts_ns=NOON_NS, team_id="blue", user_id="ann", server="db", cost_micros=300, status="error"),
        record(ts_ns=NOON_NS + 4 * DAY_NS, server="db", key_id="key_b", cost_micros=4_000_000_000_000),
        record(ts_ns=NOON_NS, org_id="org_b", cost_micros=77),
    ]
    await telemetry.insert_spans(columns_of(calls, batch="week"), "week")
    return calls


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("day", [("2025-10-08", 0.000001), ("2025-10-09", 0.00032), ("2025-10-13", 4e6)]),
        ("week", [("2025-10-06", 0.000321), ("2025-10-13", 4e6)]),
        ("month", [("2025-10", 4000000.000321)]),
        ("team", [(None, 4e6), ("blue", 0.0003), ("red", 0.000021)]),
        ("user", [(None, 4e6), ("ann", 0.000301), ("bob", 0.00002)]),
        ("project", [(None, 4000000.000321)]),
        ("server", [("db", 4000000.0003), ("files", 0.000021)]),
        ("tool", [("db/echo", 4000000.0003), ("files/read", 0.00002), ("files/echo", 0.000001)]),
    ],
)
async def test_a_summary_by(api, week, group_by, expected):
    answer = (await api.get("/v1/costs/summary", params=OCTOBER | {"group_by": group_by})).json()

    assert [(group["group"], group["cost"]) for group in answer["breakdown"]] == expected
    assert answer["summary"]["total_cost"] == 4000000.000321
    assert (answer["summary"]["total_calls"], answer["summary"]["total_errors"]) == (4, 1)
    assert answer["summary"]["period"] == {"start": "2025-10-01", "end": "2025-10-31"}


@pytest.mark.parametrize("name", ["team", "user", "server"])
async def test_the_reports_by_name_are_the_summary_so_grouped(api, week, name):
    report = await api.get(f"/v1/costs/by-{name}", params=OCTOBER)
    summary = await api.get("/v1/costs/summary", params=OCTOBER | {"group_by": name})

    assert report.json() == summary.json()


async def test_both_days_of_a_period_count(api, week):
    params = {"start_date": "2025-10-08", "end_date": "2025-10-09"}

    assert (await api.get("/v1/costs/summary", params=params)).json()["summary"]["total_calls"] == 3


async def test_a_period_without_calls_is_empty(api, week):
    answer = (
        await api.get("/v1/costs/summary", params={"start_date": "2020-01-01", "end_date": "2020-01-02"})
    ).json()

    assert (answer["summary"]["total_cost"], answer["breakdown"]) == (0, [])


async def test_one_trace_by_tool(api, telemetry, record):
    trace = "ab" * 16
    calls = [
        record(trace_id=trace, tool=tool, cost_micros=cost) for tool, cost in (("a", 1), ("b", 5), ("a", 1))
    ]
    await telemetry.insert_spans(columns_of(calls, batch="t"), "t")

    answer = (await api.get(f"/v1/costs/trace/tr_{trace}")).json()

    assert (answer["trace_id"], answer["total_cost"], answer["total_calls"]) == (f"tr_{trace}", 0.000007, 3)
    assert [(row["tool"], row["cost"], row["calls"]) for row in answer["breakdown"]] == [
        ("b", 0.000005, 1),
        ("a", 0.000002, 2),
    ]
    assert (await api.get("/v1/costs/trace/unknown")).status_code == 404


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"start_date": "2025-10-01T00:00:00Z"}, "start_date"),
        ({"end_date": "2025-02-30"}, "end_date"),
        ({"start_date": "2025-10-02", "end_date": "2025-10-01"}, "start_date"),
        ({"group_by": "colour"}, "group_by"),
    ],
    ids=str,
)
async def test_bad_input_is_named(api, asked, field):
    answer = await api.get("/v1/costs/summary", params=asked)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["message"].startswith(f"{field}:")


async def test_usage_of_keys(telemetry, week):
    usage = await key_usage(telemetry, org_id="org_a", key_ids=["key_a", "key_b", "key_unused"])

    assert usage["key_a"] == KeyUsage(3, 1, 321, datetime.fromtimestamp(NOON_NS // 10**9, UTC))
    assert usage["key_b"].cost_micros == 4_000_000_000_000
    assert usage["key_unused"] == KeyUsage()
    assert await key_usage(telemetry, org_id="org_a", key_ids=[]) == {}


async def test_days_of_a_period_by_team_with_the_dearest_and_the_rest(api, week):
    params = {"start_date": "2025-10-07", "end_date": "2025-10-09", "group_by": "team"}

    every = (await api.get("/v1/costs/daily", params=params)).json()
    dearest = (await api.get("/v1/costs/daily", params=params | {"limit": 1})).json()

    assert every["days"] == ["2025-10-07", "2025-10-08", "2025-10-09"]
    assert every["calls"] == [0, 1, 2]
    assert every["groups"] == [
        {"group": "blue", "is_other": False, "costs": [0, 0, 0.0003]},
        {"group": "red", "is_other": False, "costs": [0, 0.000001, 0.00002]},
    ]
    assert dearest["groups"] == [
        {"group": "blue", "is_other": False, "costs": [0, 0, 0.0003]},
        {"group": None, "is_other": True, "costs": [0, 0.000001, 0.00002]},
    ]


async def test_who_takes_an_answer_of_a_minute_ago_is_told_what_somebody_was_told_before(
    api, telemetry, week, record
):
    async def calls_told(cache_control=""):
        answer = await api.get(
            "/v1/costs/summary",
            params=OCTOBER,
            headers={"Cache-Control": cache_control} if cache_control else {},
        )
        return answer.json()["summary"]["total_calls"]

    assert await calls_told("no-cache, max-age=60") == 4
    await telemetry.insert_spans(columns_of([record(ts_ns=NOON_NS)], batch="late"), "late")
    assert [await calls_told("max-age=60"), await calls_told("max-age=0"), await calls_told()] == [4, 5, 5]
    assert await calls_told("max-age=60") == 4  # who asks anew does not change what others were told
