"""Runs over the real store: what belongs together, figures, pages, one run by its id, and comparisons."""

import random

import pytest

from gatewayops.query import run_calls, runs
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry import run_sql
from gatewayops.store.telemetry.run_sql import RunFilter

from .conftest import NOON_NS

HOUR = {"start_time": "2025-10-09T09:00:00Z", "end_time": "2025-10-09T10:00:00Z"}
MINUTE_NS = 60 * 10**9
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def keep(telemetry):
    """Stores records, as the recorder would."""

    async def keep(*records):
        await telemetry.insert_spans(columns_of(records, batch=records[0].span_id), records[0].span_id)

    return keep


async def listed(api, **asked):
    answer = await api.get("/v1/runs", params=HOUR | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["runs"]


async def spans(api, run_id, **asked):
    answer = await api.get(f"/v1/runs/{run_id}", params=asked)
    assert answer.status_code == 200, answer.text
    return [step["span_id"] for step in answer.json()["steps"]]


def at(minute):
    return NOON_NS + minute * MINUTE_NS


def a_day(record):
    """Calls of one key as they happened, and which of them make a run."""
    given = [record(trace_id=TRACE, ts_ns=at(2)), record(trace_id=TRACE, ts_ns=at(50))]
    below = [record(ts_ns=at(3), parent_span_id="a" * 16)]
    legacy = [record(ts_ns=at(minute), session="s" * 16) for minute in (4, 40)]
    morning = [record(ts_ns=at(minute), agent="coder") for minute in (1, 20, 45)]
    other = [record(ts_ns=at(21), agent="writer")]
    return {"trace": given, "below": below, "session": legacy, "idle": morning, "other": other}


async def test_calls_are_stitched_by_trace_then_session_then_who_called(api, keep, record):
    of = a_day(record)
    await keep(*(call for calls in of.values() for call in calls))

    found = await listed(api)

    shown = {tuple(await spans(api, run["id"])): run["stitched_by"] for run in found}
    kinds = {"trace": "trace", "below": "trace", "session": "session", "idle": "idle", "other": "idle"}
    assert shown == {tuple(call.span_id for call in of[name]): kind for name, kind in kinds.items()}


async def test_a_pause_of_more_than_half_an_hour_ends_a_run(api, keep, record):
    first, second = [record(ts_ns=at(0)), record(ts_ns=at(30))], [record(ts_ns=at(60) - 1 + MINUTE_NS)]
    await keep(*first, *second)

    day = {"start_time": "2025-10-09", "end_time": "2025-10-09"}
    late, early = await listed(api, **day)

    assert await spans(api, early["id"]) == [call.span_id for call in first]
    assert await spans(api, late["id"]) == [call.span_id for call in second]


async def test_a_run_that_began_before_the_range_is_not_listed_in_it(api, keep, record):
    await keep(record(ts_ns=at(-5)), record(ts_ns=at(5)))

    assert await listed(api) == []


async def test_the_figures_of_a_run(api, keep, record):
    await keep(
        record(ts_ns=at(0), user_id="ada", cost_micros=1_500, server="github"),
        record(ts_ns=at(1), user_id="ada", cost_micros=500, status="error"),
        record(ts_ns=at(2), user_id="ada", duration_ns=2 * MINUTE_NS),
    )

    [run] = await listed(api)
    told = (await api.get(f"/v1/runs/{run['id']}")).json()

    assert (run["steps"], run["errors"], run["outcome"], run["total_cost"]) == (3, 1, "recovered", 0.003)
    assert (run["start_time"], run["duration_ms"]) == ("2025-10-09T09:00:00.000000Z", 240_000)
    assert (run["user_id"], run["agent_name"], run["servers"]) == ("ada", "pytest", ["demo", "github"])
    assert told["run"] == run
    step = told["steps"][1]
    assert (step["operation"], step["server"], step["tool"]) == ("mcp.tools.call", "demo", "echo")
    assert (step["status"], step["cost"], step["duration_ms"]) == ("error", 0.0005, 2.5)


@pytest.mark.parametrize(
    "asked",
    [
        {"server": "github"},
        {"tool": "create_issue"},
        {"agent": "coder"},
        {"user_id": "ada"},
        {"outcome": "failed"},
        {"min_steps": 2},
        {"min_cost": "0.4"},
        {"min_duration_ms": 60_000},
    ],
    ids=str,
)
async def test_a_filter_finds_its_run_whole_and_no_other(api, keep, record, asked):
    wanted = [
        record(ts_ns=at(0), agent="coder", user_id="ada"),
        record(
            ts_ns=at(1), agent="coder", user_id="ada", server="github", tool="create_issue",
            status="timeout", cost_micros=500_000,
        ),
    ]  # fmt: skip
    await keep(*wanted, record(ts_ns=at(0)))

    [run] = await listed(api, **asked)

    assert run["steps"] == 2


async def test_pages_of_runs_and_of_steps_do_not_shift_when_calls_arrive(api, keep, record):
    calls = [record(agent=f"agent {number}", ts_ns=at(0) + number % 3) for number in range(7)]
    await keep(*calls)
    seen, cursor = [], ""
    for _ in range(3):
        page = (await api.get("/v1/runs", params=HOUR | {"limit": 3, "cursor": cursor})).json()
        seen += [run["agent_name"] for run in page["runs"]]
        cursor = page["cursor"]
        await keep(record(ts_ns=at(59), agent="late"), record(ts_ns=at(10), agent="agent 1"))
    run = (await listed(api, agent="agent 1"))[-1]
    first = (await api.get(f"/v1/runs/{run['id']}", params={"limit": 2})).json()
    rest = await spans(api, run["id"], cursor=first["cursor"])

    assert sorted(seen) == sorted(call.agent for call in calls)
    assert cursor is None
    assert len({step["span_id"] for step in first["steps"]} | set(rest)) == 4


async def test_an_id_stays_the_same_while_a_run_grows(api, keep, record):
    await keep(
        record(ts_ns=at(0)), record(ts_ns=at(1), session="x"), record(ts_ns=at(2), parent_span_id="b" * 16)
    )
    before = {run["id"] for run in await listed(api)}

    await keep(record(ts_ns=at(10)), record(ts_ns=at(11), session="x"))

    assert {run["id"] for run in await listed(api)} == before


async def test_a_traces_id_stands_for_its_run(api, keep, record):
    lone = record()
    await keep(lone)

    assert await spans(api, f"tr_{lone.trace_id}") == [lone.span_id]


async def test_spans_of_others_are_no_steps(api, keep, record):
    await keep(record(trace_id=TRACE, parent_span_id="c" * 16), record(trace_id=TRACE, door="otlp"))

    [run] = await listed(api)

    assert run["steps"] == 1


async def test_another_organisation_sees_nothing(api, keep, record):
    ours = record(agent="x", ts_ns=at(0))
    await keep(ours)
    [run] = await listed(api)
    await keep(record(org_id="org_b", agent="y"), record(org_id="org_b", trace_id=TRACE))

    assert [found["id"] for found in await listed(api)] == [run["id"]]
    for foreign in (f"tr_{TRACE}", "run_AAAA", "run_", "run_k6Rub25lkaFhAA", "x"):
        assert (await api.get(f"/v1/runs/{foreign}")).status_code == 404, foreign


async def test_two_runs_are_compared_step_by_step(api, keep, record):
    a = [record(ts_ns=at(0) + n, trace_id="a" * 32, tool=tool) for n, tool in enumerate("xyz")]
    b = [record(ts_ns=at(1) + n, trace_id="b" * 32, tool=tool) for n, tool in enumerate("xwz")]
    b[-1] = record(ts_ns=at(2), trace_id="b" * 32, tool="z", status="error", cost_micros=2_000)
    await keep(*a, *b)

    told = (await api.get("/v1/runs/compare", params={"a": "tr_" + "a" * 32, "b": "tr_" + "b" * 32})).json()

    assert [pair["change"] for pair in told["steps"]] == ["same", "only_a", "only_b", "status"]
    assert told["steps"][3]["cost"] == 0.001
    assert (told["difference"]["steps"], told["difference"]["errors"]) == (0, 1)
    assert told["difference"]["cost"] == 0.001
    assert told["is_cut"] is False


def ten_hours(record):
    """Calls of all kinds of runs, by chance."""
    chance = random.Random(11)
    calls = []
    for _ in range(250):
        kind = chance.choice(("trace", "session", "idle", "idle"))
        more = {"ts_ns": at(0) + chance.randrange(600 * MINUTE_NS), "agent": f"agent {chance.randrange(8)}"}
        if kind == "trace":
            more["trace_id"] = f"{chance.randrange(60):032x}"
        elif kind == "session":
            more["session"] = f"session {chance.randrange(40)}"
        calls.append(record(**more))
    # a session whose first call belongs to a trace: it began with the second
    calls += [
        record(session="of two", ts_ns=at(10), parent_span_id="a" * 16),
        record(session="of two", ts_ns=at(580)),
    ]
    return calls


async def test_a_short_look_finds_the_runs_that_began_in_it_as_a_look_at_everything_does(
    telemetry, keep, record
):
    await keep(*ten_hours(record))
    wanted = RunFilter(org_id="org_a", start_ns=at(0), end_ns=at(600))
    values = run_sql.list_values(wanted) | {"limit": 1000}
    every = await telemetry.rows(run_sql.list_all_runs(wanted, is_continued=False), values | {"since": at(0)})

    for minute in (0, 300, 450, 560):
        look = values | {"since": at(minute)}
        found = await telemetry.rows(run_sql.list_runs(wanted, is_continued=False), look)

        assert _told(found) == _told(run for run in every if run["began_ns"] >= at(minute)), minute
        assert found
    assert ["session", "key_a", "of two"] in [run["run_key"] for run in found]


@pytest.mark.parametrize("asked", [{}, {"agent": "agent 3"}, {"outcome": "recovered"}], ids=str)
async def test_runs_of_few_calls_are_what_the_store_makes_of_many(
    telemetry, keep, record, monkeypatch, asked
):
    await keep(
        *ten_hours(record),
        *(record(ts_ns=at(200) + 4 * n * MINUTE_NS, agent="agent 3", status="error") for n in range(9)),
        record(ts_ns=at(240), agent="agent 3"),
    )
    wanted = RunFilter(org_id="org_a", start_ns=at(100), end_ns=at(500), **asked)

    few = await _pages_and_single_runs(telemetry, wanted)
    monkeypatch.setattr(run_calls, "MOST_CALLS", 0)

    assert few == await _pages_and_single_runs(telemetry, wanted)
    assert all(few)


async def _pages_and_single_runs(telemetry, wanted):
    found, cursor = [], ""
    while cursor is not None:
        page = await runs.list_runs(telemetry, wanted, limit=20, cursor=cursor)
        found += page.runs
        cursor = page.cursor
    named = {run.kind: run.id for run in found}
    return found, {one: await runs.one_run(telemetry, org_id="org_a", run_id=one) for one in named.values()}


def _told(found):
    """Runs with their sets in order."""
    return [run | {"servers": sorted(run["servers"])} for run in found]
