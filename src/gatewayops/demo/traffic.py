"""A period's calls: hour by hour as many as the company is busy then, run by run.

The same seed, period and callers give the same records.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from gatewayops.demo.calls import CallMaker, begun
from gatewayops.demo.company import Agent, Company
from gatewayops.demo.definitions import listing
from gatewayops.demo.hours import activity, growth, shared
from gatewayops.demo.incidents import RUNAWAY_WEIGHT, Kind, incidents_of
from gatewayops.demo.outcomes import Outcomes
from gatewayops.demo.runs import Caller, Choice, ReadyTool, Visitor, Workbench
from gatewayops.demo.spans_around import around
from gatewayops.demo.words import Words
from gatewayops.record.call_record import CallRecord
from gatewayops.record.masking import Masker
from gatewayops.record.otlp.span_record import SpanRecord

_HOUR = timedelta(hours=1)
_LISTS = 0.25  # of the runs begin with the list of tools
_PAUSE_S = {"mcp": 6.0, "rest": 0.4}  # between calls: people read, programs do not
_NS = 1_000_000_000


class Period(msgspec.Struct, frozen=True):
    """From when to when, and how many calls."""

    start: datetime
    end: datetime
    calls: int


class Installed(msgspec.Struct, frozen=True):
    """What the calls go by: whose they are, and what the servers are called here."""

    org_id: str
    callers: tuple[Caller, ...]
    visitors: tuple[Visitor, ...]
    names: dict[str, str]
    masker: Masker


class Traffic:
    """One period's calls."""

    def __init__(self, random: Random, of: Company, period: Period, at: Installed) -> None:
        """Makes nothing yet."""
        words = Words(random)
        self._random = random
        self._agents = of.agents
        self._period = period
        self._callers = at.callers
        self._visitors = at.visitors
        self.incidents = incidents_of(period.start, period.end)
        self._bench = Workbench(random, of, at.names)
        outcomes = Outcomes(random, words, self.incidents, at.names)
        self._maker = CallMaker(random, words, outcomes, org_id=at.org_id, masker=at.masker)
        self._spans: list[SpanRecord] = []
        self._lists = {at.names[server.name]: listing(server) for server in of.servers}

    def records(self) -> Iterator[CallRecord]:
        """As many as the period has, masked, about in the order of time."""
        by_agent = {
            agent.name: Choice(
                self._random, [(one, one.weight) for one in self._callers if one.agent == agent]
            )
            for agent in self._agents
            if agent.hours != "shop"
        }
        for begin, upto, calls in self._slots():
            agents = self._agents_at(begin)
            coming = Choice(self._random, [(one.caller, one.weight_at(upto)) for one in self._visitors])
            made: list[CallRecord] = []
            while len(made) < calls:
                agent = agents()
                caller = coming() if agent.hours == "shop" else by_agent[agent.name]()
                steps = self._bench.steps(agent)[: calls - len(made)]
                moment = begin + (upto - begin) * self._random.random()
                made += self._run(caller, steps, moment)
            made.sort(key=_moment)
            yield from made

    def take_spans(self) -> list[SpanRecord]:
        """What others exported about the runs that were made since it was asked last."""
        taken, self._spans = self._spans, []
        return taken

    def _run(self, caller: Caller, steps: Sequence[ReadyTool], begin: datetime) -> list[CallRecord]:
        random = self._random
        run = begun(random, caller)
        door = caller.agent.door
        lists = door == "mcp" and len(steps) > 1 and random.random() < _LISTS
        made: list[tuple[int, CallRecord]] = []
        after_ns = 0
        for tool in steps:
            if lists and not made:
                record = self._maker.listing(run, tool.server, self._lists[tool.server])
            else:
                record = self._maker.call(run, tool, begin + timedelta(microseconds=after_ns // 1000))
            made.append((after_ns, record))
            after_ns += record.duration_ns + int(random.lognormvariate(0.0, 0.9) * _PAUSE_S[door] * _NS)
        begin_ns = min(_unix_ns(begin), _unix_ns(self._period.end) - after_ns)  # nothing lies ahead
        calls = [msgspec.structs.replace(record, ts_ns=begin_ns + ns) for ns, record in made]
        self._spans += around(random, calls)
        return calls

    def _slots(self) -> list[tuple[datetime, datetime, int]]:
        """The hours of the period, the first and last of them parts, and how many calls each has."""
        period, slots, weights = self._period, [], []
        whole = sum(agent.weight for agent in self._agents)
        begin = period.start
        while begin < period.end:
            upto = min(period.end, begin.replace(minute=0, second=0, microsecond=0) + _HOUR)
            usual = sum(agent.weight * activity(agent.hours, begin) for agent in self._agents)
            wild = RUNAWAY_WEIGHT * whole if self._runaways(begin) else 0.0
            part = (begin - period.start) / (period.end - period.start)
            noise = self._random.uniform(0.9, 1.1)
            weights.append((usual * noise + wild) * growth(part) * ((upto - begin) / _HOUR))
            slots.append((begin, upto))
            begin = upto
        return [(*slot, calls) for slot, calls in zip(slots, shared(period.calls, weights), strict=True)]

    def _runaways(self, at: datetime) -> set[str]:
        return {one.of for one in self.incidents if one.kind is Kind.RUNAWAY and one.holds(at)}

    def _agents_at(self, at: datetime) -> Choice[Agent]:
        """Who is at work then; runs with many steps are begun less often."""
        wild = self._runaways(at)
        extra = RUNAWAY_WEIGHT * sum(agent.weight for agent in self._agents)
        weighed = [
            (agent, agent.weight * activity(agent.hours, at) + (extra if agent.name in wild else 0.0))
            for agent in self._agents
        ]
        return Choice(self._random, [(agent, weight / sum(agent.steps)) for agent, weight in weighed])


def period_before(end: datetime, *, days: int, calls: int) -> Period:
    """The days up to that moment."""
    return Period(end.astimezone(UTC) - timedelta(days=days), end.astimezone(UTC), calls)


def _moment(record: CallRecord) -> int:
    return record.ts_ns


def _unix_ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
