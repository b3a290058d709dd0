"""Metrics over the real store: exact figures of any window, by step and group."""

import math

import pytest

from gatewayops.query.metrics import step_for
from gatewayops.record.rows import columns_of

from .conftest import NOON_NS

HOUR = {"start_time": "2025-10-09T09:00:00Z", "end_time": "2025-10-09T10:00:00Z"}
MINUTE_NS, MS = 60 * 10**9, 10**6


@pytest.fixture
async def calls(telemetry, record):
    """200 calls a fifth of a minute apart, of 1 to 200 ms; each tenth failed; beside them what counts not."""
    made = [
        record(
            ts_ns=NOON_NS + number * MINUTE_NS // 5,
            duration_ns=(number + 1) * MS,
            status="error" if number % 10 == 0 else "success",
            agent=f"agent {number % 3}",
            user_id=f"user {number % 7}",
            team_id="core" if number < 50 else "",
            tool="echo" if number % 4 else "add",
        )
        for number in range(200)
    ]
    beside = [
        record(ts_ns=NOON_NS, door="otlp", duration_ns=10**12, agent="exporter"),
        record(ts_ns=NOON_NS, org_id="org_b"),
        record(ts_ns=NOON_NS - 1),
        record(ts_ns=NOON_NS + 60 * MINUTE_NS),
    ]
    rows = [*made, *beside]
    await telemetry.insert_spans(columns_of(rows, batch="b"), "b")
    return made


async def asked(api, path, **question):
    answer = await api.get(f"/v1/metrics/{path}", params=HOUR | question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def nearest(durations_ms, share):
    return sorted(durations_ms)[math.floor(share * len(durations_ms))]


async def test_the_figures_of_a_window_are_exact(api, calls):
    figures = (await asked(api, "summary"))["figures"]

    durations = [call.duration_ns / MS for call in calls]
    assert (figures["calls"], figures["errors"], figures["error_rate"]) == (200, 20, 0.1)
    assert figures["calls_per_s"] == round(200 / 3600, 6)
    assert [figures[f"p{p}_ms"] for p in (50, 95, 99)] == [nearest(durations, p) for p in (0.5, 0.95, 0.99)]
    assert (figures["active_agents"], figures["active_users"], figures["active_keys"]) == (3, 7, 1)


async def test_an_open_stream_is_a_call_and_no_latency(api, telemetry, record, calls):
    stream = record(ts_ns=NOON_NS, method="stream/get", duration_ns=10**13)
    await telemetry.insert_spans(columns_of([stream], batch="c"), "c")

    figures = (await asked(api, "summary"))["figures"]

    assert (figures["calls"], figures["p99_ms"]) == (201, 199)


async def test_no_calls_have_no_latency(api, calls):
    figures = (await asked(api, "summary", server="nobody"))["figures"]

    assert (figures["calls"], figures["error_rate"], figures["p50_ms"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        pytest.param("tool", {"demo/echo": 150, "demo/add": 50}, id="tool"),
        pytest.param("server", {"demo": 200}, id="server"),
        pytest.param("team", {None: 150, "core": 50}, id="team"),
        pytest.param("key", {"key_a": 200}, id="key"),
        pytest.param("status", {"success": 180, "error": 20}, id="status"),
        pytest.param(None, {None: 200}, id="all"),
    ],
)
async def test_a_series_has_groups_that_add_up(api, calls, group_by, expected):
    told = await asked(api, "series", step_s=600, **({"group_by": group_by} if group_by else {}))

    assert {group["group"]: group["figures"]["calls"] for group in told["groups"]} == expected
    for group in told["groups"]:
        assert [point["time"][11:16] for point in group["points"]] == [
            "09:00", "09:10", "09:20", "09:30", "09:40", "09:50"
        ]  # fmt: skip
        assert sum(point["calls"] for point in group["points"]) == expected[group["group"]]


async def test_steps_without_calls_are_points_too(api, calls):
    told = await asked(api, "series", tool="echo")

    [group] = told["groups"]
    assert (told["step_s"], len(group["points"])) == (30, 120)
    assert group["points"][-1]["calls"] == 0
    assert group["points"][-1]["p95_ms"] is None


async def test_only_the_busiest_groups_are_shown_and_it_says_so(api, telemetry, record):
    many = [record(tool=f"tool {number}") for number in range(30) for _ in range(number + 1)]
    await telemetry.insert_spans(columns_of(many, batch="d"), "d")

    told = await asked(api, "series", group_by="tool", step_s=3600)

    assert told["has_more_groups"] is True
    assert [group["figures"]["calls"] for group in told["groups"]] == list(range(30, 10, -1))


async def test_too_many_steps_are_refused(api):
    answer = await api.get("/v1/metrics/series", params=HOUR | {"step_s": 1})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("step_s: at most 1500 steps")


@pytest.mark.parametrize("hours", [0.01, 1, 24, 24 * 7, 24 * 400, 24 * 365 * 20])
def test_a_step_is_chosen_for_every_window(hours):
    length_ns = int(hours * 3600 * 10**9)

    assert 1 <= length_ns / (step_for(0, length_ns) * 10**9) <= 121
