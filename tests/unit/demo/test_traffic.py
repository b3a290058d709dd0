"""The invented traffic: when it comes, what goes wrong in it, and that masking has been over it."""

import json
import re
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from gatewayops.alerts import rule as alert_rule
from gatewayops.demo import story
from gatewayops.demo.company import company
from gatewayops.demo.definitions import listing
from gatewayops.demo.hours import shared
from gatewayops.demo.incidents import Kind, incidents_of
from gatewayops.demo.runs import Caller, Visitor, visitors_since
from gatewayops.demo.traffic import Installed, Traffic, period_before
from gatewayops.demo.words import Words, parts_of
from gatewayops.record.masking import Maskers

END = datetime(2026, 3, 12, 15, 20, tzinfo=UTC)  # a Thursday
CALLS = 6_000


def traffic(seed=3, *, days=28, calls=CALLS, end=END):
    random, of = Random(seed), company()
    period = period_before(end, days=days, calls=calls)
    by_name = {agent.name: agent for agent in of.agents}
    callers = [
        Caller(by_name[name], f"key_{person.email}", person.email, person.team, person.projects[0])
        for person in of.people
        for name in person.agents
    ]
    callers += [Caller(agent, f"key_{agent.name}", "", agent.team) for agent in of.agents if agent.team]
    visitors = [
        Visitor(Caller(by_name["shop-assistant"], "client", f"eu_{number}"), since, loyalty)
        for number, (since, loyalty) in enumerate(visitors_since(random, 60, period.start, period.end))
    ]
    names = {server.name: server.name for server in of.servers}
    at = Installed("org_1", tuple(callers), tuple(visitors), names, Maskers().of("org_1"))
    return Traffic(random, of, period, at)


@pytest.fixture(scope="module")
def month():
    """Four weeks."""
    return list(traffic().records())


def began(record):
    return datetime.fromtimestamp(record.ts_ns / 1e9, UTC)


def calls_within(records, start, end, **wanted):
    return [
        record
        for record in records
        if start <= began(record) < end and all(getattr(record, name) == wanted[name] for name in wanted)
    ]


def test_there_are_as_many_calls_as_were_asked_for_and_none_lies_ahead(month):
    assert len(month) == len({record.span_id for record in month}) == CALLS
    assert max(record.ts_ns + record.duration_ns for record in month) <= END.timestamp() * 1e9
    assert min(map(began, month)) >= END - timedelta(days=28)


def test_the_same_seed_tells_the_same_story_and_another_one_another():
    first, again, other = (list(traffic(seed, days=3, calls=200).records()) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_people_work_by_day_and_in_the_week_and_more_of_them_every_week(month):
    office = [record for record in month if record.agent in ("claude-code", "cursor")]
    by_hour = [sum(began(record).hour == hour for record in office) for hour in range(24)]
    weekend = sum(began(record).weekday() >= 5 for record in office) / 8
    workday = sum(began(record).weekday() < 5 for record in office) / 20
    first_week = calls_within(month, END - timedelta(days=28), END - timedelta(days=21))
    last_week = calls_within(month, END - timedelta(days=7), END)

    assert min(by_hour[9:17]) > 5 * max(by_hour[0:5])
    assert workday > 3 * weekend
    assert len(last_week) > 1.2 * len(first_week)
    assert {began(record).hour for record in month if record.agent == "nightly-crawler"} <= {1, 2, 3, 4}


def test_incidents_show_in_the_calls():
    busy = traffic(days=4, calls=6_000)
    calls, long = list(busy.records()), (END - timedelta(days=4), END)
    told = {one.kind: one for one in busy.incidents}
    failing, slow, runaway = told[Kind.FAILING], told[Kind.SLOW], told[Kind.RUNAWAY]

    def failed(records):
        return sum(record.reason == "upstream_error" for record in records) / len(records)

    def median(records):
        return sorted(record.upstream_ns for record in records)[len(records) // 2]

    jira = calls_within(calls, failing.start, failing.end, server="jira")
    queries = {"server": "postgres", "tool": "query"}
    wild = calls_within(calls, runaway.start, runaway.end, agent="triage-bot")
    assert 0.15 < failed(jira) < 0.25
    assert failed(calls_within(calls, *long, server="slack")) < 0.02
    assert median(calls_within(calls, slow.start, slow.end, **queries)) > 3 * median(
        calls_within(calls, *long, **queries)
    )
    assert sum(record.reason == "rate_exceeded" for record in wild) > 50
    assert len(wild) > 0.35 * len(calls_within(calls, runaway.start, runaway.end))


def test_runs_are_held_together_by_a_trace_a_session_or_the_clock(month):
    traces = {}
    for record in month:
        traces.setdefault(record.trace_id, []).append(record)
    sessions = {record.session for record in month if record.session}

    assert max(map(len, traces.values())) >= 20
    assert len(sessions) > 100
    assert all(len(traces[record.trace_id]) == 1 for record in month if record.session)


def test_agents_and_servers_export_spans_around_and_within_the_calls():
    busy = traffic(days=1, calls=400)
    calls = {record.span_id: record for record in busy.records()}
    spans = busy.take_spans()
    agents = {span.span_id: span for span in spans if span.kind == "internal"}
    inside = [span for span in spans if span.kind == "server"]

    traced = [record for record in calls.values() if record.parent_span_id]
    assert {record.parent_span_id for record in traced} == set(agents)
    for record in traced:
        agent = agents[record.parent_span_id]
        assert agent.trace_id == record.trace_id
        assert agent.ts_ns <= record.ts_ns
        assert record.ts_ns + record.duration_ns <= agent.ts_ns + agent.duration_ns
    assert inside
    assert all(0 < span.duration_ns < calls[span.parent_span_id].upstream_ns for span in inside)
    assert busy.take_spans() == []


def test_calls_cost_what_their_servers_price_says(month):
    prices = {server.name: server.price for server in company().servers}
    paid = [record for record in month if record.cost_micros]

    assert len(paid) > CALLS * 0.8
    for record in paid:
        price = prices[record.server].of(record.input_tokens, record.output_tokens)
        assert record.cost_micros == price
    assert not any(record.cost_micros for record in month if record.reason == "role_not_granted")


def test_bodies_are_json_and_hold_no_card_and_no_token(month):
    for record in month:
        json.loads(record.request_body)
        json.loads(record.response_body)
    bodies = "".join(record.request_body + record.response_body for record in month)

    assert "[card:****" in bodies
    assert "[masked:github_token]" in bodies
    assert not re.search(r"\b4\d{3} \d{4} \d{4} \d{4}\b|ghp_\w", bodies)


def test_some_visitors_come_back_and_fewer_pay_than_look(month):
    visits = [record for record in month if record.agent == "shop-assistant" and record.tool]
    by_tool = {tool.name: 0 for tool in company().servers[-1].tools}
    days = {}
    for record in visits:
        by_tool[record.tool] += 1
        days.setdefault(record.user_id, set()).add(began(record).date())

    assert list(by_tool.values()) == sorted(by_tool.values(), reverse=True)
    assert sum(len(on) > 1 for on in days.values()) > len(days) / 2


def test_every_template_can_be_filled():
    words = Words(Random(1))

    for server in company().servers:
        assert len(json.loads(listing(server))["tools"]) == len(server.tools)
        for tool in server.tools:
            assert isinstance(json.loads(words.fill(parts_of(tool.asks))), dict)
            assert "<" not in json.loads(f'"{words.fill(parts_of(tool.answers, is_text=True))}"')


def test_the_rules_of_the_story_are_rules_that_people_could_make():
    for spec in (*story.RULES.values(), story.SPENT):
        alert_rule.check(spec)
        assert spec.name.endswith("(demo)")


@pytest.mark.parametrize("weights", [[1.0, 2.0, 3.0], [0.0, 5.0], [0.1] * 7, [3.0]])
def test_what_is_shared_out_adds_up(weights):
    parts = shared(10, weights)

    assert sum(parts) == 10
    assert len(parts) == len(weights)


def test_a_short_period_has_its_incidents_too():
    start = END - timedelta(days=1)

    assert all(start <= one.start < one.end < END for one in incidents_of(start, END))
    assert msgspec.structs.asdict(incidents_of(start, END)[0])["kind"] is Kind.SLOW
