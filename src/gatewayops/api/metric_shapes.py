"""The metrics API's bodies, and how figures of `query` become them."""

from typing import Any

from pydantic import Field

from gatewayops.api.periods import iso, ms
from gatewayops.api.shapes import LateShape
from gatewayops.query.metrics import CallFigures, Series

_SECOND_NS = 1_000_000_000


class FiguresBody(LateShape):
    """What a set of calls amounts to. Latency is the gateway's total, without streams; null without calls."""

    calls: int
    calls_per_s: float
    errors: int
    error_rate: float = Field(description="0 to 1")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    active_agents: int
    active_users: int
    active_keys: int


class MetricsSummary(LateShape):
    """All calls of the window."""

    start_time: str
    end_time: str
    figures: FiguresBody


class Point(FiguresBody):
    """One step."""

    time: str = Field(description="where the step begins")


class SeriesBody(LateShape):
    """One group; `group` is null for all calls together and for calls that have none."""

    group: str | None
    figures: FiguresBody
    points: list[Point]


class MetricsSeries(LateShape):
    """The busiest groups of the window, busiest first (at most 20)."""

    start_time: str
    end_time: str
    step_s: int
    group_by: str | None
    total: SeriesBody | None = Field(description="all calls together, when they are grouped")
    groups: list[SeriesBody]
    has_more_groups: bool


def told(found: CallFigures, *, length_ns: int) -> dict[str, Any]:
    """The fields of FiguresBody."""
    return {
        "calls": found.calls,
        "calls_per_s": round(found.calls / (length_ns / _SECOND_NS), 6),
        "errors": found.errors,
        "error_rate": found.errors / found.calls if found.calls else 0.0,
        **{
            f"{name}_ms": None if value is None else ms(value)
            for name, value in (("p50", found.p50_ns), ("p95", found.p95_ns), ("p99", found.p99_ns))
        },
        "active_agents": found.agents,
        "active_users": found.users,
        "active_keys": found.keys,
    }


def series_body(group: Series, *, length_ns: int, step_s: int) -> SeriesBody:
    """One group over so long a time."""
    step_ns = step_s * _SECOND_NS
    return SeriesBody(
        group=group.name or None,
        figures=FiguresBody(**told(group.total, length_ns=length_ns)),
        points=[Point(time=iso(at_ns), **told(found, length_ns=step_ns)) for at_ns, found in group.points],
    )
