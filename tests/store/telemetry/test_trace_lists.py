"""Lists of traces however they are read: narrowly or summed up by the store, in parts, from doubled rows."""

import pytest

from gatewayops.query import traces
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry.span_filter import SpanFilter

from .conftest import NOON_NS

DAY_NS = 86_400 * 10**9
MONTH = SpanFilter(org_id="org_a", start_ns=NOON_NS - 29 * DAY_NS, end_ns=NOON_NS + DAY_NS)


@pytest.fixture
async def mixed(telemetry, record):
    """Traces of several spans, calls and exported ones, of many servers, users and ends."""
    spans = []
    for number in range(4):
        trace = {"trace_id": f"{number:032x}", "server": f"s{number}", "user_id": "ada" if number else ""}
        spans += [
            record(**trace, door="otlp", agent="sent", cost_micros=0, duration_ns=9 * 10**9),
            record(**trace, agent="calls", status="error" if number % 2 else "success", team_id="t"),
            record(
                **trace | {"server": "other", "user_id": "bob"},
                status="timeout" if number == 3 else "success",
            ),
        ]
    await telemetry.insert_spans(columns_of(spans, batch="b"), "b")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"statuses": ("error", "timeout")},
        {"server": "s1", "tool": "echo"},
        {"min_duration_ns": 10**9, "max_cost_micros": 2_000},
        {"max_duration_ns": 1},
        {"user_id": "ada", "min_cost_micros": 2_000},
    ],
    ids=lambda asked: " ".join(asked) or "all",
)
async def test_a_page_of_many_spans_says_what_one_of_few_says(telemetry, mixed, monkeypatch, asked):
    wanted = SpanFilter(org_id="org_a", start_ns=NOON_NS, end_ns=NOON_NS + DAY_NS, **asked)
    narrow = await traces.list_traces(telemetry, wanted, limit=2)
    rest = (
        [await traces.list_traces(telemetry, wanted, limit=2, cursor=narrow.cursor)] if narrow.cursor else []
    )
    monkeypatch.setattr(traces, "_MOST_SPANS", 1)

    summed_up = await traces.list_traces(telemetry, wanted, limit=2)

    assert summed_up == narrow
    assert rest == [
        await traces.list_traces(telemetry, wanted, limit=2, cursor=page.cursor)
        for page in [narrow]
        if page.cursor
    ]
    assert bool(narrow.traces) is ("max_duration_ns" not in asked)


async def test_rows_that_an_insert_left_twice_are_counted_once(telemetry, mixed):
    once = await traces.list_traces(telemetry, MONTH, limit=10)
    await telemetry.change(["INSERT INTO trace_times SELECT * FROM trace_times"])

    assert await traces.list_traces(telemetry, MONTH, limit=10) == once
    assert [trace.span_count for trace in once.traces] == [3] * 4


@pytest.mark.parametrize("asked", [{}, {"server": "demo", "tool": "echo"}], ids=["all", "of a tool"])
async def test_pages_of_a_month_go_through_all_of_it(telemetry, record, asked):
    """Most days have traces; one has more than a page, and one trace lasts for days."""
    days = [0, 0, 0, 0, 0, 0, 1, 2, 6, 7, 8, 9, 20, 28]
    calls = [record(ts_ns=NOON_NS - day * DAY_NS + number) for number, day in enumerate(days)]
    long = [record(trace_id="f" * 32, ts_ns=NOON_NS - day * DAY_NS) for day in (15, 3)]
    strange = record(ts_ns=NOON_NS, org_id="org_b")
    await telemetry.insert_spans(columns_of([*calls, *long, strange], batch="b"), "b")
    wanted = SpanFilter(org_id="org_a", start_ns=MONTH.start_ns, end_ns=MONTH.end_ns, **asked)

    found, cursor = [], ""
    while cursor is not None:
        page = await traces.list_traces(telemetry, wanted, limit=2, cursor=cursor)
        found += page.traces
        cursor = page.cursor

    expected = sorted([*calls, long[0]], key=lambda call: call.ts_ns, reverse=True)
    assert [trace.trace_id for trace in found] == [call.trace_id for call in expected]
    assert next(trace for trace in found if trace.trace_id == "f" * 32).span_count == 2
