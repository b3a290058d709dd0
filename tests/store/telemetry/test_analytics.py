"""Analytics over the real store: each figure against a generated month, some against other SQL."""

import secrets
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import msgspec
import pytest

from gatewayops.app.day_jobs import DayJobs
from gatewayops.record.rows import columns_of
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.testing.store_process import PASSWORD, USER

from .conftest import RECORD
from .generated_month import (
    FIRST,
    FUNNEL_USERS,
    LAST,
    OCTOBER,
    QUERIES,
    SEGMENT_USERS,
    october,
    plan,
    records,
)

DAYS = [FIRST + timedelta(days=n) for n in range(31)]


@pytest.fixture(scope="module")
def sessions():
    return plan()


@pytest.fixture(scope="module")
async def telemetry(store):
    """One database for all of this module: nothing here writes but the month."""
    client = Telemetry(store.url, USER, PASSWORD, f"t_{secrets.token_hex(6)}", retention_days=3650)
    yield client
    await client.close()


@pytest.fixture(scope="module")
async def month(telemetry, sessions):
    """The plan, recorded; the days before the 20th are asked as sums, the others call by call."""

    def record(**changes):
        ids = {"trace_id": secrets.token_hex(16), "span_id": secrets.token_hex(8)}
        return msgspec.structs.replace(RECORD, **ids, **changes)

    await telemetry.insert_spans(columns_of(records(sessions, record), batch="month"), "month")
    jobs = DayJobs(telemetry, today=lambda: date(2025, 10, 20))
    assert await jobs.step() == 0
    assert await jobs.step() > 20
    return sessions


@pytest.fixture
def ask(api):
    """Asks `/v1/analytics/…` about October."""

    async def answer(what, **params):
        told = await api.get(f"/v1/analytics/{what}", params=OCTOBER | params)
        assert told.status_code == 200, told.text
        return told.json()

    return answer


def first_days(sessions):
    found = {}
    for one in sessions:
        found[one.user] = min(found.get(one.user, one.day), one.day)
    return found


def monday(day):
    return day - timedelta(days=day.weekday())


async def test_everything_that_a_period_amounts_to(ask, month):
    told = await ask("summary")

    now, first = october(month), first_days(month)
    calls = [call for one in now for call in one.calls]
    users = {one.user for one in now}
    assert told["period"] == {"start": "2025-10-01", "end": "2025-10-31"}
    assert told["previous_period"] == {"start": "2025-08-31", "end": "2025-09-30"}
    figures = {
        name: figure["value"]
        for name, figure in told.items()
        if isinstance(figure, dict) and "value" in figure
    }
    assert figures == {
        "users": 56 + 33,
        "new_users": 42 + 33,
        "returning_users": 14,
        "sessions": len(now),
        "calls": len(calls),
        "error_rate": sum(call.is_error for call in calls) / len(calls),
        "tools": 4 + 3,
        "calls_per_session": len(calls) / len(now),
    }
    assert len(users) == 89
    assert sum(first[user] < FIRST for user in users) == 14
    before = [one for one in month if one.day < FIRST]
    calls_before = sum(len(one.calls) for one in before)
    assert told["users"] == {"value": 89, "previous": 14, "change": 75 / 14}
    assert told["sessions"]["previous"] == len(before) == 28
    assert told["calls"]["change"] == (len(calls) - calls_before) / calls_before


@pytest.mark.parametrize("interval", ["day", "week", "month"])
async def test_active_users_new_and_returning(ask, month, interval):
    told = await ask("active-users", interval=interval)

    def bucket(day):
        return {"day": day, "week": monday(day), "month": day.replace(day=1)}[interval]

    first, users, calls = first_days(month), defaultdict(set), Counter()
    for one in october(month):
        users[bucket(one.day)].add(one.user)
        calls[bucket(one.day)] += len(one.calls)
    expected = []
    for start in dict.fromkeys(map(bucket, DAYS)):
        new = {user for user in users[start] if first[user] >= FIRST and bucket(first[user]) == start}
        expected.append((start.isoformat(), len(users[start]), len(new), calls[start]))
    assert [
        (row["start"], row["users"], row["new_users"], row["calls"]) for row in told["series"]
    ] == expected
    assert all(row["returning_users"] == row["users"] - row["new_users"] for row in told["series"])
    assert sum(row["new_users"] for row in told["series"]) == 75


async def test_daily_weekly_and_monthly_users_of_each_day(ask, month):
    told = await ask("active-users")

    seen = defaultdict(set)
    for one in month:
        seen[one.day].add(one.user)

    def users(day, days):
        return len(set().union(*(seen[day - timedelta(days=ago)] for ago in range(days))))

    assert [(row["date"], row["daily"], row["weekly"], row["monthly"]) for row in told["rolling"]] == [
        (day.isoformat(), users(day, 1), users(day, 7), users(day, 30)) for day in DAYS
    ]
    last = told["rolling"][-1]
    assert last["stickiness"] == last["daily"] / last["monthly"]
    daily = [users(day, 1) for day in DAYS[-30:]]
    assert told["stickiness"] == pytest.approx(sum(daily) / 30 / users(LAST, 30))


async def test_users_by_how_many_sessions_they_had(ask, month):
    told = await ask("segments")

    per_user, calls = Counter(), Counter()
    for one in october(month):
        per_user[one.user] += 1
        calls[one.user] += len(one.calls)

    def segment(count):
        return "1-5" if count <= 5 else "6-20" if count <= 20 else "20+"

    assert {row["sessions"]: row["users"] for row in told["segments"]} == SEGMENT_USERS
    assert told["users"] == 89
    for row in told["segments"]:
        members = [user for user, count in per_user.items() if segment(count) == row["sessions"]]
        assert row["session_count"] == sum(per_user[user] for user in members)
        assert row["calls"] == sum(calls[user] for user in members)
        assert row["share"] == len(members) / 89


async def test_weekly_cohorts(ask, month):
    told = await ask("retention")

    members, weeks = defaultdict(set), defaultdict(set)
    for user, day in first_days(month).items():
        members[monday(day)].add(user)
    for one in month:
        weeks[one.user].add(monday(one.day))
    last = monday(LAST)
    expected = []
    for week in sorted(week for week in members if week >= monday(FIRST)):
        ages = range((last - week).days // 7 + 1)
        active = [sum(week + timedelta(weeks=age) in weeks[user] for user in members[week]) for age in ages]
        expected.append((week.isoformat(), len(members[week]), active))
    assert [(row["week"], row["users"], row["active"]) for row in told["cohorts"]] == expected
    assert len(expected) >= 3
    assert all(row["active"][0] == row["users"] and row["rates"][0] == 1 for row in told["cohorts"])


async def test_a_funnel_counts_who_came_how_far_in_order_and_in_time(ask, month):
    steps = ["browse", "shop/cart", "pay"]
    of = FUNNEL_USERS

    told = await ask("funnel", step=steps)

    began = sum(of.values()) - of["only pay"]
    went_on = of["all"] + of["cart"] + of["late"] + of["twice"]
    assert [(row["tool"], row["users"]) for row in told["steps"]] == [
        ("browse", began),
        ("shop/cart", went_on),
        ("pay", of["all"]),
    ]
    assert [row["step_rate"] for row in told["steps"]] == [1, went_on / began, of["all"] / went_on]
    patient = await ask("funnel", step=steps, window_s=2 * 86_400)
    assert patient["steps"][-1]["users"] == of["all"] + of["late"]
    hasty = await ask("funnel", step=steps, window_s=60)
    assert [row["users"] for row in hasty["steps"]] == [began, went_on, 0]
    back = await ask("funnel", step=["cart", "browse"])
    assert back["steps"][-1]["users"] == of["backwards"]
    elsewhere = await ask("funnel", step=steps, server="docs")
    assert [(row["users"], row["rate"]) for row in elsewhere["steps"]] == [(0, None)] * 3


@pytest.mark.parametrize("length", [2, 3])
async def test_the_most_frequent_sequences_within_sessions(ask, month, length):
    told = await ask("journeys", length=length, limit=200)

    times, where, who = Counter(), defaultdict(set), defaultdict(set)
    for number, one in enumerate(october(month)):
        names = [call.name for call in one.tool_calls]
        for at in range(len(names) - length + 1):
            steps = tuple(names[at : at + length])
            times[steps] += 1
            where[steps].add(number)
            who[steps].add(one.user)
    expected = [
        (list(steps), count, len(where[steps]), len(who[steps]))
        for steps, count in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    ]
    assert [
        (row["steps"], row["times"], row["sessions"], row["users"]) for row in told["journeys"]
    ] == expected
    assert len(expected) >= 5


async def test_the_most_called_tools_beside_the_period_before(ask, month):
    told = await ask("tools")

    calls, errors, users, where, before = Counter(), Counter(), defaultdict(set), defaultdict(set), Counter()
    for number, one in enumerate(october(month)):
        for call in one.tool_calls:
            calls[call.name] += 1
            errors[call.name] += call.is_error
            users[call.name].add(one.user)
            where[call.name].add(number)
    for one in month:
        if one.day < FIRST:
            before.update(call.name for call in one.tool_calls)
    assert told["calls"] == calls.total()
    assert [f"{row['server']}/{row['tool']}" for row in told["tools"]] == sorted(
        calls, key=lambda n: (-calls[n], n)
    )
    for row in told["tools"]:
        name = f"{row['server']}/{row['tool']}"
        assert (row["calls"], row["users"], row["sessions"]) == (
            calls[name],
            len(users[name]),
            len(where[name]),
        )
        assert row["error_rate"] == errors[name] / calls[name]
        assert row["previous_calls"] == before[name]
        assert (row["change"] is None) == (not before[name])
    assert [row["tool"] for row in (await ask("tools", limit=1))["tools"]] == [told["tools"][0]["tool"]]


async def test_the_most_frequent_values_of_an_argument_that_may_be_shown(ask, month):
    told = await ask("arguments", tool="search", field="query")

    values = Counter()
    for one in october(month):
        for call in one.tool_calls:
            if call.tool == "search":
                values[next(query for query in QUERIES if f'"query":"{query}"' in call.body)] += 1
    assert {row["value"]: row["calls"] for row in told["values"]} == values
    assert [row["calls"] for row in told["values"]] == sorted(values.values(), reverse=True)
    assert told["calls"] == values.total()
    languages = await ask("arguments", tool="search", field="filters.language", server="docs")
    assert {row["value"] for row in languages["values"]} == {"l0", "l1", "l2"}


@pytest.mark.parametrize(
    ("tool", "field", "server"),
    [
        pytest.param("search", "filters.language", "", id="named for one server only"),
        pytest.param("search", "filters.language", "github", id="named for another server"),
        pytest.param("search", "filters.limit", "docs", id="beside one that is named"),
        pytest.param("search", "filters", "docs", id="above one that is named"),
        pytest.param("read", "query", "", id="of another tool"),
    ],
)
async def test_values_of_any_other_field_are_denied(api, month, tool, field, server):
    params = OCTOBER | {"tool": tool, "field": field, "server": server}

    answer = await api.get("/v1/analytics/arguments", params=params)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert "analytics.argument_fields" in answer.json()["message"]


async def test_what_calls_were_for(ask, month):
    told = await ask("intents")

    def intent(call):
        if call.tool == "search":
            return "find"
        return "change" if call.name == "github/write" or call.tool == "pay" else None

    calls, users, where = Counter(), defaultdict(set), defaultdict(set)
    for number, one in enumerate(october(month)):
        for call in one.tool_calls:
            calls[intent(call)] += 1
            users[intent(call)].add(one.user)
            where[intent(call)].add(number)
    assert [(row["intent"], row["calls"], row["users"], row["sessions"]) for row in told["intents"]] == [
        (label, calls[label], len(users[label]), len(where[label]))
        for label in ("find", "change", "100%_sure", None)
    ]
    assert sum(row["share"] for row in told["intents"]) == pytest.approx(1)


async def test_one_server_alone(ask, month):
    summary = await ask("summary", server="shop")
    only = october(month, "shop")

    assert summary["users"]["value"] == len({one.user for one in only}) == 33
    assert summary["sessions"]["value"] == len(only) == 35
    assert summary["calls"]["value"] == sum(len(one.calls) for one in only)
    assert (await ask("segments", server="shop"))["users"] == 33
    assert {row["server"] for row in (await ask("tools", server="shop"))["tools"]} == {"shop"}
    assert (await ask("active-users", server="shop", interval="month"))["series"][0]["new_users"] == 33
    assert (await ask("retention", server="shop"))["cohorts"][0]["week"] == "2025-10-13"


REFERENCE = {
    "users": """
        SELECT count(DISTINCT coalesce(nullIf(user_id, ''), nullIf(key_id, ''), client_address)) FROM spans
        WHERE org_id = 'org_a' AND door <> 'otlp' AND toYYYYMM(ts) = 202510
    """,
    "sessions": """
        SELECT sum(gaps) FROM (
            SELECT uniqExactIf(session, session <> '') + sum(session = '' AND NOT has_recent) AS gaps
            FROM (
                SELECT a.span_id, any(a.session) AS session, any(a.who) AS who, countIf(
                    b.span_id <> a.span_id AND b.session = '' AND b.ts < a.ts
                    AND dateDiff('nanosecond', b.ts, a.ts) < 1800000000000) > 0 AS has_recent
                FROM (SELECT *, user_id || key_id || client_address AS who FROM spans
                      WHERE org_id = 'org_a' AND door <> 'otlp' AND toYYYYMM(ts) = 202510) AS a
                JOIN (SELECT *, user_id || key_id || client_address AS who FROM spans
                      WHERE org_id = 'org_a' AND door <> 'otlp' AND toYYYYMM(ts) = 202510) AS b
                ON a.who = b.who GROUP BY a.span_id
            ) GROUP BY who
        )
    """,
    "error_rate": """
        SELECT sum(status = 'error') / count(*) FROM spans
        WHERE org_id = 'org_a' AND door <> 'otlp' AND ts >= '2025-10-01' AND ts < '2025-11-01'
    """,
}


@pytest.mark.parametrize("name", list(REFERENCE))
async def test_the_headline_equals_reference_sql(ask, telemetry, month, name):
    (row,) = await telemetry.rows(REFERENCE[name])

    assert (await ask("summary"))[name]["value"] == next(iter(row.values()))


async def test_the_funnel_equals_reference_sql(ask, telemetry, month):
    names = ("browse", "cart", "pay")
    joins = "".join(
        f" LEFT JOIN (SELECT user_id, ts FROM spans WHERE tool = '{name}' AND org_id = 'org_a') AS {name} "
        f"ON {name}.user_id = browse.user_id"
        for name in names[1:]
    )
    in_time = "AND {0}.ts > {1}.ts AND {0}.ts <= browse.ts + INTERVAL 1 DAY"
    cart, pay = (in_time.format(name, before) for before, name in pairwise(names))
    (row,) = await telemetry.rows(
        f"SELECT uniqExact(browse.user_id) AS a, uniqExactIf(browse.user_id, 1 {cart}) AS b, "
        f"uniqExactIf(browse.user_id, 1 {cart} {pay}) AS c FROM "
        f"(SELECT user_id, ts FROM spans WHERE tool = 'browse' AND org_id = 'org_a') AS browse {joins}"
    )

    assert [step["users"] for step in (await ask("funnel", step=names))["steps"]] == list(row.values())


async def test_a_period_without_calls_is_empty_and_not_an_error(api):
    params = {"start_date": "2020-01-01", "end_date": "2020-01-02"}
    told = {}
    for what in ("summary", "active-users", "segments", "retention", "journeys", "tools", "intents"):
        answer = await api.get(f"/v1/analytics/{what}", params=params)
        assert answer.status_code == 200, answer.text
        told[what] = answer.json()

    assert told["summary"]["users"] == {"value": 0, "previous": 0, "change": None}
    assert [row["users"] for row in told["active-users"]["series"]] == [0, 0]
    assert (told["active-users"]["stickiness"], told["retention"]["cohorts"]) == (None, [])
    assert [row["users"] for row in told["segments"]["segments"]] == [0, 0, 0]
    assert (told["journeys"]["journeys"], told["tools"]["tools"]) == ([], [])
    assert {row["calls"] for row in told["intents"]["intents"]} == {0}


@pytest.mark.parametrize(
    ("what", "asked", "field"),
    [
        ("summary", {"start_date": "2024-01-01", "end_date": "2025-10-01"}, "start_date"),
        ("active-users", {"interval": "hour"}, "interval"),
        ("funnel", {"step": ["only one"]}, "step: a funnel is of 2 to 10 tools, in their order"),
        ("funnel", {"step": [f"t{n}" for n in range(11)]}, "step: a funnel is of 2 to 10 tools"),
        ("funnel", {"step": ["a", "a"]}, "step"),
        ("funnel", {"step": ["shop/a", "a"]}, "step"),
        ("funnel", {"step": ["a", "b"], "window_s": 0}, "window_s"),
        ("journeys", {"length": 1}, "length"),
        ("tools", {"limit": 201}, "limit"),
        ("arguments", {"tool": "search", "field": "a..b"}, "field"),
    ],
    ids=str,
)
async def test_bad_input_is_named(api, what, asked, field):
    answer = await api.get(f"/v1/analytics/{what}", params=asked)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.json()["message"].startswith(field)


async def test_a_store_that_is_away_is_said_so(away):
    assert (await away.get("/v1/analytics/summary", params=OCTOBER)).status_code == 503


def test_the_plan_has_the_edges_that_matter(sessions):
    """Gaps of exactly half an hour and of a nanosecond less, legacy sessions, all three kinds of user."""
    gaps = {
        later.at_ns - earlier.at_ns
        for one in sessions
        if not one.legacy
        for earlier, later in pairwise(one.calls)
    }
    assert max(gaps) == 30 * 60 * 10**9 - 1
    ends = defaultdict(list)
    for one in sessions:
        if not one.legacy:
            ends[one.user].append(one)
    apart = {
        later.calls[0].at_ns - earlier.calls[-1].at_ns
        for visits in ends.values()
        for earlier, later in pairwise(sorted(visits, key=lambda one: one.calls[0].at_ns))
    }
    assert min(apart) == 30 * 60 * 10**9
    assert {one.user[0] for one in sessions} == {"u", "k", "a"}
    assert any(one.legacy for one in sessions)
    assert min(one.day for one in sessions) == date(2025, 9, 2)
