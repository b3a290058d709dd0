"""The figures of alerts over the real store."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from gatewayops.alerts.figures import Counts
from gatewayops.alerts.reading import FigureReader, attained, whole
from gatewayops.record.rows import columns_of
from gatewayops.store.control.alert_rules import Rule, RuleSpec, Slo, SloSpec
from gatewayops.store.telemetry import alert_sql

from .conftest import NOON_NS

NOON = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
NOW = NOON + timedelta(seconds=240)
SECOND_NS, HOUR_NS = 10**9, 3_600 * 10**9


def rule(**spec: Any) -> Rule:
    made = RuleSpec(**{"name": "r", "kind": "error_rate", "threshold": 1.0, "window_s": 300} | spec)
    return Rule("arule_1", "org_a", made, NOON, NOON)


@pytest.fixture
async def calls(telemetry, record):
    """Of five minutes: 8 of files/read, 2 failed; others that are refused, foreign, or long ago."""
    made = [
        *(record(server="files", tool="read", duration_ns=1_000_000 * ms) for ms in (10, 20, 30, 40, 50, 60)),
        record(server="files", tool="read", status="error", reason="tool_error", duration_ns=70_000_000),
        record(server="files", tool="read", status="timeout", reason="upstream_timeout", duration_ns=10**11),
        record(server="files", tool="write", status="error", reason="rate_exceeded"),
        record(server="files", tool="write", status="error", reason="arguments_invalid"),
        record(server="db", tool="ask", team_id="red"),
        record(server="", tool="", status="error", reason="key_unknown"),
        record(server="files", tool="read", status="error", reason="tool_error", door="otlp"),
        record(server="files", tool="read", status="error", reason="tool_error", org_id="org_b"),
        record(server="files", tool="read", status="error", reason="tool_error", ts_ns=NOON_NS - HOUR_NS),
    ]
    await telemetry.insert_spans(columns_of(made, batch="b"), "b")


@pytest.fixture
def reader(telemetry):
    return FigureReader(telemetry, cast(Any, None))


async def test_a_window_counts_the_calls_of_the_organisation_and_what_says_something_about_the_server(
    reader, calls
):
    (found,) = await reader.read(rule(), NOW)

    assert found.group.subject == "all servers"
    sample = found.sample
    assert isinstance(sample, Counts)
    assert (sample.calls, sample.judged, sample.failures) == (12, 9, 2)
    assert (sample.limited, sample.refused) == (1, 1)


async def test_a_rule_that_is_split_has_figures_of_each(reader, calls):
    found = {one.group.subject: one.sample for one in await reader.read(rule(split_by="tool"), NOW)}

    assert found["files/read"].failures == 2
    assert found["files/write"] == Counts(2, 0, 0, 1, 0, 0.0)
    assert found["db/ask"].calls == 1
    (team,) = await reader.read(rule(team_id="red"), NOW)
    assert (team.group.subject, team.sample.calls) == ("team red", 1)


async def test_latency_is_of_the_percentile_that_is_asked_for(reader, calls):
    spec = {"kind": "latency_percentile", "server": "files", "tool": "read"}
    (half,) = await reader.read(rule(percentile=50, **spec), NOW)
    (most,) = await reader.read(rule(percentile=99, **spec), NOW)

    assert 40 <= half.sample.latency_ms <= 50
    assert most.sample.latency_ms > 50_000


async def test_without_calls_the_whole_has_none_and_a_split_is_empty(reader, calls):
    (found,) = await reader.read(rule(server="nobody"), NOW)
    assert found.sample == Counts(0)
    assert await reader.read(rule(server="nobody", split_by="tool"), NOW) == []


async def test_burn_rates_and_the_standing_of_an_objective(telemetry, calls):
    spec = SloSpec(name="s", server="files", tool="read", objective_percent=90.0, period_days=30)
    slo = Slo("slo_1", "org_a", spec, NOON)
    sql = alert_sql.burn(filters=("server", "tool"))
    values = {"org": "org_a", "server": "files", "tool": "read", "refusals": [], "unauthenticated": []}
    values |= {"start": NOON_NS - 6 * HOUR_NS, "end": NOON_NS + 240 * SECOND_NS}
    (row,) = await telemetry.rows(sql, values)
    assert [row[f"failures_{name}"] for name in ("m5", "m30", "h1", "h6")] == [2, 2, 2, 3]
    assert [row[f"judged_{name}"] for name in ("m5", "h6")] == [8, 9]

    stands = await attained(telemetry, slo, NOW)
    assert (stands.calls, stands.failures) == (9, 3)
    assert stands.budget_left_percent(90.0) == pytest.approx(100 * (1 - 3 / 0.9))


async def test_calls_are_compared_with_the_weeks_before(reader, telemetry, record):
    """300 calls an hour on four Thursdays and the day before each; none in the last half hour but two."""
    weeks = [week * 7 * 24 for week in range(-4, 1)]
    hours = [week + hour for week in weeks for hour in range(-25, 2) if week < 0 or hour < 0]
    made = [
        record(ts_ns=NOON_NS + hour * HOUR_NS + number * HOUR_NS // 300, server="files")
        for hour in hours
        for number in range(300)
    ]
    await telemetry.insert_spans(columns_of(made, batch="b"), "b")
    unusual = rule(kind="unusual", threshold=4.5, window_s=900, split_by="server", min_calls=20)

    (found,) = await reader.read(unusual, NOON + timedelta(minutes=2))
    assert (found.group.subject, found.sample.side, found.sample.value) == ("files", 0, 75.0)
    (found,) = await reader.read(unusual, NOON + timedelta(minutes=32))
    assert (found.sample.side, found.sample.value, found.sample.expected) == (-1, 0.0, 75.0)


def test_a_series_has_every_window_from_the_first_call_on():
    assert whole({900: 2, 2700: 1}, last_at=3600, step_s=900).values == (2.0, 0.0, 1.0, 0.0)
