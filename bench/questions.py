"""The questions whose answers are timed: each as the API asks it, with another value each time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bench.filling import BIG_SPANS, BIG_TRACE, CUSTOMERS, DAY_NS, ORDERS, ORG, SERVERS, TOOLS, Filled
from gatewayops.api.trace_answers import one_trace
from gatewayops.query import analytics, behaviour, costs, logs, metrics, runs, traces
from gatewayops.query.analytics import Asked
from gatewayops.query.timed_span import timed_span
from gatewayops.store.telemetry.client import Telemetry
from gatewayops.store.telemetry.run_sql import RunFilter
from gatewayops.store.telemetry.span_filter import SpanFilter

PAGE = 50


@dataclass(frozen=True)
class Question:
    """What is asked, how it is asked once, and how long it may take (None: no goal was set)."""

    what: str
    ask: Callable[[], Awaitable[object]]
    goal_ms: int | None = None


class Asker:
    """Asks one store about what it was filled with."""

    def __init__(self, telemetry: Telemetry, filled: Filled) -> None:
        """The values asked for are random, and the same in every run."""
        self._telemetry = telemetry
        self._filled = filled
        self._chance = random.Random(7)
        day = filled.end_ns // DAY_NS * DAY_NS
        self._month = Asked(ORG, day - 29 * DAY_NS, day + DAY_NS)
        self._ids: list[str] = []

    async def prepare(self) -> None:
        """Finds ids of traces to ask for, from all of the time."""
        for day in range(1, 30):
            end_ns = self._filled.end_ns - day * DAY_NS // 2
            wanted = SpanFilter(org_id=ORG, start_ns=self._filled.start_ns, end_ns=end_ns)
            page = await traces.list_traces(self._telemetry, wanted, limit=2)
            self._ids += [trace.trace_id for trace in page.traces]
        self._chance.shuffle(self._ids)

    def questions(self) -> Iterator[Question]:
        """All, in the order of the goals."""
        yield Question("a trace by its id", self._trace, 50)
        yield Question("search: server, tool, status, 24 h", self._indexed, 100)
        yield Question("search: an attribute's value, 24 h", lambda: self._attribute(days=1), 500)
        yield Question("search: an attribute's value, 30 days", lambda: self._attribute(days=30), 500)
        yield Question("search: a request's id in an attribute, 30 days", self._rare_attribute, 500)
        yield Question("search: text in payloads, 24 h", self._text)
        yield Question("percentiles of a tool, 24 h", self._percentiles, 150)
        yield Question("metrics by tool in steps, 24 h", self._series)
        yield Question(f"waterfall of {BIG_SPANS:,} spans", self._waterfall, 2_000)
        yield Question("list of traces, 24 h", self._traces)
        yield Question("list of runs, 24 h", self._runs)
        yield Question("cost of the month by team", lambda: self._costs("team"))
        yield Question("cost of the month by day", lambda: self._costs("day"))
        yield Question("active users a day, 30 days", self._active)
        yield Question("users and sessions, 30 days", self._headline)
        yield Question("segments by sessions, 30 days", self._segments)
        yield Question("top tools with sessions, 30 days", self._tools)
        yield Question("journeys over tools, 30 days", self._journeys)

    def _wanted(self, days: int, **more: object) -> SpanFilter:
        end_ns = self._filled.end_ns
        values: dict[str, object] = {"org_id": ORG, "start_ns": end_ns - days * DAY_NS, "end_ns": end_ns}
        return SpanFilter(**(values | more))  # type: ignore[arg-type]  # fields by name

    def _tool(self) -> dict[str, object]:
        server, tool = self._chance.randrange(SERVERS), self._chance.randrange(TOOLS)
        return {"server": f"server-{server}", "tool": f"tool_{tool}"}

    async def _trace(self) -> object:
        trace_id = self._ids[self._chance.randrange(len(self._ids))]
        return await self._detail(trace_id)

    async def _detail(self, trace_id: str) -> bytes:
        """As `GET /v1/traces/{id}` does."""
        extent = await traces.extent_of(self._telemetry, org_id=ORG, trace_id=trace_id)
        (found, page), said = await asyncio.gather(
            traces.whole_trace(self._telemetry, extent), logs.logs_of_trace(self._telemetry, extent)
        )
        return one_trace(found, page.spans, [timed_span(span) for span in page.spans], said)

    async def _indexed(self) -> object:
        wanted = self._wanted(1, statuses=("error",), **self._tool())
        return await traces.list_traces(self._telemetry, wanted, limit=PAGE)

    async def _attribute(self, *, days: int) -> object:
        value = f"c-{self._chance.randrange(CUSTOMERS)}"
        wanted = self._wanted(days, attributes=(("customer.id", value),))
        return await traces.list_traces(self._telemetry, wanted, limit=PAGE)

    async def _rare_attribute(self) -> object:
        value = f"{self._chance.getrandbits(64):x}"
        wanted = self._wanted(30, attributes=(("request.id", value),))
        return await traces.list_traces(self._telemetry, wanted, limit=PAGE)

    async def _text(self) -> object:
        wanted = self._wanted(1, text=f"ord-{self._chance.randrange(ORDERS)}")
        return await traces.list_traces(self._telemetry, wanted, limit=PAGE)

    async def _percentiles(self) -> object:
        return await metrics.summary(self._telemetry, self._wanted(1, **self._tool()))

    async def _series(self) -> object:
        return await metrics.series(self._telemetry, self._wanted(1), group_by="tool", step_s=900)

    async def _waterfall(self) -> object:
        return await self._detail(BIG_TRACE)

    async def _traces(self) -> object:
        return await traces.list_traces(self._telemetry, self._wanted(1), limit=PAGE)

    async def _runs(self) -> object:
        end_ns = self._filled.end_ns
        wanted = RunFilter(org_id=ORG, start_ns=end_ns - DAY_NS, end_ns=end_ns)
        return await runs.list_runs(self._telemetry, wanted, limit=PAGE)

    async def _costs(self, group_by: str) -> object:
        return await costs.cost_report(
            self._telemetry,
            org_id=ORG,
            start_ns=self._month.start_ns,
            end_ns=self._month.end_ns,
            group_by=group_by,
        )

    async def _active(self) -> object:
        return await analytics.active_users(self._telemetry, self._month, interval="day")

    async def _headline(self) -> object:
        return await analytics.headline(self._telemetry, self._month)

    async def _segments(self) -> object:
        return await analytics.segments(self._telemetry, self._month)

    async def _tools(self) -> object:
        return await behaviour.top_tools(self._telemetry, self._month, limit=20)

    async def _journeys(self) -> object:
        return await behaviour.journeys(self._telemetry, self._month, length=3, limit=20)
