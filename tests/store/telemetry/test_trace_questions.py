"""The traces API over the real store: lists, filters, pages, search, one trace with its spans."""

import json

import pytest

from gatewayops.record.rows import columns_of

from .conftest import NOON_NS

HOUR = {"start_time": "2025-10-09T09:00:00Z", "end_time": "2025-10-09T10:00:00Z"}
SECOND_NS = 10**9
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def keep(telemetry):
    """Stores records, as the recorder would."""

    async def keep(*records):
        await telemetry.insert_spans(columns_of(records, batch=records[0].span_id), records[0].span_id)

    return keep


async def ids(api, **asked):
    answer = await api.get("/v1/traces", params=HOUR | asked)
    assert answer.status_code == 200, answer.text
    return [trace["id"].removeprefix("tr_") for trace in answer.json()["traces"]]


async def test_a_trace_gathers_its_spans(api, keep, record):
    await keep(
        record(trace_id=TRACE, ts_ns=NOON_NS, duration_ns=2 * SECOND_NS, user_id="u", team_id="t"),
        record(trace_id=TRACE, ts_ns=NOON_NS + SECOND_NS, duration_ns=4 * SECOND_NS, server="other"),
    )

    answer = (await api.get("/v1/traces", params=HOUR)).json()

    [trace] = answer["traces"]
    assert answer["cursor"] is None
    assert answer["has_more"] is False
    assert trace["id"] == f"tr_{TRACE}"
    assert trace["start_time"] == "2025-10-09T09:00:00.000000Z"
    assert trace["end_time"] == "2025-10-09T09:00:05.000000Z"
    assert trace["duration_ms"] == 5000
    assert trace["status"] == "success"
    assert (trace["user_id"], trace["team_id"], trace["project_id"]) == ("u", "t", None)
    assert trace["servers"] == ["demo", "other"]
    assert (trace["span_count"], trace["total_cost"]) == (2, 0.002)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(["success"], "success", id="all well"),
        pytest.param(["success", "error"], "error", id="one failed"),
        pytest.param(["error", "timeout", "success"], "timeout", id="one timed out"),
    ],
)
async def test_the_status_of_a_trace(api, keep, record, statuses, expected):
    await keep(*(record(trace_id=TRACE, status=status) for status in statuses))

    assert await ids(api, status=expected) == [TRACE]
    for other in {"success", "error", "timeout"} - {expected}:
        assert await ids(api, status=other) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"user_id": "user_1"},
        {"team_id": "team_1"},
        {"project_id": "project_1"},
        {"key_id": "key_1"},
        {"server": "server-1"},
        {"tool": "tool_1"},
        {"operation": "mcp.resources.read"},
        {"operation": "resources/read"},
        {"agent": "agent-1"},
        {"min_duration_ms": 5000},
        {"min_duration_ms": 4000, "max_duration_ms": 5000},
        {"min_cost": "0.4", "max_cost": "0.5"},
        {"min_cost": 0.5},
        {"min_cost": "0.4999995"},
    ],
    ids=str,
)
async def test_a_filter_finds_its_trace_and_no_other(api, keep, record, asked):
    other = record()
    wanted = record(
        user_id="user_1",
        team_id="team_1",
        project_id="project_1",
        key_id="key_1",
        server="server-1",
        tool="tool_1",
        method="resources/read",
        agent="agent-1",
        duration_ns=5 * SECOND_NS,
        cost_micros=500_000,
    )
    await keep(other, wanted)

    assert await ids(api, **asked) == [wanted.trace_id]


async def test_what_is_over_an_upper_bound_is_not_found(api, keep, record):
    slow, dear = record(duration_ns=5 * SECOND_NS), record(cost_micros=500_000)
    await keep(slow, dear)

    assert await ids(api, max_duration_ms=4999) == [dear.trace_id]
    assert await ids(api, max_cost="0.499999") == [slow.trace_id]
    assert await ids(api, max_cost=0) == []


async def test_several_statuses_are_an_or(api, keep, record):
    calls = {status: record(status=status) for status in ("success", "error", "timeout")}
    await keep(*calls.values())

    found = await ids(api, status=["error", "timeout"])
    told = await api.post("/v1/traces/search", json=HOUR | {"status": ["error", "success"]})
    plain = await api.post("/v1/traces/search", json=HOUR | {"status": "error"})

    assert set(found) == {calls["error"].trace_id, calls["timeout"].trace_id}
    assert len(told.json()["traces"]) == 2
    assert [row["id"] for row in plain.json()["traces"]] == [f"tr_{calls['error'].trace_id}"]


async def with_attributes(telemetry, **attributes):
    """Gives spans, named by their key, what an OTLP span brings along."""
    for key_id, text in attributes.items():
        given = f"UPDATE attributes = map({text}) WHERE key_id = '{key_id}'"
        await telemetry.rows(f"ALTER TABLE spans {given} SETTINGS mutations_sync = 1")


async def test_any_attribute_finds_its_span_and_two_must_be_on_one(api, keep, record, telemetry):
    blue = record(key_id="k1", trace_id=TRACE)
    await keep(blue, record(key_id="k2", trace_id=TRACE), record(key_id="k3"))
    await with_attributes(telemetry, k1="'color', 'blue', 'url', 'http://a'", k2="'shape', 'round'")

    assert await ids(api, attribute="color:blue") == [TRACE]
    assert await ids(api, attribute=["color:blue", "url:http://a"]) == [TRACE]
    assert await ids(api, attribute="color:red") == []
    assert await ids(api, attribute=["color:blue", "shape:round"]) == []
    [first, _] = (await api.get(f"/v1/traces/{TRACE}")).json()["trace"]["spans"]
    assert first["attributes"] == {"color": "blue", "url": "http://a"}


@pytest.mark.parametrize(
    "asked",
    [{"attribute": "color"}, {"status": "well"}, {"min_duration_ms": 5, "max_duration_ms": 4}],
    ids=str,
)
async def test_a_filter_that_cannot_match_is_refused(api, asked):
    assert 400 <= (await api.get("/v1/traces", params=HOUR | asked)).status_code < 500


async def test_a_trace_shows_where_its_time_went(api, keep, record):
    """A client and a server that send their spans, each by a clock that is far off."""
    ms = 10**6
    parts = {"trace_id": TRACE, "ts_ns": NOON_NS}
    foreign = {"door": "otlp", "trace_id": TRACE, "auth_ns": 0, "policy_ns": 0, "upstream_ns": 0}
    client = record(**foreign | {"ts_ns": NOON_NS - 7 * SECOND_NS, "duration_ns": 150 * ms})
    call = record(
        **parts, parent_span_id=client.span_id, duration_ns=100 * ms,
        auth_ns=2 * ms, policy_ns=ms, upstream_ns=90 * ms,
    )  # fmt: skip
    server = record(
        **foreign, parent_span_id=call.span_id, ts_ns=NOON_NS + 60 * SECOND_NS, duration_ns=60 * ms
    )
    await keep(client, call, server)

    trace = (await api.get(f"/v1/traces/{TRACE}")).json()["trace"]
    page = (await api.get(f"/v1/traces/{TRACE}/spans", params={"limit": 2})).json()

    assert trace["latency"] == {
        "client_ms": 50, "auth_ms": 2, "policy_ms": 1, "gateway_ms": 7, "upstream_ms": 90,
        "network_ms": 30, "server_ms": 60, "total_ms": 150,
    }  # fmt: skip
    assert [span["latency"] for span in trace["spans"]] == [None, trace["latency"], None]
    assert [span["place"]["depth"] for span in trace["spans"]] == [0, 1, 2]
    assert all(span["place"]["on_critical_path"] for span in trace["spans"])
    assert trace["spans"][1]["place"]["clock_shift_ms"] == -7000 + 25
    assert page["spans"] == trace["spans"][:2]


async def test_a_filter_on_one_span_shows_the_whole_trace(api, keep, record):
    await keep(record(trace_id=TRACE, tool="a"), record(trace_id=TRACE, tool="b"))

    [trace] = (await api.get("/v1/traces", params=HOUR | {"tool": "a"})).json()["traces"]

    assert trace["span_count"] == 2


async def test_pages_do_not_shift_when_calls_arrive(api, keep, record):
    calls = [record() for _ in range(7)]
    await keep(*calls)
    seen, cursor = [], ""
    for _ in range(3):
        page = (await api.get("/v1/traces", params=HOUR | {"limit": 3, "cursor": cursor})).json()
        seen += [trace["id"].removeprefix("tr_") for trace in page["traces"]]
        cursor = page["cursor"]
        await keep(record(), record())

    assert seen == [call.trace_id for call in reversed(calls)]
    assert (cursor, page["has_more"]) == (None, False)


async def test_a_long_trace_is_listed_where_it_began(api, keep, record):
    minute_ns = 60 * SECOND_NS
    long = record(ts_ns=NOON_NS)
    late = [record(ts_ns=NOON_NS + (58 + n) * minute_ns + 30 * SECOND_NS) for n in range(2)]
    await keep(long, *late, record(trace_id=long.trace_id, ts_ns=NOON_NS + 59 * minute_ns + 50 * SECOND_NS))

    expected = [late[1].trace_id, late[0].trace_id, long.trace_id]
    assert await ids(api) == expected
    assert await ids(api, tool="echo") == expected
    assert await ids(api, limit=2) == expected[:2]
    [trace] = (await api.get("/v1/traces", params=HOUR | {"limit": 1})).json()["traces"]
    assert trace["span_count"] == 1


async def test_traces_that_began_together_are_paged_apart(api, keep, record):
    calls = [record(ts_ns=NOON_NS) for _ in range(5)]
    await keep(*calls)
    first = (await api.get("/v1/traces", params=HOUR | {"limit": 2})).json()
    rest = (await api.get("/v1/traces", params={"cursor": first["cursor"]})).json()

    seen = [trace["id"] for trace in first["traces"] + rest["traces"]]
    assert sorted(seen) == sorted(f"tr_{call.trace_id}" for call in calls)


async def test_another_organisation_sees_nothing(api, keep, record):
    foreign = record(org_id="org_b")
    await keep(foreign)

    assert await ids(api) == []
    for path in (f"/v1/traces/{foreign.trace_id}", f"/v1/traces/{foreign.trace_id}/spans"):
        assert (await api.get(path)).status_code == 404


@pytest.mark.parametrize(
    "name", [TRACE, f"tr_{TRACE}", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", TRACE.upper()]
)
async def test_one_trace_by_any_form_of_its_id(api, keep, record, name):
    first = record(trace_id=TRACE, span_id="a" * 16, agent="claude", user_id="u")
    failed = record(
        trace_id=TRACE,
        parent_span_id="a" * 16,
        status="error",
        reason="tool_error",
        error_detail="no such file",
        response_body="[1,",
        is_response_cut=True,
        tool="",
    )
    await keep(failed, first)

    trace = (await api.get(f"/v1/traces/{name}")).json()["trace"]

    assert trace["status"] == "error"
    assert trace["context"]["agent_name"] == "claude"
    assert [span["id"] for span in trace["spans"]] == [first.span_id, failed.span_id]
    well, bad = trace["spans"]
    assert (well["parent_id"], well["operation"], well["tool"]) == (None, "mcp.tools.call", "echo")
    assert well["request"] == {"text": "hello"}
    assert (well["cost"], well["duration_ms"]) == (0.001, 2.5)
    assert well["timings"] == {"auth_ms": 0.01, "policy_ms": 0.005, "upstream_ms": 2, "total_ms": 2.5}
    assert (bad["parent_id"], bad["tool"], bad["reason"]) == ("a" * 16, None, "tool_error")
    assert (bad["error"], bad["response"], bad["response_truncated"]) == ("no such file", "[1,", True)


async def test_spans_come_in_pages(api, keep, record):
    calls = [record(trace_id=TRACE) for _ in range(5)]
    await keep(*calls)

    first = (await api.get(f"/v1/traces/{TRACE}/spans", params={"limit": 3})).json()
    rest = (await api.get(f"/v1/traces/{TRACE}/spans", params={"cursor": first["cursor"]})).json()

    assert [span["id"] for span in first["spans"] + rest["spans"]] == [call.span_id for call in calls]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_large_traces_show_the_beginning_of_their_bodies(api, keep, record):
    body = json.dumps("x" * 60_000)
    await keep(*(record(trace_id=TRACE, request_body=body, response_body=body) for _ in range(200)))

    answer = await api.get(f"/v1/traces/{TRACE}")

    spans = answer.json()["trace"]["spans"]
    assert len(spans) == 200
    assert all(span["request_truncated"] and span["request"] for span in spans)
    assert len(answer.content) < 20 << 20


@pytest.mark.parametrize(
    "text",
    ["ALPHA", "näme", "100%_'\\", "file:///x", "no such", TRACE, f"tr_{TRACE}", "tool_error", "beta"],
)
async def test_search_looks_everywhere(api, keep, record, text):
    wanted = record(
        trace_id=TRACE,
        tool="Alpha",
        request_body='{"q":"NÄME 100%_\'\\"}',
        response_body="beta",
        resource_uri="file:///x",
        error_detail="no such file",
        reason="tool_error",
    )
    await keep(record(), wanted)

    answer = await api.post("/v1/traces/search", json={"query": text, **HOUR})

    assert [trace["id"] for trace in answer.json()["traces"]] == [f"tr_{TRACE}"], answer.text
    assert await ids(api, query=text) == [TRACE]


async def test_search_takes_the_filters_too(api, keep, record):
    await keep(record(tool="a", status="error"), wanted := record(tool="a"), record(tool="b"))

    answer = await api.post(
        "/v1/traces/search", json={"query": "hello", "tool": "a", "status": "success", **HOUR}
    )

    assert [trace["id"] for trace in answer.json()["traces"]] == [f"tr_{wanted.trace_id}"]


async def test_a_date_as_an_end_includes_its_day(api, keep, record):
    call = record()
    await keep(call)

    assert await ids(api, start_time="2025-10-09", end_time="2025-10-09") == [call.trace_id]
    assert await ids(api, start_time="2025-10-08", end_time="2025-10-08") == []
    assert await ids(api, start_time="2025-10-09T11:00:00+02:00") == [call.trace_id]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"start_time": "yesterday"}, "start_time"),
        ({"end_time": "2025-13-01"}, "end_time"),
        ({"start_time": "2025-10-10", "end_time": "2025-10-08"}, "start_time"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "broken"}, "status.0"),
        ({"min_duration_ms": "-1"}, "min_duration_ms"),
        ({"cursor": "xyz"}, "cursor"),
        ({"usr_id": "u"}, "usr_id"),
        ({"tool": "x" * 300}, "tool"),
    ],
    ids=str,
)
async def test_bad_input_is_named(api, asked, field):
    answer = await api.get("/v1/traces", params=asked)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["message"].startswith(f"{field}:")


async def test_without_a_store_the_answer_is_unavailable(away):
    for path in ("/v1/traces", f"/v1/traces/{TRACE}", "/v1/costs/summary"):
        answer = await away.get(path)

        assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


@pytest.mark.parametrize("asked", [{}, {"tool": "echo"}, {"attribute": "a:b"}], ids=str)
async def test_a_trace_of_many_spans_hides_no_older_ones(api, telemetry, keep, record, asked):
    """Pages are made from the newest spans, and here those are all of one trace."""
    old = [record(ts_ns=NOON_NS + number * SECOND_NS) for number in range(3)]
    long = [record(trace_id=TRACE, ts_ns=NOON_NS + (60 + number) * SECOND_NS) for number in range(40)]
    begun = record(trace_id="f" * 32, ts_ns=NOON_NS + SECOND_NS // 2)
    late = record(trace_id="f" * 32, ts_ns=NOON_NS + 200 * SECOND_NS)  # its trace began long before
    await keep(*old, *long, begun, late)
    if "attribute" in asked:
        await telemetry.change(
            [
                "ALTER TABLE spans UPDATE attributes = map('a', 'b') WHERE 1 SETTINGS mutations_sync = 1",
            ]
        )
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get("/v1/traces", params=HOUR | asked | {"limit": 1, "cursor": cursor})).json()
        seen += [trace["id"].removeprefix("tr_") for trace in page["traces"]]
        cursor = page["cursor"]

    assert seen == [TRACE, old[2].trace_id, old[1].trace_id, "f" * 32, old[0].trace_id]
