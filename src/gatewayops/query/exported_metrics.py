"""Metrics that servers and clients sent by OTLP: which there are, and one over time."""

from dataclasses import dataclass
from typing import Any

import msgspec

from gatewayops.query import cursor as cursors
from gatewayops.query.asking import SpanReader
from gatewayops.query.cursor import Cursor
from gatewayops.store.telemetry import point_sql

MAX_SERIES = 50
_SECOND_NS = 1_000_000_000


class PointFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Points of one organisation in a time range; empty text means "any"."""

    org_id: str
    start_ns: int  # Unix nanoseconds, inclusive
    end_ns: int  # exclusive
    server: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class MetricName:
    """A metric that has points in the range; kind, unit and temporality as last sent."""

    name: str
    kind: str
    unit: str
    temporality: str
    services: tuple[str, ...]
    servers: tuple[str, ...]
    points: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class NamePage:
    """By name; `cursor` is None on the last page."""

    names: list[MetricName]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """A step: the sum of its deltas, else its last reading. Histograms and summaries have no value."""

    at_ns: int
    value: float | None
    count: int
    sum: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric of one sender with one set of attributes; steps without points lack."""

    server: str
    service: str
    kind: str
    unit: str
    temporality: str
    is_monotonic: bool
    attributes: dict[str, str]
    points: list[MetricPoint]


async def list_names(telemetry: SpanReader, wanted: PointFilter, *, limit: int, cursor: str = "") -> NamePage:
    """Metrics by name. Raises InvalidInput for a foreign cursor."""
    after = cursors.decode(cursor) if cursor else None
    if after is not None:
        wanted = msgspec.structs.replace(wanted, start_ns=after.start_ns, end_ns=after.end_ns)
    values = _values(wanted) | {"after": "" if after is None else after.id, "limit": limit + 1}
    rows = await telemetry.rows(point_sql.names(), values)
    names = [_name(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return NamePage(names, None)
    return NamePage(names, cursors.encode(Cursor(0, names[-1].name, wanted.start_ns, wanted.end_ns)))


async def series(
    telemetry: SpanReader, wanted: PointFilter, *, name: str, step_s: int
) -> tuple[list[MetricSeries], bool]:
    """The series of a metric with most steps, and whether there are more than MAX_SERIES."""
    values = _values(wanted) | {"name": name, "step": step_s * _SECOND_NS, "limit": MAX_SERIES + 1}
    rows = await telemetry.rows(point_sql.series(), values)
    found = [
        MetricSeries(points=[MetricPoint(*point) for point in row.pop("points")], **row)
        for row in rows[:MAX_SERIES]
    ]
    return found, len(rows) > MAX_SERIES


def _values(wanted: PointFilter) -> dict[str, Any]:
    named = {"org": wanted.org_id, "start": wanted.start_ns, "end": wanted.end_ns}
    return named | {"server": wanted.server, "service": wanted.service}


def _name(row: dict[str, Any]) -> MetricName:
    return MetricName(
        name=row["name"],
        kind=row["last_kind"],
        unit=row["last_unit"],
        temporality=row["last_temporality"],
        services=tuple(sorted(filter(None, row["services"]))),
        servers=tuple(sorted(filter(None, row["servers"]))),
        points=row["points"],
        last_ns=row["last_ns"],
    )
